// A grey photo's fill is grey; the network gives colours even to a photo that has none. Rasters of three channels, as fill.js has them.

/** Whether red, green and blue are equal everywhere (models/photo/raster.py). */
export function isGrey({ data }) {
  for (let i = 0; i < data.length; i += 3) if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
  return true;
}

/** Makes an image grey (ITU-R BT.601). */
export function makeGrey({ data }) {
  for (let i = 0; i < data.length; i += 3) data.fill(Math.floor((299 * data[i] + 587 * data[i + 1] + 114 * data[i + 2] + 500) / 1000), i, i + 3);
}
