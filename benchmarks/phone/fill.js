// The fill of a photo of any size, for browsers and Node: models/fill in JavaScript, equal to it byte for byte.
//
// docs/fill.md has the algorithm. Everything is whole numbers, so that every language gives the same picture; a check against the
// golden files is check_fill.js. Division is always floor division: Math.floor(a / b) of whole numbers below 2^53 is exact.
//
// A raster is { data, height, width, channels }, row by row, channels together. A box is { top, left, bottom, right }, ends not
// included. The functions have the names and the order of the Python files.

export const DEFAULTS = Object.freeze({
  band: 4, middle: 3, patch: 4, samples: 4, coherence: 256, reuse: 51, echo: 128, rows: 512, columns: 128,
  sweeps: 4, shallow: 3, fade: 5, toneVariance: 30, colour: 2, seamVariance: 100, seamLevels: 4, seamLimit: 48, coarse: 2,
  crowd: 2,
});

const CONTEXT = 2;
const THICK = 4;
const ONE = 256; // weights are in 1/256
const SIXTEENTH = 16; // values that are spread are in 1/16 of a level
const REACH = 4;
const MEAN_WEIGHT = 2;
const HIGH = 2 ** 26; // the higher one of two whole numbers in one

const floorDiv = (a, b) => Math.floor(a / b);
const ceilDiv = (a, b) => Math.ceil(a / b);
const clip = (value, low, high) => Math.min(Math.max(value, low), high);
const raster = (Type, height, width, channels) => ({ data: new Type(height * width * channels), height, width, channels });

/**
 * Fill the hole of a photo.
 *
 * @param photo { data: Uint8Array, height, width, channels: 3 }; not changed.
 * @param mask Uint8Array, one value a pixel, >= 128: fill.
 * @param run async (image, mask) => Uint8Array: a network of size x size; image has three channels, mask one of 0 and 255.
 * @param size the network's height and width.
 * @param options parameters: null for the network's fill alone; progress(done, all); signal: an AbortSignal.
 * @returns a new raster, equal to the photo wherever the mask says keep.
 */
export async function inpaint(photo, mask, run, size, { parameters = DEFAULTS, progress = () => {}, signal } = {}) {
  const { height, width } = photo;
  if (photo.channels !== 3 || photo.data.length !== height * width * 3) throw new RangeError("photo: three channels are needed");
  if (mask.length !== height * width) throw new RangeError(`mask: ${height} x ${width} values are needed, got ${mask.length}`);
  const unknown = atLeastHalf(mask);
  if (!unknown.includes(0)) throw new RangeError("the mask is full: it keeps no pixel of the photo to continue from");
  const result = { ...photo, data: new Uint8Array(photo.data) };
  const groups = holeGroups({ data: unknown, height, width, channels: 1 }, Math.max(1, floorDiv(size, 2)));
  for (const [index, group] of groups.entries()) {
    signal?.throwIfAborted();
    const paste = cut({ data: unknown, height, width, channels: 1 }, group);
    if (paste.data.includes(1)) {
      const window = contextWindow(group, height, width, size);
      const hole = seen({ data: unknown, height, width, channels: 1 }, window);
      const filled = await fillWindow(seen(result, window), hole, run, size, parameters, within(group, window));
      const wanted = paste.data, from = filled.data, into = result.data;
      for (let y = 0, at = 0; y < paste.height; y++)
        for (let x = 0, to = (group.top + y) * width + group.left; x < paste.width; x++, at++, to++)
          if (wanted[at]) {
            into[3 * to] = from[3 * at];
            into[3 * to + 1] = from[3 * at + 1];
            into[3 * to + 2] = from[3 * at + 2];
            unknown[to] = 0; // known to the groups after it, so that neighbours agree
          }
    }
    progress(index + 1, groups.length);
  }
  return result;
}

// 1 where a byte is 128 or more, which is its highest bit: four of them at a time.
function atLeastHalf(mask) {
  const result = new Uint8Array(mask), words = new Uint32Array(result.buffer, 0, result.length >> 2);
  for (let i = 0; i < words.length; i++) words[i] = (words[i] >>> 7) & 0x01010101;
  for (let i = 4 * words.length; i < result.length; i++) result[i] >>= 7;
  return result;
}

// ------------------------------------------------------------------------------------------------ holes.py

const within = (box, window) => moved(box, -window.top, -window.left);
const moved = (box, down, right) => ({
  top: box.top + down, left: box.left + right, bottom: box.bottom + down, right: box.right + right,
});
const intersection = (a, b) => {
  const box = {
    top: Math.max(a.top, b.top), left: Math.max(a.left, b.left),
    bottom: Math.min(a.bottom, b.bottom), right: Math.min(a.right, b.right),
  };
  return box.top < box.bottom && box.left < box.right ? box : null;
};

function cut(source, box) {
  const { channels, width } = source;
  const result = raster(source.data.constructor, box.bottom - box.top, box.right - box.left, channels);
  for (let y = 0; y < result.height; y++) {
    const from = ((box.top + y) * width + box.left) * channels;
    result.data.set(source.data.subarray(from, from + result.width * channels), y * result.width * channels);
  }
  return result;
}

// The same to look at only: nothing is copied where the box is all there is.
function seen(source, box) {
  return box.bottom - box.top === source.height && box.right - box.left === source.width ? source : cut(source, box);
}

export function holeGroups(hole, cell) {
  const rows = ceilDiv(hole.height, cell), columns = ceilDiv(hole.width, cell);
  const side = Math.max(1, floorDiv(cell, THICK)), count = floorDiv(cell, side);
  const state = new Uint8Array(rows * columns); // 0 no hole, 1 hole, 2 hole that covers a whole square
  // How much of each square of a cell is hole; what is no whole square any more is counted, too, and not looked at.
  const there = hole.data, covered = new Int32Array((count + 1) * (count + 1));
  const squareOf = Int32Array.from({ length: cell }, (_, x) => floorDiv(x, side));
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const box = intersection(
        { top: row * cell, left: column * cell, bottom: (row + 1) * cell, right: (column + 1) * cell },
        { top: 0, left: 0, bottom: hole.height, right: hole.width });
      covered.fill(0);
      let any = 0;
      for (let y = box.top; y < box.bottom; y++) {
        const line = y * hole.width, i = floorDiv(y - box.top, side) * (count + 1);
        for (let x = box.left; x < box.right; x++)
          if (there[line + x]) {
            any = 1;
            covered[i + squareOf[x - box.left]]++;
          }
      }
      state[row * columns + column] = any;
      for (let i = 0; i < count; i++)
        for (let j = 0; j < count; j++) if (covered[i * (count + 1) + j] === side * side) state[row * columns + column] = 2;
    }
  const taken = new Uint8Array(rows * columns);
  const boxes = [];
  for (let start = 0; start < state.length; start++) {
    if (!state[start] || taken[start]) continue;
    taken[start] = 1;
    const component = [start];
    for (let next = 0; next < component.length; next++) {
      const row = floorDiv(component[next], columns), column = component[next] % columns;
      for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++)
        for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++)
          if (state[r * columns + c] && !taken[r * columns + c]) {
            taken[r * columns + c] = 1;
            component.push(r * columns + c);
          }
    }
    const box = tightBox(hole, component, cell, columns);
    const long = Math.max(box.bottom - box.top, box.right - box.left) > cell;
    if (long && !component.some((place) => state[place] === 2)) {
      component.sort((a, b) => a - b);
      for (const place of component) boxes.push(tightBox(hole, [place], cell, columns));
    } else boxes.push(box);
  }
  return boxes;
}

