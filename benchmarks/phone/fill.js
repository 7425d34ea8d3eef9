// The fill of a photo of any size, for browsers and Node: models/fill in JavaScript, equal to it byte for byte.
//
// docs/fill.md has the algorithm. Everything is whole numbers, so that every language gives the same picture; a check against the
// golden files is check_fill.js. Division is always floor division: Math.floor(a / b) of whole numbers below 2^53 is exact.
//
// A raster is { data, height, width, channels }, row by row, channels together. A box is { top, left, bottom, right }, ends not
// included. The functions have the names and the order of the Python files.

export const DEFAULTS = Object.freeze({
  bands: [8, 4], patch: 4, samples: 4, coherence: 256, reuse: 51, echo: 128, rows: 512, columns: 128, sweeps: 4, fade: 4,
  seamLevels: 4, seamLimit: 48,
});

const MASK_THRESHOLD = 128;
const CONTEXT = 2;
const THICK = 4;
const ONE = 256; // weights are in 1/256
const SIXTEENTH = 16; // values that are spread are in 1/16 of a level
const REACH = 4;
const MEAN_WEIGHT = 2;

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
  const unknown = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) unknown[i] = mask[i] >= MASK_THRESHOLD ? 1 : 0;
  if (!unknown.includes(0)) throw new RangeError("the mask is full: it keeps no pixel of the photo to continue from");
  const result = { ...photo, data: new Uint8Array(photo.data) };
  const groups = holeGroups({ data: unknown, height, width, channels: 1 }, Math.max(1, floorDiv(size, 2)));
  for (const [index, group] of groups.entries()) {
    signal?.throwIfAborted();
    const paste = cut({ data: unknown, height, width, channels: 1 }, group);
    if (paste.data.includes(1)) {
      const window = contextWindow(group, height, width, size);
      const hole = cut({ data: unknown, height, width, channels: 1 }, window);
      const filled = await fillWindow(cut(result, window), hole, run, size, parameters, within(group, window));
      for (let y = 0; y < paste.height; y++)
        for (let x = 0; x < paste.width; x++)
          if (paste.data[y * paste.width + x]) {
            const to = (group.top + y) * width + group.left + x;
            for (let c = 0; c < 3; c++) result.data[to * 3 + c] = filled.data[(y * paste.width + x) * 3 + c];
            unknown[to] = 0; // known to the groups after it, so that neighbours agree
          }
    }
    progress(index + 1, groups.length);
  }
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

export function holeGroups(hole, cell) {
  const rows = ceilDiv(hole.height, cell), columns = ceilDiv(hole.width, cell);
  const side = Math.max(1, floorDiv(cell, THICK)), count = floorDiv(cell, side);
  const state = new Uint8Array(rows * columns); // 0 no hole, 1 hole, 2 hole that covers a whole square
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const box = intersection(
        { top: row * cell, left: column * cell, bottom: (row + 1) * cell, right: (column + 1) * cell },
        { top: 0, left: 0, bottom: hole.height, right: hole.width });
      const squares = new Map();
      for (let y = box.top; y < box.bottom; y++)
        for (let x = box.left; x < box.right; x++)
          if (hole.data[y * hole.width + x]) {
            state[row * columns + column] ||= 1;
            const i = floorDiv(y - row * cell, side), j = floorDiv(x - column * cell, side);
            if (i < count && j < count) squares.set(i * count + j, (squares.get(i * count + j) ?? 0) + 1);
          }
      for (const covered of squares.values()) if (covered === side * side) state[row * columns + column] = 2;
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
  const box = { top: Infinity, left: Infinity, bottom: 0, right: 0 };
  for (let y = outer.top; y < outer.bottom; y++)
    for (let x = outer.left; x < outer.right; x++)
      if (hole.data[y * hole.width + x]) {
        box.top = Math.min(box.top, y);
        box.left = Math.min(box.left, x);
        box.bottom = Math.max(box.bottom, y + 1);
        box.right = Math.max(box.right, x + 1);
      }
  return box;
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
    small = { ...window.picture, data: window.picture.data.map((value, i) => (window.hole.data[floorDiv(i, 3)] ? answer[i] : value)) };
  } // else the hole is thinner than half a pixel of the network: its surroundings are the fill
  if (!parameters) return enlarged(small, window.factor, box);
  const plain = anyHole ? withToneOfTheBorder(small, window.hole) : small;
  small = anyHole ? withStructure(plain, window, parameters) : plain;
  const filled = withDetail(photo, hole, box, small, window, parameters);
  fadeIn(filled, enlarged(plain, window.factor, box), depths(hole, box, parameters.fade), parameters.fade);
  const around = {
    top: Math.max(0, box.top - 1), left: Math.max(0, box.left - 1),
    bottom: Math.min(hole.height, box.bottom + 1), right: Math.min(hole.width, box.right + 1),
  };
  const pixels = cut(photo, around), holes = cut(hole, around), inner = within(box, around);
  const part = raster(Uint8Array, pixels.height, pixels.width, 1), known = raster(Uint8Array, pixels.height, pixels.width, 1);
  for (let y = 0; y < pixels.height; y++)
    for (let x = 0; x < pixels.width; x++) {
      const at = y * pixels.width + x;
      known.data[at] = holes.data[at] ? 0 : 1;
      if (!holes.data[at] || y < inner.top || y >= inner.bottom || x < inner.left || x >= inner.right) continue;
      part.data[at] = 1;
      for (let c = 0; c < 3; c++)
        pixels.data[at * 3 + c] = filled.data[((y - inner.top) * filled.width + x - inner.left) * 3 + c];
    }
  return cut(withoutStep(pixels, part, known, parameters), inner);
}

