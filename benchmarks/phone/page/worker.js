// The network and the fill, away from the page's thread.
//
// Messages in: { do: "load", model }, { do: "fill", pixels, width, height, mask }, { do: "cancel" }, { do: "benchmark", model }.
// Messages out: { did: "load" | "fill" | "benchmark", ... }, { progress, of }, { failed, text }.

import * as ort from "./runtime/ort.wasm.min.mjs";
import { inpaint } from "./fill.js";
import { isGrey, makeGrey } from "./grey.js";
import { compare, describe } from "./statistics.js";

const WARM_UPS = 10, RUNS = 50, MOST_MS = 5000;

ort.env.wasm.wasmPaths = new URL("./runtime/", self.location.href).href;
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
ort.env.logLevel = "error";

let session, size, loadMs, cancel = new AbortController();

const fetched = async (address) => {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${await answer.text()}`);
  return new Uint8Array(await answer.arrayBuffer());
};
// A macrotask: what the page says meanwhile is heard only between two of them.
const breath = () => new Promise((resolve) => setTimeout(resolve));

async function network(image, mask) {
  const feeds = { image: new ort.Tensor("uint8", image, [1, size, size, 3]), mask: new ort.Tensor("uint8", mask, [1, size, size, 1]) };
  return (await session.run(feeds)).result.data;
}

async function load({ model }) {
  const bytes = await fetched(model.model), golden = await fetched(model.golden);
  const start = performance.now();
  session?.release?.();
  session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  loadMs = performance.now() - start;
  size = model.size;
  const pixels = size * size;
  goldens.set(model.name, [golden.subarray(0, 3 * pixels), golden.subarray(3 * pixels, 4 * pixels), golden.subarray(4 * pixels)]);
  setTimeout(warmUp);
  return { threads: ort.env.wasm.numThreads, ms: loadMs };
}
const goldens = new Map();

// The first fill would wait for the browser's compilers otherwise; the page is usable meanwhile.
async function warmUp() {
  const side = size + size / 2, photo = { data: new Uint8Array(side * side * 3).map((_, i) => i * 2654435761 >>> 24), width: side, height: side, channels: 3 };
  const mask = new Uint8Array(side * side).fill(255, side * (side / 2 - 8), side * (side / 2 + 8)).fill(0, 0, 1);
  for (let y = 0; y < side; y++) mask.fill(0, y * side, y * side + side / 4).fill(0, y * side + 3 * side / 4, (y + 1) * side);
  await inpaint(photo, mask, network, size);
}

async function fill({ pixels, width, height, mask }) {
  cancel = new AbortController();
  const photo = { data: new Uint8Array(width * height * 3), width, height, channels: 3 };
  for (let i = 0, j = 0; j < photo.data.length; i += 4, j += 3) {
    photo.data[j] = pixels[i]; photo.data[j + 1] = pixels[i + 1]; photo.data[j + 2] = pixels[i + 2];
  }
  const start = performance.now();
  let networkMs = 0;
  const run = async (image, hole) => {
    await breath();
    const begun = performance.now(), answer = await network(image, hole);
    networkMs += performance.now() - begun;
    return answer;
  };
  const progress = (done, all) => self.postMessage({ progress: done, of: all });
  const filled = await inpaint(photo, mask, run, size, { signal: cancel.signal, progress });
  if (isGrey(photo)) makeGrey(filled);
  const ms = performance.now() - start;
  for (let i = 0, j = 0; j < filled.data.length; i += 4, j += 3) {
    pixels[i] = filled.data[j]; pixels[i + 1] = filled.data[j + 1]; pixels[i + 2] = filled.data[j + 2];
  }
  return { pixels, ms, networkMs };
}

async function benchmark({ model }) {
  const [image, mask, expected] = goldens.get(model.name);
  const once = async () => {
    const start = performance.now();
    const result = await network(image, mask);
    return [performance.now() - start, result];
  };
  const [first, result] = await once(), times = [];
  for (let i = 1; i < WARM_UPS; i++) await once();
  const start = performance.now();
  while (times.length < RUNS && performance.now() - start < MOST_MS || times.length < 10) {
    times.push((await once())[0]);
    await breath();
    self.postMessage({ progress: times.length, of: RUNS });
  }
  return {
    runtime: { name: "onnxruntime-web", version: ort.env.versions.web, provider: "wasm", threads: ort.env.wasm.numThreads },
    times_ms: { load: loadMs, first, warm_ups: WARM_UPS, ...describe(times) },
    golden: compare(result, expected, mask, model),
  };
}

const DO = { load, fill, benchmark };

self.onmessage = async ({ data }) => {
  if (data.do === "cancel") return cancel.abort();
  try {
    const answer = await DO[data.do](data);
    self.postMessage({ did: data.do, ...answer }, answer.pixels ? [answer.pixels.buffer] : []);
  } catch (error) {
    self.postMessage({ failed: data.do, cancelled: error.name === "AbortError", text: error.message || String(error) });
  }
};