function tightBox(hole, component, cell, columns) {
  const rows = component.map((place) => floorDiv(place, columns)), across = component.map((place) => place % columns);
  const least = (values) => values.reduce((a, b) => Math.min(a, b)), most = (values) => values.reduce((a, b) => Math.max(a, b));
  const outer = {
    top: least(rows) * cell, left: least(across) * cell,
    bottom: Math.min(hole.height, (most(rows) + 1) * cell), right: Math.min(hole.width, (most(across) + 1) * cell),
  };
  return boundingBox(hole, outer);
}

function boundingBox(hole, outer = { top: 0, left: 0, bottom: hole.height, right: hole.width }) {
  const there = hole.data;
  let top = hole.height, left = hole.width, bottom = 0, right = 0;
  for (let y = outer.top; y < outer.bottom; y++)
    for (let x = outer.left; x < outer.right; x++)
      if (there[y * hole.width + x]) {
        top = Math.min(top, y);
        left = Math.min(left, x);
        bottom = Math.max(bottom, y + 1);
        right = Math.max(right, x + 1);
      }
  return { top, left, bottom, right };
}

export function contextWindow(group, height, width, size) {
  const side = size * ceilDiv(CONTEXT * Math.max(group.bottom - group.top, group.right - group.left), size);
  const span = (start, stop, length) => {
    const first = Math.min(Math.max(0, floorDiv(start + stop - side, 2)), Math.max(0, length - side));
    return [first, Math.min(length, first + side)];
  };
  const [top, bottom] = span(group.top, group.bottom, height), [left, right] = span(group.left, group.right, width);
  return { top, left, bottom, right };
}

// ------------------------------------------------------------------------------------------------ window.py

async function fillWindow(photo, hole, run, size, parameters, box) {
  const window = scaled(photo, hole, size);
  const anyHole = window.hole.data.includes(1);
  let small = window.picture;
  if (anyHole) {
    const answer = await run(new Uint8Array(window.picture.data), window.hole.data.map((value) => value * 255));
    if (!(answer instanceof Uint8Array) || answer.length !== size * size * 3)
      throw new RangeError(`the network's answer: a Uint8Array of ${size * size * 3} values is needed`);
    small = { ...window.picture, data: new Uint8Array(window.picture.data) };
    for (let place = 0, i = 0; place < window.hole.data.length; place++, i += 3)
      if (window.hole.data[place]) {
        small.data[i] = answer[i];
        small.data[i + 1] = answer[i + 1];
        small.data[i + 2] = answer[i + 2];
      }
  } // else the hole is thinner than half a pixel of the network: its surroundings are the fill
  if (!parameters) return enlarged(small, window.factor, box);
  if (anyHole && window.factor === 1 && isShallow(hole, box, parameters.shallow))
    return cut(withToneOfWhatItTouches(small, window.hole, depths(hole, box, REACH + 1), box), box);
  let plain = small;
  if (anyHole) {
    plain = withToneOfTheBorder(small, window.hole, parameters.toneVariance);
    plain = withLessColourOfItsOwn(plain, window.hole, parameters.colour);
  }
  const filled = withDetail(photo, hole, box, plain, window, parameters);
  fadeIn(filled, hole, box, plain, window.factor, parameters.fade);
  const around = {
    top: Math.max(0, box.top - 1), left: Math.max(0, box.left - 1),
    bottom: Math.min(hole.height, box.bottom + 1), right: Math.min(hole.width, box.right + 1),
  };
  const pixels = cut(photo, around), holes = cut(hole, around), inner = within(box, around);
  const part = raster(Uint8Array, pixels.height, pixels.width, 1), known = raster(Uint8Array, pixels.height, pixels.width, 1);
  const missing = holes.data, there = known.data, wanted = part.data, from = filled.data, into = pixels.data;
  for (let at = 0; at < missing.length; at++) there[at] = missing[at] ? 0 : 1;
  for (let y = inner.top, source = 0; y < inner.bottom; y++)
    for (let x = inner.left, at = y * pixels.width + x; x < inner.right; x++, at++, source += 3)
      if (missing[at]) {
        wanted[at] = 1;
        into[3 * at] = from[source];
        into[3 * at + 1] = from[source + 1];
        into[3 * at + 2] = from[source + 2];
      }
  return cut(withoutStep(pixels, part, known, parameters), inner);
}

const isShallow = (hole, box, most) => most > 0 && depths(hole, box, most + 1).data.every((depth) => depth <= most);

// np.pad's "symmetric", as often as needed.
const mirrored = (index, length) => {
  const place = index % (2 * length);
  return place < length ? place : 2 * length - 1 - place;
};

function scaled(photo, hole, size) {
  const factor = ceilDiv(Math.max(hole.height, hole.width), size);
  const height = ceilDiv(hole.height, factor), width = ceilDiv(hole.width, factor);
  const count = raster(Int32Array, height, width, 1), total = raster(Int32Array, height, width, 3);
  const missing = hole.data, bytes = photo.data, counts = count.data, totals = total.data;
  const inside = floorDiv(hole.width, factor); // blocks that lie wholly in the window
  for (let y = 0; y < height * factor; y++) {
    const from = mirrored(y, hole.height) * hole.width;
    const first = floorDiv(y, factor) * width;
    for (let column = 0, place = first, source = from; column < inside; column++, place++) {
      let n = 0, a = 0, b = 0, c = 0;
      for (const end = source + factor; source < end; source++) {
        if (missing[source]) continue;
        n++;
        a += bytes[source * 3];
        b += bytes[source * 3 + 1];
        c += bytes[source * 3 + 2];
      }
      counts[place] += n;
      totals[place * 3] += a;
      totals[place * 3 + 1] += b;
      totals[place * 3 + 2] += c;
    }
    for (let x = inside * factor; x < width * factor; x++) {
      const source = from + mirrored(x, hole.width), place = first + inside;
      if (missing[source]) continue;
      counts[place]++;
      for (let c = 0; c < 3; c++) totals[place * 3 + c] += bytes[source * 3 + c];
    }
  }
  const most = counts.reduce((a, b) => Math.max(a, b));
  const least = factor === 1 ? 1 : Math.min(floorDiv(factor * factor + 1, 2), most);
  const picture = raster(Uint8Array, size, size, 3), smallHole = raster(Uint8Array, size, size, 1);
  const columns = Int32Array.from({ length: size }, (_, x) => mirrored(x, width)), means = picture.data, holes = smallHole.data;
  for (let y = 0, place = 0; y < size; y++) {
    const line = mirrored(y, height) * width;
    for (let x = 0; x < size; x++, place++) {
      const source = line + columns[x], known = counts[source], half = known >> 1;
      if (known < least) holes[place] = 1;
      else // nothing is negative: what is put into a byte loses its fraction
        for (let c = 0; c < 3; c++) means[3 * place + c] = (totals[3 * source + c] + half) / known;
    }
  }
  return { factor, picture, hole: smallHole };
}