// np.pad's "symmetric", as often as needed.
const mirrored = (index, length) => {
  const place = index % (2 * length);
  return place < length ? place : 2 * length - 1 - place;
};

function scaled(photo, hole, size) {
  const factor = ceilDiv(Math.max(hole.height, hole.width), size);
  const height = ceilDiv(hole.height, factor), width = ceilDiv(hole.width, factor);
  const count = raster(Int32Array, height, width, 1), total = raster(Int32Array, height, width, 3);
  const columns = Int32Array.from({ length: width * factor }, (_, x) => mirrored(x, hole.width));
  for (let y = 0; y < height * factor; y++) {
    const from = mirrored(y, hole.height) * hole.width;
    let place = floorDiv(y, factor) * width;
    for (let x = 0; x < columns.length; place++)
      for (const end = x + factor; x < end; x++) {
        const source = from + columns[x];
        if (hole.data[source]) continue;
        count.data[place]++;
        total.data[place * 3] += photo.data[source * 3];
        total.data[place * 3 + 1] += photo.data[source * 3 + 1];
        total.data[place * 3 + 2] += photo.data[source * 3 + 2];
      }
  }
  const most = count.data.reduce((a, b) => Math.max(a, b));
  const least = factor === 1 ? 1 : Math.min(floorDiv(factor * factor + 1, 2), most);
  const picture = raster(Uint8Array, size, size, 3), smallHole = raster(Uint8Array, size, size, 1);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const source = mirrored(y, height) * width + mirrored(x, width), known = count.data[source];
      if (known < least) smallHole.data[y * size + x] = 1;
      else
        for (let c = 0; c < 3; c++)
          picture.data[(y * size + x) * 3 + c] = floorDiv(total.data[source * 3 + c] + floorDiv(known, 2), known);
    }
  return { factor, picture, hole: smallHole, limits: [height, width] };
}

function withStructure(small, window, parameters) {
  const hole = window.hole;
  for (const band of parameters.bands.slice(0, -1)) {
    const found = transferred(small, hole, window.limits, boundingBox(hole), small, band, band, parameters);
    if (!found) continue;
    const { part, pixels } = found;
    small = { ...small, data: new Uint8Array(small.data) };
    for (let y = part.top; y < part.bottom; y++)
      for (let x = part.left; x < part.right; x++)
        if (hole.data[y * hole.width + x])
          for (let c = 0; c < 3; c++)
            small.data[(y * small.width + x) * 3 + c] = pixels.data[((y - part.top) * pixels.width + x - part.left) * 3 + c];
  }
  return small;
}

