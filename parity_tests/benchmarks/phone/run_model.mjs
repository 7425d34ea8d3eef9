// Runs a model in ONNX Runtime Web: node run_model.mjs PHONE MODEL SIZE INPUTS OUTPUTS
//
// INPUTS holds images (SIZE, SIZE, 3) and masks (SIZE, SIZE) in turn, uint8; OUTPUTS gets the results (SIZE, SIZE, 3).

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const [phone, model, side, inputs, outputs] = process.argv.slice(2);
const ort = createRequire(path.join(phone, "package.json"))("onnxruntime-web");
ort.env.wasm.numThreads = 1;
const size = Number(side), pixels = size * size, bytes = new Uint8Array(readFileSync(inputs));
const session = await ort.InferenceSession.create(model);
const results = [];
for (let at = 0; at < bytes.length; at += 4 * pixels) {
  const feeds = {
    image: new ort.Tensor("uint8", bytes.slice(at, at + 3 * pixels), [1, size, size, 3]),
    mask: new ort.Tensor("uint8", bytes.slice(at + 3 * pixels, at + 4 * pixels), [1, size, size, 1]),
  };
  results.push((await session.run(feeds)).result.data);
}
writeFileSync(outputs, Buffer.concat(results));