function withDetail(photo, hole, box, small, window, parameters) {
  const found = transferred(photo, hole, box, small, window.factor, parameters);
  // Without a source, and in the margin that no cell covers where a network's size is no multiple of one, it is scaled up.
  const covers = found && Object.keys(box).every((edge) => found.part[edge] === box[edge]);
  if (covers) return found.pixels;
  const filled = enlarged(small, window.factor, box);
  if (!found) return filled;
  const { part, pixels } = found, at = within(part, box);
  for (let y = 0; y < pixels.height; y++)
    filled.data.set(pixels.data.subarray(y * pixels.width * 3, (y + 1) * pixels.width * 3), ((at.top + y) * filled.width + at.left) * 3);
  return filled;
}

function transferred(photo, hole, box, small, factor, parameters) {
  const { band } = parameters, grid = floorDiv(small.height, band), cell = band * factor;
  if (grid === 0) return null;
  const cells = means(small, grid, band);
  const reached = new Uint8Array(grid * grid), known = new Uint8Array(grid * grid), holes = cellsOfHole(hole, cell, grid);
  for (let row = 0; row < grid; row++)
    for (let column = 0; column < grid; column++) {
      const top = row * cell, left = column * cell, any = holes[row * grid + column];
      const near = top > box.top - cell && top < box.bottom && left > box.left - cell && left < box.right;
      const inside = top + cell <= hole.height && left + cell <= hole.width;
      reached[row * grid + column] = any && near ? 1 : 0;
      known[row * grid + column] = !any && inside ? 1 : 0;
    }
  if (parameters.coarse > 1 && oneTexture(cells, holes, known)) {
    const larger = { ...parameters, band: band * parameters.coarse, middle: 4, coarse: 1 };
    const copied = transferred(photo, hole, box, small, factor, larger);
    if (copied) return copied;
  }
  const found = matches(cells, reached, known, parameters);
  const covered = { top: 0, left: 0, bottom: Math.min(hole.height, grid * cell), right: Math.min(hole.width, grid * cell) };
  const part = intersection(box, covered);
  if (!found || !part) return null;
  const best = chosenSources(found, parameters);
  const corners = found.wanted.map(([row, column], i) => {
    const [fromRow, fromColumn] = found.sources[best[i]];
    return { row: row * cell, column: column * cell, down: (fromRow - row) * cell, across: (fromColumn - column) * cell };
  });
  const looked = lookedAt(corners, part, cell, grid, parameters.patch);
  const low = enlarged(cells, cell, covered, looked);
  refine(corners, low, known, grid, cell, parameters.patch);
  const side = grid * band;
  const pixelsLookedAt = Uint8Array.from({ length: side * side }, (_, i) => {
    return looked[floorDiv(floorDiv(i, side), band) * grid + floorDiv(i % side, band)];
  });
  const base = enlarged(withoutDetail(small, grid, parameters), factor, covered, pixelsLookedAt);
  const added = detail(photo, base, part, corners, parameters.patch * cell).data;
  const filled = enlarged(small, factor, part), clamped = new Uint8ClampedArray(filled.data.buffer);
  for (let at = 0; at < added.length; at++) clamped[at] += added[at];
  return { part, pixels: filled };
}

// The cells of the low band that are looked at: those of the part that is filled, of the patches to fill and of their sources,
// wherever `refine` may shift these.
function lookedAt(corners, part, cell, grid, patch) {
  const result = new Uint8Array(grid * grid), margin = ceilDiv(2 * shiftOf(cell), cell), last = grid - 1;
  const mark = (top, left, bottom, right) => {
    for (let row = Math.max(0, top); row <= Math.min(last, bottom); row++)
      result.fill(1, row * grid + Math.max(0, left), row * grid + Math.min(last, right) + 1);
  };
  mark(floorDiv(part.top, cell), floorDiv(part.left, cell), floorDiv(part.bottom - 1, cell), floorDiv(part.right - 1, cell));
  for (const { row, column, down, across } of corners)
    for (const [top, left, around] of [[row, column, 0], [row + down, column + across, margin]]) {
      const first = top / cell - around, before = left / cell - around, side = patch - 1 + 2 * around;
      mark(first, before, first + side, before + side);
    }
  return result;
}

// For each cell whether there is hole in it. Known pixels, of which most windows have more, are passed by in one search.
function cellsOfHole(hole, cell, grid) {
  const result = new Uint8Array(grid * grid), bottom = Math.min(hole.height, grid * cell), right = Math.min(hole.width, grid * cell);
  for (let y = 0; y < bottom; y++) {
    const start = y * hole.width, line = hole.data.subarray(start, start + right);
    for (let x = line.indexOf(1); x >= 0; ) {
      const column = floorDiv(x, cell);
      result[floorDiv(y, cell) * grid + column] = 1;
      x = line.indexOf(1, (column + 1) * cell);
    }
  }
  return result;
}

// ------------------------------------------------------------------------------------------------ bands.py

// What is larger than half a cell, with less of what is smaller than a whole one: what the photo has beyond it is copied.
function withoutDetail(small, grid, { band, middle }) {
  const half = Math.max(1, floorDiv(band, 2)), side = grid * band, all = { top: 0, left: 0, bottom: side, right: side };
  const cells = enlarged(means(small, grid, band), band, all).data;
  const result = enlarged(means(small, side / half, half), half, all), halves = result.data;
  for (let at = 0; at < halves.length; at++) halves[at] = (middle * cells[at] + (4 - middle) * halves[at] + 2) >> 2;
  return result;
}

// ------------------------------------------------------------------------------------------------ resample.py

function means(pixels, grid, factor) {
  const result = raster(Uint8Array, grid, grid, 3), area = factor * factor;
  for (let row = 0; row < grid; row++)
    for (let column = 0; column < grid; column++)
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let y = row * factor; y < (row + 1) * factor; y++)
          for (let x = column * factor; x < (column + 1) * factor; x++) sum += pixels.data[(y * pixels.width + x) * 3 + c];
        result.data[(row * grid + column) * 3 + c] = floorDiv(sum + floorDiv(area, 2), area);
      }
  return result;
}

function kernels(factor) {
  const table = [];
  const d = 2 * factor, scale = 2 * d ** 3;
  for (let phase = 0; phase < factor; phase++) {
    const n = (2 * phase + 1 - factor + d) % d;
    const parts = [
      -(n ** 3) + 2 * n * n * d - n * d * d, 3 * n ** 3 - 5 * n * n * d + 2 * d ** 3,
      -3 * n ** 3 + 4 * n * n * d + n * d * d, n ** 3 - n * n * d,
    ];
    const row = parts.map((part) => floorDiv(2 * ONE * part + scale, 2 * scale));
    row[row.indexOf(Math.max(...row))] += ONE - row.reduce((a, b) => a + b);
    table.push(row);
  }
  return table;
}

// For each of some wanted places of a line the four that it is made of, clipped to the picture, then their weights.
function taps(factor, first, count, length) {
  const table = kernels(factor), result = new Int32Array(8 * count);
  for (let i = 0; i < count; i++) {
    const index = floorDiv(first + i, factor), phase = (first + i) % factor;
    const start = index - (2 * phase + 1 < factor ? 1 : 0) - 1;
    for (let tap = 0; tap < 4; tap++) {
      result[8 * i + tap] = clip(start + tap, 0, length - 1);
      result[8 * i + 4 + tap] = table[phase][tap];
    }
  }
  return result;
}