function withDetail(photo, hole, box, small, window, parameters) {
  const band = parameters.bands.at(-1);
  const found = transferred(photo, hole, [hole.height, hole.width], box, small, band, band * window.factor, parameters);
  // Without a source, and in the margin that no cell covers where a network's size is no multiple of one, it is scaled up.
  const covers = found && Object.keys(box).every((edge) => found.part[edge] === box[edge]);
  if (covers) return { data: new Uint8Array(found.pixels.data), height: found.pixels.height, width: found.pixels.width, channels: 3 };
  const filled = enlarged(small, window.factor, box);
  if (!found) return filled;
  const { part, pixels } = found, at = within(part, box);
  for (let y = 0; y < pixels.height; y++)
    filled.data.set(pixels.data.subarray(y * pixels.width * 3, (y + 1) * pixels.width * 3), ((at.top + y) * filled.width + at.left) * 3);
  return filled;
}

function transferred(photo, hole, limits, box, small, band, cell, parameters) {
  const grid = floorDiv(small.height, band);
  if (grid === 0) return null;
  const cells = means(small, grid, band);
  const reached = new Uint8Array(grid * grid), known = new Uint8Array(grid * grid);
  for (let row = 0; row < grid; row++)
    for (let column = 0; column < grid; column++) {
      const top = row * cell, left = column * cell;
      let any = 0;
      const bottom = Math.min(top + cell, hole.height), right = Math.min(left + cell, hole.width);
      for (let y = top; y < bottom && !any; y++)
        for (let at = y * hole.width + left, end = y * hole.width + right; at < end; at++) any |= hole.data[at];
      const near = top > box.top - cell && top < box.bottom && left > box.left - cell && left < box.right;
      const inside = top + cell <= limits[0] && left + cell <= limits[1];
      reached[row * grid + column] = any && near ? 1 : 0;
      known[row * grid + column] = !any && inside ? 1 : 0;
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
  const low = enlarged(cells, cell, covered);
  const pixels = detail(photo, low, part, corners, parameters.patch * cell);
  const added = pixels.data, line = pixels.width * 3;
  for (let y = 0, at = 0; y < pixels.height; y++)
    for (let from = ((part.top + y) * low.width + part.left) * 3, end = at + line; at < end; at++, from++)
      added[at] = Math.min(Math.max(low.data[from] + added[at], 0), 255);
  return { part, pixels };
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

function enlarged(pixels, factor, box) {
  if (factor === 1) return cut(pixels, box);
  const { height, width } = pixels;
  const table = kernels(factor);
  const columns = box.right - box.left, rows = box.bottom - box.top, line = columns * 3;
  // For each wanted place the four that it is made of, clipped to the picture, then their weights.
  const taps = (first, count, length) => {
    const result = new Int32Array(8 * count);
    for (let i = 0; i < count; i++) {
      const index = floorDiv(first + i, factor), phase = (first + i) % factor;
      const start = index - (2 * phase + 1 < factor ? 1 : 0) - 1;
      for (let tap = 0; tap < 4; tap++) {
        result[8 * i + tap] = clip(start + tap, 0, length - 1);
        result[8 * i + 4 + tap] = table[phase][tap];
      }
    }
    return result;
  };
  const across = taps(box.left, columns, width), down = taps(box.top, rows, height);
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
  for (let y = 0, at = 0; y < rows; y++) {
    const k = 8 * y, [a, b, c, d] = [0, 1, 2, 3].map((tap) => (wide[down[k + tap]] ??= wideRow(down[k + tap])));
    const p = down[k + 4], q = down[k + 5], r = down[k + 6], s = down[k + 7];
    // Below 2^31: a shift is the floor division, and the clamped array clips to 0..255.
    for (let i = 0; i < line; i++) clamped[at++] = (p * a[i] + q * b[i] + r * c[i] + s * d[i] + (ONE * ONE) / 2) >> 16;
  }
  return result;
}

// ------------------------------------------------------------------------------------------------ membrane.py and tone.py

function spread(values, known, levels) {
  const { height, width } = values;
  const result = raster(Int32Array, height, width, 3);
  for (let i = 0; i < height * width; i++)
    if (known[i]) for (let c = 0; c < 3; c++) result.data[i * 3 + c] = values.data[i * 3 + c];
  if (levels === 0 || Math.max(height, width) === 1) return result;
  const half = raster(Int32Array, ceilDiv(height, 2), ceilDiv(width, 2), 3), count = new Uint8Array(half.height * half.width);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (known[y * width + x]) {
        const to = (y >> 1) * half.width + (x >> 1);
        count[to]++;
        for (let c = 0; c < 3; c++) half.data[to * 3 + c] += values.data[(y * width + x) * 3 + c];
      }
  for (let i = 0; i < half.data.length; i++) {
    const divisor = Math.max(1, count[floorDiv(i, 3)]);
    half.data[i] = floorDiv(2 * half.data[i] + divisor, 2 * divisor);
  }
  const coarse = doubled(spread(half, count, levels - 1));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (!known[y * width + x])
        for (let c = 0; c < 3; c++) result.data[(y * width + x) * 3 + c] = coarse.data[(y * coarse.width + x) * 3 + c];
  return result;
}

function doubled(values) {
  const { height, width, data } = values;
  const result = raster(Int32Array, 2 * height, 2 * width, 3);
  for (let y = 0, to = 0; y < 2 * height; y++) {
    const near = (y >> 1) * width, far = clip((y >> 1) + (y % 2 ? 1 : -1), 0, height - 1) * width;
    for (let x = 0; x < 2 * width; x++) {
      const own = x >> 1, beside = clip(own + (x % 2 ? 1 : -1), 0, width - 1);
      const a = (near + own) * 3, b = (near + beside) * 3, c = (far + own) * 3, d = (far + beside) * 3;
      for (let k = 0; k < 3; k++) result.data[to++] = (9 * data[a + k] + 3 * data[b + k] + 3 * data[c + k] + data[d + k] + 8) >> 4;
    }
  }
  return result;
}

function boxSums(values, places, reach, channels) {
  const { height, width } = places, line = (width + 1) * channels;
  const table = new Int32Array((height + 1) * line), result = raster(Int32Array, height, width, channels);
  for (let y = 0, from = 0; y < height; y++)
    for (let x = 0, at = (y + 1) * line + channels; x < width; x++) {
      const counts = places.data[y * width + x];
      for (let c = 0; c < channels; c++, at++, from++) {
        const own = counts ? (values ? values.data[from] : 1) : 0;
        table[at] = own + table[at - line] + table[at - channels] - table[at - line - channels];
      }
    }
  for (let y = 0, to = 0; y < height; y++) {
    const top = Math.max(0, y - reach) * line, bottom = Math.min(height, y + reach + 1) * line;
    for (let x = 0; x < width; x++) {
      const left = Math.max(0, x - reach) * channels, right = Math.min(width, x + reach + 1) * channels;
      for (let c = 0; c < channels; c++)
        result.data[to++] = table[bottom + right + c] - table[top + right + c] - table[bottom + left + c] + table[top + left + c];
    }
  }
  return result;
}

const boxCounts = (places, reach) => boxSums(null, places, reach, 1);
const not = (places) => ({ ...places, data: places.data.map((value) => (value ? 0 : 1)) });

// (factor * total) / count, rounded half up; 0 where nothing was counted.
function rounded(total, count, factor = 1) {
  const result = raster(Int32Array, total.height, total.width, 3);
  for (let i = 0; i < result.data.length; i++) {
    const n = count.data[floorDiv(i, 3)];
    result.data[i] = n > 0 ? floorDiv(2 * factor * total.data[i] + n, 2 * n) : 0;
  }
  return result;
}

function bordering(places, known) {
  const near = boxCounts(known, 1);
  return { ...places, data: places.data.map((value, i) => (value && near.data[i] > 0 ? 1 : 0)) };
}

function corrected(pixels, places, correction) {
  const result = { ...pixels, data: new Uint8Array(pixels.data) };
  for (let place = 0; place < places.data.length; place++)
    if (places.data[place])
      for (let i = 3 * place; i < 3 * place + 3; i++)
        result.data[i] = clip((SIXTEENTH * pixels.data[i] + correction.data[i] + SIXTEENTH / 2) >> 4, 0, 255);
  return result;
}

function withToneOfTheBorder(small, hole) {
  const known = not(hole), border = bordering(hole, known);
  const outside = rounded(boxSums(small, known, REACH, 3), boxCounts(known, REACH), SIXTEENTH);
  const inside = rounded(boxSums(small, hole, REACH, 3), boxCounts(hole, REACH), SIXTEENTH);
  const difference = { ...outside, data: outside.data.map((value, i) => value - inside.data[i]) };
  const smooth = rounded(boxSums(difference, border, REACH, 3), boxCounts(border, REACH));
  const levels = Math.floor(Math.log2(Math.max(hole.height, hole.width))) + 1;
  return corrected(small, hole, spread(smooth, border.data, levels));
}

// ------------------------------------------------------------------------------------------------ seam.py

function withoutStep(pixels, hole, known, parameters) {
  const border = bordering(hole, known), limit = SIXTEENTH * parameters.seamLimit;
  const step = raster(Int32Array, hole.height, hole.width, 3);
  for (let place = 0; place < border.data.length; place++) {
    if (!border.data[place]) continue;
    const outside = nearMean(pixels, known, place), inside = nearMean(pixels, hole, place);
    for (let c = 0; c < 3; c++) step.data[place * 3 + c] = clip(outside[c] - inside[c], -limit, limit);
  }
  return corrected(pixels, hole, spread(step, border.data, parameters.seamLevels));
}

// Mean of the given places in the 3x3 square around a pixel, in 1/16 of a level.
function nearMean(pixels, places, place) {
  const { height, width } = places, row = floorDiv(place, width), column = place % width, sums = [0, 0, 0];
  let count = 0;
  for (let y = Math.max(0, row - 1); y < Math.min(height, row + 2); y++)
    for (let x = Math.max(0, column - 1); x < Math.min(width, column + 2); x++) {
      const at = y * width + x;
      if (!places.data[at]) continue;
      count++;
      for (let c = 0; c < 3; c++) sums[c] += pixels.data[at * 3 + c];
    }
  return sums.map((sum) => (count ? floorDiv(2 * SIXTEENTH * sum + count, 2 * count) : 0));
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

function fadeIn(filled, plain, depth, fade) {
  for (let i = 0; i < filled.data.length; i++) {
    const share = depth.data[floorDiv(i, 3)];
    if (share < fade) filled.data[i] = floorDiv(filled.data[i] * share + plain.data[i] * (fade - share) + floorDiv(fade, 2), fade);
  }
}

// ------------------------------------------------------------------------------------------------ match.py

function matches(cells, reached, known, { patch, samples }) {
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
  if (!wanted.length || !sources.length) return null;
  const table = boxTable(cells.data, side, 3), dimension = 3 * samples * samples + 3;
  const own = described(table, side, wanted, patch, samples), other = described(table, side, sources, patch, samples);
  const distances = new Int32Array(wanted.length * sources.length);
  for (let i = 0; i < wanted.length; i++) {
    const mine = own.subarray(i * dimension, (i + 1) * dimension);
    for (let j = 0, at = 0; j < sources.length; j++) {
      let sum = 0;
      for (let k = 0; k < dimension; k++, at++) {
        const difference = mine[k] - other[at];
        sum += difference * difference;
      }
      distances[i * sources.length + j] = sum;
    }
  }
  return { wanted, sources, distances };
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

function described(table, side, corners, patch, samples) {
  const part = floorDiv(patch, samples), dimension = 3 * samples * samples + 3;
  const result = new Int16Array(corners.length * dimension);
  const mean = (row, column, size, c) => floorDiv(2 * fromTable(table, side, 3, row, column, size, c) + size * size, 2 * size * size);
  corners.forEach(([row, column], number) => {
    const means = [0, 1, 2].map((c) => mean(row, column, patch, c));
    let at = number * dimension;
    for (let i = 0; i < samples; i++)
      for (let j = 0; j < samples; j++)
        for (let c = 0; c < 3; c++) result[at++] = clip(mean(row + part * i, column + part * j, part, c) - means[c], -127, 127);
    for (let c = 0; c < 3; c++) result[at++] = MEAN_WEIGHT * means[c];
  });
  return result;
}

// ------------------------------------------------------------------------------------------------ coherence.py

function chosenSources({ wanted, sources, distances }, { coherence, reuse, echo, rows, columns, sweeps, patch }) {
  const all = sources.length, best = new Int32Array(wanted.length), uses = new Int32Array(all);
  const nearest = new Int32Array(wanted.length).fill(0x7fffffff);
  let sum = 0;
  for (let i = 0, at = 0; i < wanted.length; i++)
    for (let j = 0; j < all; j++, at++) {
      sum += distances[at];
      if (distances[at] < nearest[i]) nearest[i] = distances[at];
    }
  nearest.sort();
  const usual = nearest[floorDiv(nearest.length, 2)] + floorDiv(floorDiv(sum, distances.length), 64) + 1;
  const sourceRows = Int32Array.from(sources, ([row]) => row), sourceColumns = Int32Array.from(sources, ([, column]) => column);
  const part = 256 * patch;
  for (let i = 0, at = 0; i < wanted.length; i++) {
    const [row, column] = wanted[i];
    let choice = 0, least = Infinity;
    for (let j = 0; j < all; j++, at++) {
      const far = rows * Math.abs(row - sourceRows[j]) + columns * Math.abs(column - sourceColumns[j]);
      const distance = distances[at] + Math.floor((usual * far) / part);
      distances[at] = distance;
      if (distance < least) {
        least = distance;
        choice = j;
      }
    }
    best[i] = choice;
    uses[choice]++;
  }
  const share = (part) => floorDiv(usual * part, 256);
  const bonus = share(coherence), penalty = share(reuse), repeated = share(echo);
  const grid = numbered(sources), neighbours = neighboursOf(wanted), cost = new Float64Array(all);
  for (let sweep = 0; sweep < sweeps; sweep++)
    for (let turn = 0; turn < wanted.length; turn++) {
      const i = sweep % 2 ? wanted.length - 1 - turn : turn;
      uses[best[i]]--;
      for (let j = 0, at = i * all; j < all; j++, at++) cost[j] = distances[at];
      for (const used of best) cost[used] = distances[i * all + used] + penalty * uses[used];
      for (const [other, down, right] of neighbours[i]) {
        const row = sources[best[other]][0] - down, column = sources[best[other]][1] - right;
        for (let r = Math.max(0, row - patch + 1); r < Math.min(grid.height, row + patch); r++)
          for (let c = Math.max(0, column - patch + 1); c < Math.min(grid.width, column + patch); c++) {
            const near = grid.data[r * grid.width + c];
            if (near >= 0) cost[near] += r === row && c === column ? -bonus : repeated;
          }
      }
      let choice = 0, least = cost[0];
      for (let j = 1; j < all; j++)
        if (cost[j] < least) {
          least = cost[j];
          choice = j;
        }
      best[i] = choice;
      uses[choice]++;
    }
  return best;
}

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

// ------------------------------------------------------------------------------------------------ blend.py

const square = ({ row, column }, side) => ({ top: row, left: column, bottom: row + side, right: column + side });

function detail(photo, low, box, corners, side) {
  const height = box.bottom - box.top, width = box.right - box.left;
  const total = raster(Int32Array, height, width, 3), squares = new Int32Array(height * width);
  const weights = weightWindow(side);
  for (const corner of corners) {
    const patch = square(corner, side), part = intersection(patch, box);
    if (!part) continue;
    for (let y = part.top; y < part.bottom; y++) {
      let weight = (y - patch.top) * side + part.left - patch.left, to = (y - box.top) * width + part.left - box.left;
      let from = ((y + corner.down) * photo.width + part.left + corner.across) * 3;
      let fromLow = ((y + corner.down) * low.width + part.left + corner.across) * 3;
      for (let x = part.left; x < part.right; x++, weight++, to++) {
        const w = weights[weight];
        squares[to] += w * w;
        for (let c = 0; c < 3; c++) total.data[to * 3 + c] += w * (photo.data[from++] - low.data[fromLow++]);
      }
    }
  }
  for (const [one, other] of sameOffset(corners, side)) {
    const overlap = intersection(one, other), part = overlap && intersection(overlap, box);
    if (!part) continue;
    for (let y = part.top; y < part.bottom; y++)
      for (let x = part.left; x < part.right; x++)
        squares[(y - box.top) * width + x - box.left] +=
          2 * weights[(y - one.top) * side + x - one.left] * weights[(y - other.top) * side + x - other.left];
  }
  for (let place = 0, i = 0; place < squares.length; place++) {
    const root = Math.floor(Math.sqrt(squares[place])), twice = 2 * root;
    for (let c = 0; c < 3; c++, i++) total.data[i] = root > 0 ? Math.floor((2 * total.data[i] + root) / twice) : 0;
  }
  return total;
}

function* sameOffset(corners, side) {
  const offsets = new Map();
  for (const corner of corners) {
    const name = `${corner.down},${corner.across}`;
    if (!offsets.has(name)) offsets.set(name, []);
    offsets.get(name).push(square(corner, side));
  }
  for (const patches of offsets.values())
    for (let i = 0; i < patches.length; i++)
      for (let j = i + 1; j < patches.length && patches[j].top < patches[i].bottom; j++) yield [patches[i], patches[j]];
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
