// PNG files of 8 bits a channel as rasters, for Node: what browsers and Android have built in.

import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";

const CHANNELS = { 0: 1, 2: 3 }; // grey, RGB

/** { data: Uint8Array, height, width, channels } of a file without palette, alpha and interlacing. */
export function readPng(path) {
  const file = readFileSync(path);
  let header;
  const parts = [];
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at), kind = file.toString("latin1", at + 4, at + 8), body = file.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") header = body;
    if (kind === "IDAT") parts.push(body);
    at += length + 12;
  }
  const width = header.readUInt32BE(0), height = header.readUInt32BE(4), channels = CHANNELS[header[9]];
  if (header[8] !== 8 || !channels || header[12]) throw new Error(`${path}: 8-bit grey or RGB without interlacing is needed`);
  const line = width * channels, raw = inflateSync(Buffer.concat(parts)), data = new Uint8Array(height * line);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (line + 1)];
    for (let x = 0; x < line; x++) {
      const left = x >= channels ? data[y * line + x - channels] : 0, up = y ? data[(y - 1) * line + x] : 0;
      const corner = y && x >= channels ? data[(y - 1) * line + x - channels] : 0;
      data[y * line + x] = raw[y * (line + 1) + 1 + x] + [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
    }
  }
  return { data, height, width, channels };
}

function paeth(left, up, corner) {
  const estimate = left + up - corner;
  const a = Math.abs(estimate - left), b = Math.abs(estimate - up), c = Math.abs(estimate - corner);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