// The box of a picture's enlargement. `wanted`, where given, has a value for each pixel of the picture: 0 where nobody looks.
function enlarged(pixels, factor, box, wanted = null) {
  if (factor === 1) return cut(pixels, box);
  const { height, width } = pixels;
  const columns = box.right - box.left, rows = box.bottom - box.top, line = columns * 3;
  const across = taps(factor, box.left, columns, width), down = taps(factor, box.top, rows, height);
  // A row of the picture is made wide when the first row of the result asks for it.
  const wide = new Array(height);
  const wideRow = (y) => {
    const row = new Int32Array(line), from = y * width * 3, source = pixels.data;
    for (let x = 0, at = 0; x < columns; x++) {
      const k = 8 * x, a = from + 3 * across[k], b = from + 3 * across[k + 1], c = from + 3 * across[k + 2], d = from + 3 * across[k + 3];
      const p = across[k + 4], q = across[k + 5], r = across[k + 6], s = across[k + 7];
      for (let channel = 0; channel < 3; channel++)
        row[at++] = p * source[a + channel] + q * source[b + channel] + r * source[c + channel] + s * source[d + channel];
    }
    return row;
  };
  const result = raster(Uint8Array, rows, columns, 3), clamped = new Uint8ClampedArray(result.data.buffer);
  for (let y = 0, at = 0; y < rows; y++, at += line) {
    const k = 8 * y, [a, b, c, d] = [0, 1, 2, 3].map((tap) => (wide[down[k + tap]] ??= wideRow(down[k + tap])));
    const weigh = (from, to) => weighedRows(clamped, at, from, to, a, b, c, d, down[k + 4], down[k + 5], down[k + 6], down[k + 7]);
    if (!wanted) weigh(0, line);
    else
      for (const [from, to] of stretches(wanted, floorDiv(box.top + y, factor) * width, width))
        weigh(3 * Math.max(0, from * factor - box.left), 3 * Math.min(columns, to * factor - box.left));
  }
  return result;
}

// Where the values of a line that are not 0 begin and end.
function stretches(values, start, length) {
  const result = [];
  for (let from = 0; from < length; ) {
    let to = from;
    while (to < length && values[start + to]) to++;
    if (to > from) result.push([from, to]);
    from = to + 1;
  }
  return result;
}

// A part of a row of the result from four wide ones. Sums are below 2^31: a shift is the floor division, and the clamped array
// clips to 0..255. Math.imul and "| 0" say so; without them every product and sum is looked at for an overflow.
function weighedRows(clamped, at, from, to, a, b, c, d, p, q, r, s) {
  for (let i = from; i < to; i++) {
    const upper = (Math.imul(p, a[i]) + Math.imul(q, b[i])) | 0, lower = (Math.imul(r, c[i]) + Math.imul(s, d[i])) | 0;
    clamped[at + i] = ((upper + lower) | 0) + (ONE * ONE) / 2 >> 16;
  }
}

// ------------------------------------------------------------------------------------------------ membrane.py and tone.py

// How often a raster is halved until one place is left, and once more.
const halvings = ({ height, width }) => Math.floor(Math.log2(Math.max(height, width))) + 1;

// Values spread from where they are known to where they are wanted.
function spread(values, known, levels, wanted) {
  const { height, width } = values, own = values.data;
  const result = raster(Int32Array, height, width, 3), spreadOut = result.data;
  const last = levels === 0 || Math.max(height, width) === 1;
  const half = last ? null : raster(Int32Array, (height + 1) >> 1, (width + 1) >> 1, 3);
  const count = last ? null : new Uint8Array(half.height * half.width);
  for (let y = 0, place = 0; y < height; y++)
    for (let x = 0; x < width; x++, place++) {
      if (!known[place]) continue;
      const i = 3 * place, a = own[i], b = own[i + 1], c = own[i + 2];
      spreadOut[i] = a;
      spreadOut[i + 1] = b;
      spreadOut[i + 2] = c;
      if (last) continue;
      const to = (y >> 1) * half.width + (x >> 1);
      count[to]++;
      half.data[3 * to] += a;
      half.data[3 * to + 1] += b;
      half.data[3 * to + 2] += c;
    }
  if (last) return result;
  for (let to = 0, i = 0; to < count.length; to++, i += 3) {
    const n = count[to];
    if (n > 1) for (let k = i; k < i + 3; k++) half.data[k] = Math.floor((2 * half.data[k] + n) / (2 * n));
  }
  doubledInto(result, known, spread(half, count, levels - 1, new Uint8Array(count.length).fill(1)), wanted);
  return result;
}

// Twice the size by linear interpolation, where nothing is known: weights 9, 3, 3, 1 of 16, which are 3 and 1 of two rows, then 3
// and 1 of two columns.
function doubledInto(result, known, { height, width, data }, wanted) {
  const to = result.data, mixed = new Int32Array(3 * width), last = 3 * width - 3;
  for (let y = 0, place = 0; y < result.height; y++) {
    const near = 3 * (y >> 1) * width, far = 3 * Math.min(Math.max((y >> 1) + (y & 1 ? 1 : -1), 0), height - 1) * width;
    for (let k = 0; k < mixed.length; k++) mixed[k] = 3 * data[near + k] + data[far + k];
    for (let x = 0; x < result.width; x++, place++) {
      if (known[place] || !wanted[place]) continue;
      const own = 3 * (x >> 1), beside = x & 1 ? Math.min(own + 3, last) : Math.max(own - 3, 0), i = 3 * place;
      to[i] = (3 * mixed[own] + mixed[beside] + 8) >> 4;
      to[i + 1] = (3 * mixed[own + 1] + mixed[beside + 1] + 8) >> 4;
      to[i + 2] = (3 * mixed[own + 2] + mixed[beside + 2] + 8) >> 4;
    }
  }
}

