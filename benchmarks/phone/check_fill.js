// Compares fill.js with the golden files: node benchmarks/phone/check_fill.js [models/fill/goldens]
//
// Prints one line a case; exits with 1 where a picture differs from the golden one, or the network is asked something else.

import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { inpaint } from "./fill.js";
import { readPng } from "./png.js";

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2] ?? path.join(here, "../../models/fill/goldens");
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

let failed = 0;
for (const name of readdirSync(folder).sort()) {
  const golden = JSON.parse(readFileSync(path.join(folder, name, "case.json"), "utf8"));
  const open = (file) => readPng(path.join(folder, name, file));
  const asked = [];
  const run = async (image, mask) => {
    const call = golden.calls[asked.length];
    asked.push(call !== undefined && same(image, open(call.image).data) && same(mask, open(call.mask).data));
    return call ? open(call.answer).data : new Uint8Array(image.length);
  };
  const parameters = golden.parameters && Object.fromEntries(Object.entries(golden.parameters).map(([key, value]) => [camel(key), value]));
  const start = performance.now();
  const result = await inpaint(open(golden.photo), open(golden.mask).data, run, golden.size, { parameters });
  const took = performance.now() - start;
  const equal = same(result.data, open(golden.result).data), questions = asked.length === golden.calls.length && asked.every(Boolean);
  if (!equal || !questions) failed++;
  console.log(`${name}: ${equal ? "equal" : "DIFFERENT"}${questions ? "" : ", the network was asked something else"}, ${took.toFixed(0)} ms`);
}
process.exitCode = failed ? 1 : 0;

function same(a, b) {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
