// Times the fill of one large window without its network: node benchmarks/phone/time_fill.js [another/fill.mjs ...]
//
// A made picture of 690 x 690 pixels with a hole of 345 x 345; the network's answer is a blur. Every file that is named is timed
// beside fill.js, in turns, and has to make the same bytes. Medians of 20 after 3 that warm up. Beside it the same less the fill
// without detail, which scales down and up only: what tone, detail and seam take.

import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const SIDE = 690, SIZE = 256, ROUNDS = 20, WARM = 3;
const own = path.join(path.dirname(fileURLToPath(import.meta.url)), "fill.js");
const files = [own, ...process.argv.slice(2)];

// Waves of many lengths and noise, both stronger further down, so that it is no texture all over, of a generator with a seed: every
// run has the same picture.
let state = 1;
const noise = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
const waves = Array.from({ length: 24 }, (_, i) => ({ down: (noise() - 0.5) / 2 ** (i / 6), across: (noise() - 0.5) / 2 ** (i / 6), at: 6 * noise() }));
const level = (y, x, c) => 128 + ((8 * y) / SIDE) * waves.reduce((sum, wave) => sum + Math.sin(wave.down * y + wave.across * x + wave.at + c / 2), 0);
const photo = { data: new Uint8Array(SIDE * SIDE * 3), height: SIDE, width: SIDE, channels: 3 };
const clamped = new Uint8ClampedArray(photo.data.buffer), mask = new Uint8Array(SIDE * SIDE);
for (let y = 0, i = 0; y < SIDE; y++)
  for (let x = 0; x < SIDE; x++) {
    for (let c = 0; c < 3; c++) clamped[i++] = level(y, x, c) + ((80 * y) / SIDE) * (noise() - 0.5);
    const inside = (at) => at >= SIDE / 4 && at < (3 * SIDE) / 4;
    if (inside(y) && inside(x)) mask[y * SIDE + x] = 255;
  }
const run = async (image) => image.map((_, i) => 128 + 60 * Math.sin(i / 3 / SIZE / 40) + 20 * Math.sin(((i / 3) % SIZE) / 30));

const fills = await Promise.all(files.map(async (file) => (await import(pathToFileURL(path.resolve(file)))).inpaint));
const times = files.map(() => []), plain = files.map(() => []);
let expected = null, different = 0;
for (let round = 0; round < WARM + ROUNDS; round++)
  for (const [number, inpaint] of fills.entries()) {
    let asked = 0;
    const timed = async (image) => {
      const before = performance.now(), answer = await run(image);
      asked += performance.now() - before;
      return answer;
    };
    let start = performance.now();
    const { data } = await inpaint(photo, mask, timed, SIZE);
    if (round >= WARM) times[number].push(performance.now() - start - asked);
    (asked = 0), (start = performance.now());
    await inpaint(photo, mask, timed, SIZE, { parameters: null });
    if (round >= WARM) plain[number].push(performance.now() - start - asked);
    expected ??= data;
    if (!data.every((value, i) => value === expected[i])) different++;
  }
for (const [number, file] of files.entries()) {
  const [whole, bare] = [times[number], plain[number]].map((found) => found.sort((a, b) => a - b));
  const detail = `without scaling ${(whole[ROUNDS / 2] - bare[ROUNDS / 2]).toFixed(1)}, least ${(whole[0] - bare[0]).toFixed(1)}`;
  console.log(`${path.relative(".", file)}: ${whole[ROUNDS / 2].toFixed(1)} ms, least ${whole[0].toFixed(1)}; ${detail}`);
}
if (different) console.log(`${different} fills are DIFFERENT`);
process.exitCode = different ? 1 : 0;