// `scale` times the mean of the values at the given places in the square around each of some positions, rounded half up; 0 where
// nothing is there. Three whole numbers for each position.
function meanNear(scale, values, places, positions, reach) {
  const { height, width } = places, result = new Int32Array(3 * positions.length), from = values.data, there = places.data;
  if (!positions.length) return result;
  const squares = (2 * reach + 1) ** 2 * positions.length; // pixels of all squares
  let first = height, last = 0, low = width, high = 0;
  for (const place of positions) {
    const y = floorDiv(place, width), x = place - y * width;
    first = Math.min(first, y);
    last = Math.max(last, y);
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  const top = Math.max(0, first - reach), bottom = Math.min(height, last + reach + 1);
  const left = Math.max(0, low - reach), right = Math.min(width, high + reach + 1);
  const put = (number, n, a, b, c) => {
    if (!n) return;
    result[3 * number] = Math.floor((2 * scale * a + n) / (2 * n));
    result[3 * number + 1] = Math.floor((2 * scale * b + n) / (2 * n));
    result[3 * number + 2] = Math.floor((2 * scale * c + n) / (2 * n));
  };
  if (squares < (bottom - top) * (right - left)) {
    for (let number = 0; number < positions.length; number++) {
      const y = floorDiv(positions[number], width), x = positions[number] - y * width;
      let n = 0, a = 0, b = 0, c = 0;
      for (let row = Math.max(0, y - reach); row < Math.min(height, y + reach + 1); row++)
        for (let place = row * width + Math.max(0, x - reach), end = row * width + Math.min(width, x + reach + 1); place < end; place++)
          if (there[place]) {
            n++;
            a += from[3 * place];
            b += from[3 * place + 1];
            c += from[3 * place + 2];
          }
      put(number, n, a, b, c);
    }
    return result;
  }
  // Sums over rectangles, of the part that the squares reach: count and three channels.
  const line = 4 * (right - left + 1), table = new Int32Array((bottom - top + 1) * line);
  for (let y = top; y < bottom; y++) {
    let n = 0, a = 0, b = 0, c = 0, at = (y - top + 1) * line + 4;
    for (let x = left, place = y * width + left; x < right; x++, place++, at += 4) {
      if (there[place]) {
        n++;
        a += from[3 * place];
        b += from[3 * place + 1];
        c += from[3 * place + 2];
      }
      table[at] = n + table[at - line];
      table[at + 1] = a + table[at - line + 1];
      table[at + 2] = b + table[at - line + 2];
      table[at + 3] = c + table[at - line + 3];
    }
  }
  for (let number = 0; number < positions.length; number++) {
    const y = floorDiv(positions[number], width), x = positions[number] - y * width;
    const up = (Math.max(top, y - reach) - top) * line, down = (Math.min(bottom, y + reach + 1) - top) * line;
    const west = 4 * (Math.max(left, x - reach) - left), east = 4 * (Math.min(right, x + reach + 1) - left);
    const sum = (k) => table[down + east + k] - table[up + east + k] - table[down + west + k] + table[up + west + k];
    put(number, sum(0), sum(1), sum(2), sum(3));
  }
  return result;
}

const not = (places) => ({ ...places, data: places.data.map((value) => (value ? 0 : 1)) });

// The places that are, or touch, a known one: as flags, and as a list.
function bordering(places, known) {
  const { height, width } = places, border = raster(Uint8Array, height, width, 1), positions = [];
  const own = places.data, there = known.data, flags = border.data;
  for (let y = 0, place = 0; y < height; y++)
    for (let x = 0; x < width; x++, place++) {
      if (!own[place]) continue;
      const up = y > 0 ? place - width : place, down = y < height - 1 ? place + width : place;
      const west = x > 0 ? 1 : 0, east = x < width - 1 ? 1 : 0;
      const near = there[up - west] | there[up] | there[up + east] | there[place - west] | there[place + east] |
        there[down - west] | there[down] | there[down + east];
      if (!near && !there[place]) continue;
      flags[place] = 1;
      positions.push(place);
    }
  return { border, positions };
}

// A raster with three values at each of some positions, and 0 elsewhere.
function placed(values, positions, height, width) {
  const result = raster(Int32Array, height, width, 3);
  positions.forEach((place, number) => result.data.set(values.subarray(3 * number, 3 * number + 3), 3 * place));
  return result;
}

function corrected(pixels, places, correction) {
  const result = { ...pixels, data: new Uint8Array(pixels.data) }, clamped = new Uint8ClampedArray(result.data.buffer);
  const from = pixels.data, added = correction.data;
  for (let place = 0; place < places.data.length; place++)
    if (places.data[place])
      for (let i = 3 * place; i < 3 * place + 3; i++) clamped[i] = (SIXTEENTH * from[i] + added[i] + SIXTEENTH / 2) >> 4;
  return result;
}

// A difference between photo and fill at some positions, less what of its brightness may be content: the more, the more the known
// pixels around vary. Sums are below 2^53.
function trusted(difference, pixels, known, positions, variance) {
  const { height, width } = known, there = known.data, from = pixels.data, result = new Int32Array(difference);
  for (let number = 0, i = 0; number < positions.length; number++, i += 3) {
    const y = floorDiv(positions[number], width), x = positions[number] - y * width;
    let count = 0, total = 0, squares = 0;
    for (let row = Math.max(0, y - REACH); row < Math.min(height, y + REACH + 1); row++)
      for (let place = row * width + Math.max(0, x - REACH), end = row * width + Math.min(width, x + REACH + 1); place < end; place++)
        if (there[place]) {
          const brightness = floorDiv(from[3 * place] + from[3 * place + 1] + from[3 * place + 2], 3);
          count++;
          total += brightness;
          squares += brightness * brightness;
        }
    const spreadOut = count * squares - total * total, all = 3 * (variance * count * count + spreadOut);
    const common = difference[i] + difference[i + 1] + difference[i + 2], off = floorDiv(2 * common * spreadOut + all, 2 * all);
    for (let k = i; k < i + 3; k++) result[k] -= off;
  }
  return result;
}

function withToneOfTheBorder(small, hole, variance) {
  const known = not(hole), { border, positions } = bordering(hole, known), { height, width } = hole;
  const outside = meanNear(SIXTEENTH, small, known, positions, REACH);
  const inside = meanNear(SIXTEENTH, small, hole, positions, REACH);
  const measured = trusted(outside.map((value, i) => value - inside[i]), small, known, positions, variance);
  const difference = placed(measured, positions, height, width);
  const smooth = placed(meanNear(1, difference, border, positions, REACH), positions, height, width);
  return corrected(small, hole, spread(smooth, border.data, halvings(hole), hole.data));
}

// A thin hole's fill comes half way to the tone of the known pixels that touch it.
function withToneOfWhatItTouches(small, hole, depth, box) {
  const { height, width } = hole, edge = bordering(not(hole), hole).border, places = raster(Uint8Array, height, width, 1), positions = [];
  for (let y = 0, at = 0; y < depth.height; y++)
    for (let x = 0; x < depth.width; x++, at++) {
      if (depth.data[at] === 0 || depth.data[at] > REACH) continue;
      const place = (box.top + y) * width + box.left + x;
      places.data[place] = 1;
      positions.push(place);
    }
  const outside = meanNear(SIXTEENTH, small, edge, positions, REACH), inside = meanNear(SIXTEENTH, small, hole, positions, REACH);
  return corrected(small, places, placed(outside.map((value, i) => (value - inside[i]) >> 1), positions, height, width));
}

// ------------------------------------------------------------------------------------------------ colour.py

// Of how far the fill's colours are from interpolated ones, `kept` quarters stay.
function withLessColourOfItsOwn(small, hole, kept) {
  if (kept === 4) return small;
  const { height, width } = hole, positions = [], all = raster(Int32Array, height, width, 3);
  hole.data.forEach((missing, place) => missing && positions.push(place));
  small.data.forEach((value, i) => (all.data[i] = SIXTEENTH * value));
  const smooth = spread(all, not(hole).data, halvings(hole), hole.data).data;
  const own = meanNear(SIXTEENTH, small, hole, positions, REACH);
  for (let number = 0, i = 0; number < positions.length; number++, i += 3) {
    for (let k = 0; k < 3; k++) own[i + k] -= smooth[3 * positions[number] + k];
    const grey = floorDiv(2 * (own[i] + own[i + 1] + own[i + 2]) + 3, 6);
    for (let k = i; k < i + 3; k++) own[k] = floorDiv(2 * (kept - 4) * (own[k] - grey) + 4, 8);
  }
  return corrected(small, hole, placed(own, positions, height, width));
}

// ------------------------------------------------------------------------------------------------ seam.py

function withoutStep(pixels, hole, known, parameters) {
  const { border, positions } = bordering(hole, known), limit = SIXTEENTH * parameters.seamLimit;
  const outside = meanNear(SIXTEENTH, pixels, known, positions, 1), inside = meanNear(SIXTEENTH, pixels, hole, positions, 1);
  const measured = trusted(outside.map((value, i) => value - inside[i]), pixels, known, positions, parameters.seamVariance);
  const step = placed(measured.map((value) => clip(value, -limit, limit)), positions, hole.height, hole.width);
  return corrected(pixels, hole, spread(step, border.data, parameters.seamLevels, hole.data));
}

// ------------------------------------------------------------------------------------------------ fade.py

// Chessboard distances to the nearest known pixel by a pass down and a pass up, cut off at `most`.
function depths(hole, box, most) {
  const top = Math.max(0, box.top - most), left = Math.max(0, box.left - most);
  const bottom = Math.min(hole.height, box.bottom + most), right = Math.min(hole.width, box.right + most);
  // A margin of one all around: beyond the photo nothing is known.
  const width = right - left + 2, depth = new Uint8Array((bottom - top + 2) * width).fill(most);
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) if (!hole.data[y * hole.width + x]) depth[(y - top + 1) * width + x - left + 1] = 0;
  const near = (at, step) => {
    if (depth[at]) depth[at] = Math.min(depth[at], 1 + Math.min(depth[at - step], depth[at - width * step - 1],
      depth[at - width * step], depth[at - width * step + 1]));
  };
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) near((y - top + 1) * width + x - left + 1, 1);
  for (let y = bottom - 1; y >= top; y--) for (let x = right - 1; x >= left; x--) near((y - top + 1) * width + x - left + 1, -1);
  return cut({ data: depth, height: bottom - top + 2, width, channels: 1 }, moved(box, 1 - top, 1 - left));
}

