// Brush strokes in the photo's coordinates, so that they are drawn at any scale: on the screen, and at full size as the mask.
// A stroke is { erase, width, points: [[x, y], ...] }.

/** Draw strokes on a context whose pixels are `scale` photo pixels wide; existing strokes stay. */
export function drawStrokes(context, strokes, scale, colour) {
  for (const { erase, width, points } of strokes) {
    context.globalCompositeOperation = erase ? "destination-out" : "source-over";
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = width * scale;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    const [[x, y]] = points;
    context.arc(x * scale, y * scale, width * scale / 2, 0, 2 * Math.PI);
    context.fill();
    context.beginPath();
    context.moveTo(x * scale, y * scale);
    for (const [x, y] of points.slice(1)) context.lineTo(x * scale, y * scale);
    context.stroke();
  }
  context.globalCompositeOperation = "source-over";
}

/** The mask of strokes: Uint8Array of height x width, 255 where it is to be filled, 0 elsewhere. */
export function strokesMask(strokes, width, height) {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d", { willReadFrequently: true });
  drawStrokes(context, strokes, 1, "#fff");
  const pixels = context.getImageData(0, 0, width, height).data, mask = new Uint8Array(width * height);
  for (let i = 0; i < mask.length; i++) mask[i] = pixels[4 * i + 3] >= 128 ? 255 : 0;
  return mask;
}