// At the hole's border the plain fill, a few pixels inside all of the detail. Only there the plain one is enlarged: few need it.
function fadeIn(filled, hole, box, plain, factor, fade) {
  const depth = depths(hole, box, (fade + 1) >> 1);
  const half = floorDiv(fade, 2), deep = depth.data, from = plain.data, into = filled.data;
  const across = taps(factor, box.left, depth.width, plain.width), down = taps(factor, box.top, depth.height, plain.height);
  for (let y = 0, place = 0; y < depth.height; y++)
    for (let x = 0; x < depth.width; x++, place++) {
      const share = 2 * deep[place];
      if (share === 0 || share >= fade) continue;
      for (let c = 0; c < 3; c++) {
        let sum = (ONE * ONE) / 2;
        for (let i = 8 * y; i < 8 * y + 4; i++) {
          const line = 3 * plain.width * down[i] + c;
          for (let j = 8 * x; j < 8 * x + 4; j++) sum += down[i + 4] * across[j + 4] * from[line + 3 * across[j]];
        }
        const at = 3 * place + c;
        into[at] = Math.floor((into[at] * share + clip(sum >> 16, 0, 255) * (fade - share) + half) / fade);
      }
    }
}

// ------------------------------------------------------------------------------------------------ texture.py

const BLOCK = 4, ENOUGH = 8, ALIKE = 5;

// Whether the hole lies in one texture whose shapes the network does not know.
function oneTexture(cells, holes, known) {
  const count = floorDiv(cells.height, BLOCK), side = BLOCK * count;
  if (side === 0) return false;
  const whole = cut(cells, { top: 0, left: 0, bottom: side, right: side });
  const smooth = enlarged(means(whole, side / 2, 2), 2, { top: 0, left: 0, bottom: side, right: side });
  const around = [], inside = [];
  for (let row = 0; row < side; row += BLOCK)
    for (let column = 0; column < side; column += BLOCK) {
      let energy = 0, missing = 0, there = 0;
      for (let y = row; y < row + BLOCK; y++)
        for (let x = column; x < column + BLOCK; x++) {
          missing += holes[y * cells.width + x];
          there += known[y * cells.width + x];
          for (let i = 3 * (y * side + x), end = i + 3; i < end; i++) energy += (whole.data[i] - smooth.data[i]) ** 2;
        }
      if (there === BLOCK * BLOCK) around.push(energy);
      if (missing === BLOCK * BLOCK) inside.push(energy);
    }
  if (around.length < ENOUGH || !inside.length) return false;
  around.sort((a, b) => a - b);
  const [low, high] = [1, 9].map((tenths) => around[floorDiv(tenths * (around.length - 1), 10)]);
  return high <= ALIKE * low && low * inside.length > inside.reduce((a, b) => a + b);
}

// ------------------------------------------------------------------------------------------------ match.py

function matches(cells, reached, known, { patch, samples, crowd }) {
  const side = cells.height, most = side - patch;
  if (most < 0) return null;
  const steps = [];
  for (let at = 0; at <= most; at += Math.max(1, floorDiv(patch, 2))) steps.push(at);
  if (steps.at(-1) !== most) steps.push(most);
  const count = (places) => boxTable(places.map(Number), side, 1);
  const holes = count(reached), unknown = count(known.map((value) => 1 - value));
  const inPatch = (table, row, column) => fromTable(table, side, 1, row, column, patch, 0);
  const wanted = [], sources = [];
  for (const row of steps) for (const column of steps) if (inPatch(holes, row, column)) wanted.push([row, column]);
  for (let row = 0; row <= most; row++)
    for (let column = 0; column <= most; column++) if (!inPatch(unknown, row, column)) sources.push([row, column]);
  if (!wanted.length || !sources.length || wanted.length > crowd * sources.length) return null;
  const table = boxTable(cells.data, side, 3), dimension = 3 * samples * samples + 3;
  const parts = meansAt(table, side, floorDiv(patch, samples)), wholes = meansAt(table, side, patch);
  const [own, other] = [wanted, sources].map((corners) => described(parts, wholes, side, corners, patch, samples));
  return { wanted, sources, distances: squaredDistances(own, other, wanted.length, sources.length, dimension) };
}

// |a - b|^2 = |a|^2 + |b|^2 - 2 a b of all pairs. A product of descriptors is smaller than 2^25 (with four samples a side 48 times
// 127^2 and 3 times 510^2 at most), so that one number of 53 bits sums two of them at once: a (c + 2^26 d). Four patches and four
// sources share what they read.
function squaredDistances(own, other, many, all, dimension) {
  const result = new Int32Array(many * all);
  const squares = (values, count) => {
    const sums = new Int32Array(count);
    for (let i = 0, at = 0; i < count; i++) for (let k = 0; k < dimension; k++, at++) sums[i] += values[at] * values[at];
    return sums;
  };
  const ownSquares = squares(own, many), otherSquares = squares(other, all);
  // Four patches side by side, and after them the next four; where fewer are left, the last one again.
  const rows = new Float64Array(ceilDiv(many, 4) * 4 * dimension), pairs = new Float64Array(dimension * 2);
  const nth = (first, k, count) => Math.min(first + k, count - 1);
  for (let i = 0; i < many; i += 4)
    for (let k = 0; k < 4; k++)
      for (let n = 0; n < dimension; n++) rows[(i * dimension) + 4 * n + k] = own[nth(i, k, many) * dimension + n];
  for (let j = 0; j < all; j += 4) {
    const c = j, d = nth(j, 1, all), e = nth(j, 2, all), f = nth(j, 3, all);
    for (let k = 0; k < dimension; k++) {
      pairs[2 * k] = other[c * dimension + k] + HIGH * other[d * dimension + k];
      pairs[2 * k + 1] = other[e * dimension + k] + HIGH * other[f * dimension + k];
    }
    const put = (row, sum, low, high) => {
      const product = Math.round(sum / HIGH), squared = ownSquares[row];
      result[row * all + low] = squared + otherSquares[low] - 2 * (sum - HIGH * product);
      result[row * all + high] = squared + otherSquares[high] - 2 * product;
    };
    for (let i = 0; i < many; i += 4) {
      let p = 0, q = 0, r = 0, s = 0, t = 0, u = 0, v = 0, w = 0;
      for (let k = 0, at = i * dimension; k < 2 * dimension; k += 2, at += 4) {
        const x = pairs[k], y = pairs[k + 1], a = rows[at], b = rows[at + 1], g = rows[at + 2], h = rows[at + 3];
        p += a * x;
        q += a * y;
        r += b * x;
        s += b * y;
        t += g * x;
        u += g * y;
        v += h * x;
        w += h * y;
      }
      const second = nth(i, 1, many), third = nth(i, 2, many), fourth = nth(i, 3, many);
      put(i, p, c, d);
      put(i, q, e, f);
      put(second, r, c, d);
      put(second, s, e, f);
      put(third, t, c, d);
      put(third, u, e, f);
      put(fourth, v, c, d);
      put(fourth, w, e, f);
    }
  }
  return result;
}

function boxTable(values, side, channels) {
  const line = (side + 1) * channels;
  const table = new Int32Array((side + 1) * line);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      for (let c = 0; c < channels; c++) {
        const at = (y + 1) * line + (x + 1) * channels + c;
        table[at] = values[(y * side + x) * channels + c] + table[at - line] + table[at - channels] - table[at - line - channels];
      }
  return table;
}

function fromTable(table, side, channels, row, column, size, channel) {
  const line = (side + 1) * channels, at = row * line + column * channels + channel, right = size * channels, down = size * line;
  return table[at + down + right] - table[at + right] - table[at + down] + table[at];
}

// The rounded means of the squares of some size, each at its corner's place.
function meansAt(table, side, size) {
  const result = new Int16Array(side * side * 3), area = size * size, most = side - size;
  for (let row = 0; row <= most; row++)
    for (let column = 0; column <= most; column++)
      for (let c = 0; c < 3; c++)
        result[(row * side + column) * 3 + c] = floorDiv(2 * fromTable(table, side, 3, row, column, size, c) + area, 2 * area);
  return result;
}

function described(parts, wholes, side, corners, patch, samples) {
  const part = floorDiv(patch, samples), dimension = 3 * samples * samples + 3;
  const result = new Int16Array(corners.length * dimension);
  corners.forEach(([row, column], number) => {
    const corner = (row * side + column) * 3, a = wholes[corner], b = wholes[corner + 1], c = wholes[corner + 2];
    let at = number * dimension;
    for (let i = 0; i < samples; i++)
      for (let j = 0, from = corner + part * i * side * 3; j < samples; j++, from += 3 * part) {
        result[at++] = clip(parts[from] - a, -127, 127);
        result[at++] = clip(parts[from + 1] - b, -127, 127);
        result[at++] = clip(parts[from + 2] - c, -127, 127);
      }
    for (const mean of [a, b, c]) result[at++] = MEAN_WEIGHT * mean;
  });
  return result;
}

// ------------------------------------------------------------------------------------------------ coherence.py

function chosenSources({ wanted, sources, distances }, { coherence, reuse, echo, rows, columns, sweeps, patch }) {
  const all = sources.length, best = new Int32Array(wanted.length), uses = new Int32Array(all);
  const nearest = new Int32Array(wanted.length);
  let sum = 0;
  for (let i = 0, at = 0; i < wanted.length; i++) {
    let least = 0x7fffffff;
    for (const end = at + all; at < end; at++) {
      const distance = distances[at];
      sum += distance;
      if (distance < least) least = distance;
    }
    nearest[i] = least;
  }
  nearest.sort();
  const usual = nearest[floorDiv(nearest.length, 2)] + floorDiv(floorDiv(sum, distances.length), 64) + 1;
  const part = 256 * patch, grid = numbered(sources), runs = sideBySide(sources);
  const cheapest = new Int32Array(wanted.length * runs.length); // the least distance of each run of sources
  for (let i = 0, at = 0, run = 0; i < wanted.length; i++) {
    const [row, column] = wanted[i];
    // What it costs that a source lies to the side, for each column of sources, and that it lies higher or lower.
    const acrosses = Float64Array.from({ length: grid.width }, (_, k) => usual * columns * Math.abs(column - k));
    let choice = 0, least = Infinity;
    for (const { first, end, sourceRow, sourceColumn } of runs) {
      const down = usual * rows * Math.abs(row - sourceRow);
      let lowest = Infinity, place = first;
      for (let j = first, c = sourceColumn; j < end; j++, c++, at++) {
        const distance = distances[at] + Math.floor((down + acrosses[c]) / part);
        distances[at] = distance;
        if (distance < lowest) {
          lowest = distance;
          place = j;
        }
      }
      cheapest[run++] = lowest;
      if (lowest < least) {
        least = lowest;
        choice = place;
      }
    }
    best[i] = choice;
    uses[choice]++;
  }
  const share = (part) => floorDiv(usual * part, 256);
  const bonus = share(coherence), penalty = share(reuse), repeated = share(echo);
  const neighbours = neighboursOf(wanted);
  const dear = new Float64Array(all); // what the others' choices add to each source
  for (let j = 0; j < all; j++) dear[j] = penalty * uses[j];
  // A patch would choose the same again unless a neighbour moved since, or its own source got dearer, or another one cheaper.
  const moves = [], asked = new Int32Array(wanted.length).fill(-1), leasts = new Float64Array(wanted.length);
  const settled = (i) => {
    if (asked[i] < 0) return false;
    for (let move = asked[i]; move < moves.length; move++) {
      const [left, taken] = moves[move];
      if (taken === best[i] || distances[i * all + left] + dear[left] - 4 * bonus <= leasts[i]) return false;
    }
    return true;
  };
  const around = (i, sign) => {
    for (const [other, down, right] of neighbours[i]) {
      const row = sources[best[other]][0] - down, column = sources[best[other]][1] - right;
      for (let r = Math.max(0, row - patch + 1); r < Math.min(grid.height, row + patch); r++)
        for (let c = Math.max(0, column - patch + 1); c < Math.min(grid.width, column + patch); c++) {
          const near = grid.data[r * grid.width + c];
          if (near >= 0) dear[near] += sign * (r === row && c === column ? -bonus : repeated);
        }
    }
  };
  for (let sweep = 0; sweep < sweeps; sweep++)
    for (let turn = 0; turn < wanted.length; turn++) {
      const i = sweep % 2 ? wanted.length - 1 - turn : turn, own = best[i];
      dear[own] -= penalty;
      const same = settled(i);
      asked[i] = moves.length;
      if (!same) {
        around(i, 1);
        // Only what continues a neighbour's source costs less than its distance: runs whose least distance is more than what is
        // found already have nothing else that is better or as good, and are passed by.
        let choice = own, least = distances[i * all + own] + dear[own];
        for (const [other, down, right] of neighbours[i]) {
          const near = numberAt(grid, sources[best[other]][0] - down, sources[best[other]][1] - right);
          if (near >= 0) [choice, least] = nearer(choice, least, near, distances[i * all + near] + dear[near]);
        }
        for (let run = 0; run < runs.length; run++) {
          if (cheapest[i * runs.length + run] > least) continue;
          const { first, end } = runs[run];
          for (let j = first, at = i * all + j; j < end; j++, at++) {
            const cost = distances[at] + dear[j];
            if (cost < least || (cost === least && j < choice)) {
              least = cost;
              choice = j;
            }
          }
        }
        around(i, -1);
        leasts[i] = least;
        if (choice !== own) {
          best[i] = choice;
          moves.push([own, choice]);
          for (const [other] of neighbours[i]) asked[other] = -1;
        }
      }
      dear[best[i]] += penalty;
    }
  return best;
}

// Sources of one row that lie side by side, from the number of the first to that of the last plus 1.
function sideBySide(sources) {
  const runs = [];
  sources.forEach(([sourceRow, sourceColumn], number) => {
    const [row, column] = number ? sources[number - 1] : [-1, -1];
    if (row !== sourceRow || column !== sourceColumn - 1) runs.push({ first: number, end: number, sourceRow, sourceColumn });
    runs.at(-1).end = number + 1;
  });
  return runs;
}

// Of equally good ones the first.
const nearer = (choice, least, other, cost) => (cost < least || (cost === least && other < choice) ? [other, cost] : [choice, least]);

const numberAt = ({ data, height, width }, row, column) =>
  row >= 0 && column >= 0 && row < height && column < width ? data[row * width + column] : -1;

// The number of each source at its place, -1 where there is none.
function numbered(sources) {
  const result = raster(Int32Array, 1 + Math.max(...sources.map(([row]) => row)), 1 + Math.max(...sources.map(([, column]) => column)), 1);
  result.data.fill(-1);
  sources.forEach(([row, column], number) => (result.data[row * result.width + column] = number));
  return result;
}

function neighboursOf(wanted) {
  const key = (row, column) => row * 65536 + column;
  const rows = [...new Set(wanted.map(([row]) => row))].sort((a, b) => a - b);
  const columns = [...new Set(wanted.map(([, column]) => column))].sort((a, b) => a - b);
  const index = new Map(wanted.map(([row, column], i) => [key(row, column), i]));
  return wanted.map(([row, column]) => {
    const i = rows.indexOf(row), j = columns.indexOf(column);
    const around = [[rows[i - 1], column], [rows[i + 1], column], [row, columns[j - 1]], [row, columns[j + 1]]];
    return around
      .filter(([r, c]) => r !== undefined && c !== undefined && index.has(key(r, c)))
      .map(([r, c]) => [index.get(key(r, c)), r - row, c - column]);
  });
}

// ------------------------------------------------------------------------------------------------ refine.py

// Sources are shifted by -2, -1, 0 or 1 times this many pixels.
const shiftOf = (cell) => Math.max(1, floorDiv(cell, 4));

// Shifts the sources of patches by parts of a cell, those with one offset together, to where the low band fits best.
function refine(corners, low, known, grid, cell, patch) {
  const step = shiftOf(cell), shifts = [[0, 0]], middle = floorDiv(cell, 2);
  for (let a = -2; a < 2; a++) for (let b = -2; b < 2; b++) if (a || b) shifts.push([a * step, b * step]);
  const allowed = (row, column) => {
    const top = floorDiv(row, cell), left = floorDiv(column, cell);
    const bottom = floorDiv(row + patch * cell - 1, cell), right = floorDiv(column + patch * cell - 1, cell);
    if (top < 0 || left < 0 || bottom >= grid || right >= grid) return false;
    for (let r = top; r <= bottom; r++) for (let c = left; c <= right; c++) if (!known[r * grid + c]) return false;
    return true;
  };
  const cost = ({ row, column, down, across }, a, b) => {
    let sum = 0;
    for (let i = 0; i < patch; i++) {
      const y = row + cell * i + middle, own = Math.min(y, low.height - 1) * low.width;
      const other = clip(y + down + a, 0, low.height - 1) * low.width;
      for (let j = 0; j < patch; j++) {
        const x = column + cell * j + middle, to = 3 * (own + Math.min(x, low.width - 1));
        const from = 3 * (other + clip(x + across + b, 0, low.width - 1));
        for (let c = 0; c < 3; c++) sum += (low.data[to + c] - low.data[from + c]) ** 2;
      }
    }
    return sum;
  };
  for (const patches of byOffset(corners)) {
    let best = [0, 0], least = Infinity;
    for (const [a, b] of shifts) {
      if (!patches.every(({ row, column, down, across }) => allowed(row + down + a, column + across + b))) continue;
      const total = patches.reduce((sum, corner) => sum + cost(corner, a, b), 0);
      if (total < least) [best, least] = [[a, b], total];
    }
    for (const corner of patches) {
      corner.down += best[0];
      corner.across += best[1];
    }
  }
}

// ------------------------------------------------------------------------------------------------ blend.py

function detail(photo, low, box, corners, side) {
  const height = box.bottom - box.top, width = box.right - box.left;
  const total = raster(Int32Array, height, width, 3);
  const squares = new Int32Array(height * width), together = new Int32Array(height * width);
  const weights = weightWindow(side), sum = total.data, from = photo.data, lowBand = low.data;
  // Row by row of a patch, what lies in the box: where in the weights and in the box it begins, how long it is, its place.
  const rows = ({ row, column }, visit) => {
    const part = intersection({ top: row, left: column, bottom: row + side, right: column + side }, box);
    if (!part) return;
    const { left } = part, count = part.right - left;
    for (let y = part.top; y < part.bottom; y++)
      visit((y - row) * side + left - column, (y - box.top) * width + left - box.left, count, y, left);
  };
  for (const patches of byOffset(corners)) {
    const { down, across } = patches[0];
    for (const corner of patches)
      rows(corner, (weight, to, count) => {
        for (const end = to + count; to < end; to++, weight++) together[to] += weights[weight];
      });
    // What patches with one offset bring to a pixel is the same: it is added once, with their weights together.
    for (const corner of patches)
      rows(corner, (_, to, count, y, left) => {
        let source = ((y + down) * photo.width + left + across) * 3, sourceLow = ((y + down) * low.width + left + across) * 3;
        for (const end = to + count; to < end; to++, source += 3, sourceLow += 3) {
          const w = together[to], i = 3 * to;
          if (w === 0) continue;
          together[to] = 0;
          squares[to] += w * w;
          sum[i] += w * (from[source] - lowBand[sourceLow]);
          sum[i + 1] += w * (from[source + 1] - lowBand[sourceLow + 1]);
          sum[i + 2] += w * (from[source + 2] - lowBand[sourceLow + 2]);
        }
      });
  }
  for (let place = 0, i = 0; place < squares.length; place++) {
    const root = Math.floor(Math.sqrt(squares[place])), twice = 2 * root;
    for (let c = 0; c < 3; c++, i++) sum[i] = root > 0 ? Math.floor((2 * sum[i] + root) / twice) : 0;
  }
  return total;
}

function byOffset(corners) {
  const offsets = new Map();
  for (const corner of corners) {
    const name = `${corner.down},${corner.across}`;
    if (!offsets.has(name)) offsets.set(name, []);
    offsets.get(name).push(corner);
  }
  return offsets.values();
}

function weightWindow(side) {
  const line = new Int32Array(side);
  for (let i = 0; i < side / 2; i++) {
    const k = 2 * i + 1;
    line[i] = line[side - 1 - i] = floorDiv(2 * ONE * (3 * k * k * side - 2 * k ** 3) + side ** 3, 2 * side ** 3);
  }
  const result = new Int32Array(side * side);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) result[y * side + x] = floorDiv(line[y] * line[x] + ONE / 2, ONE);
  return result;
}
