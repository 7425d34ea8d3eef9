// The page: a photo, strokes on it, fills. docs: README "phone"; the network and the fill run in worker.js.

import { History } from "./history.js";
import { drawStrokes, strokesMask } from "./strokes.js";
import { View, pinch } from "./view.js";

const $ = (id) => document.getElementById(id);
const canvas = $("view"), screen = canvas.getContext("2d");
const full = document.createElement("canvas"), pixels = full.getContext("2d", { willReadFrequently: true });
const overlay = document.createElement("canvas"), paint = overlay.getContext("2d");
const OVERLAY = 2048; // longest side of the strokes as shown; the mask is drawn from the strokes at full size

const history = new History(), view = new View(), worker = new Worker("/worker.js", { type: "module" });
let models = [], original = null, name = "photo", kind = "image/png";
let busy = false, ready = false, comparing = false, stroke = null, scheduled = false;
const pointers = new Map();

const strokes = () => {
  const edits = history.edits, last = edits.findLastIndex((edit) => edit.fill);
  return edits.slice(last + 1).map((edit) => edit.stroke);
};
const say = (text) => { $("status").textContent = text; };
const chosen = () => models[$("model").selectedIndex];

// ------------------------------------------------------------------------------------------------ worker

const waiting = {};
worker.onmessage = ({ data }) => {
  if (data.progress !== undefined) {
    $("progress").value = data.progress / data.of;
  } else if (data.failed) {
    waiting[data.failed]?.reject(data);
  } else {
    waiting[data.did]?.resolve(data);
  }
};
worker.onerror = (event) => say(`The network cannot run in this browser: ${event.message || "its module was refused"}`);
const ask = (what, message = {}, transfer = []) => new Promise((resolve, reject) => {
  waiting[what] = { resolve, reject };
  worker.postMessage({ do: what, ...message }, transfer);
});

async function work(what, cancellable, act) {
  busy = true;
  say(what);
  $("progress").hidden = false;
  $("progress").value = 0;
  $("cancel").hidden = !cancellable;
  update();
  try {
    await act();
  } catch (failure) {
    say(failure.cancelled ? "Cancelled; nothing was changed" : `That did not work: ${failure.text ?? failure.message}`);
  }
  busy = false;
  $("progress").hidden = $("cancel").hidden = true;
  update();
}

const load = () => work("Loading the network", false, async () => {
  ready = false;
  const { threads } = await ask("load", { model: chosen() });
  ready = true;
  say(`${chosen().scheme}, ${(chosen().bytes / 1e6).toFixed(1)} MB, ${threads} thread${threads === 1 ? "" : "s"}. Ready`);
});

// ------------------------------------------------------------------------------------------------ photo

async function open(file) {
  if (!file) return;
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    return say(`${file.name}: this browser cannot read it; JPEG, PNG and WebP work everywhere`);
  }
  let { width, height } = image;
  // Browsers hold canvases up to some size only, and give an empty one, not an error, above it.
  for (;;) {
    full.width = width;
    full.height = height;
    pixels.drawImage(image, 0, 0, width, height);
    if (pixels.getImageData(width - 1, height - 1, 1, 1).data[3] || Math.max(width, height) < 512) break;
    width = Math.round(width / Math.SQRT2);
    height = Math.round(height / Math.SQRT2);
  }
  original = image;
  name = file.name.replace(/\.[^.]*$/, "") || "photo";
  kind = file.type === "image/jpeg" ? "image/jpeg" : "image/png";
  const scale = Math.min(1, OVERLAY / Math.max(width, height));
  overlay.width = Math.round(width * scale);
  overlay.height = Math.round(height * scale);
  history.clear();
  $("stage").classList.remove("empty");
  resize();
  say(width < image.width ? `This browser cannot hold ${image.width}x${image.height} pixels; reduced to ${width}x${height}`
    : `${width}x${height}. Paint over what should go; two fingers zoom`);
  update();
}

const fill = () => work("Filling", true, async () => {
  const { width, height } = full, mask = strokesMask(strokes(), width, height);
  if (!mask.includes(255)) throw new Error("nothing is painted");
  if (!mask.includes(0)) throw new Error("everything is painted; leave something to continue from");
  const before = pixels.getImageData(0, 0, width, height);
  const { pixels: filled, ms, networkMs } = await ask("fill", { pixels: new Uint8ClampedArray(before.data), width, height, mask });
  const box = maskBox(mask, width, height);
  const after = new ImageData(filled, width, height);
  const put = (whole) => pixels.putImageData(whole, 0, 0, box.left, box.top, box.width, box.height);
  const cut = (whole) => { put(whole); return pixels.getImageData(box.left, box.top, box.width, box.height); };
  const old = pixels.getImageData(box.left, box.top, box.width, box.height), fresh = cut(after);
  const show = (part) => { pixels.putImageData(part, box.left, box.top); redraw(); };
  history.add({ fill: true, undo: () => show(old), redo: () => show(fresh) });
  redraw();
  say(`Filled in ${Math.round(ms)} ms, of which the network ${Math.round(networkMs)} ms`);
});

function maskBox(mask, width, height) {
  let left = width, top = height, right = 0, bottom = 0;
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++)
      if (mask[i]) {
        left = Math.min(left, x); right = Math.max(right, x + 1); top = Math.min(top, y); bottom = y + 1;
      }
  return { left, top, width: right - left, height: bottom - top };
}

function save() {
  const suffix = kind === "image/jpeg" ? "jpg" : "png";
  full.toBlob((blob) => {
    if (!blob) return say("This browser cannot encode a photo of this size");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}-filled.${suffix}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    say(`Saved ${link.download}, ${full.width}x${full.height}, without the photo's metadata`);
  }, kind, 0.95);
}

// ------------------------------------------------------------------------------------------------ benchmark

const measure = () => work("Measuring; leave the page in front", false, async () => {
  const model = chosen(), measured = await ask("benchmark", { model });
  const { runtime, times_ms, golden } = measured;
  const host = {
    user_agent: navigator.userAgent.slice(0, 400), cores: navigator.hardwareConcurrency || 1,
    memory_gb: navigator.deviceMemory ?? null, cross_origin_isolated: self.crossOriginIsolated,
  };
  const record = { schema: "wavefill-record-1", artifact: model.name, runtime, host, times_ms, golden };
  const difference = golden.hole_psnr_db === null ? "equal" : `${golden.max_level_difference} levels at most, ${golden.hole_psnr_db.toFixed(1)} dB`;
  const rows = [
    ["Model", model.name], ["Runtime", `ONNX Runtime Web ${runtime.version}, ${runtime.threads} thread(s)`],
    ["Median", `${times_ms.p50.toFixed(1)} ms of ${times_ms.runs} runs`], ["90 % within", `${times_ms.p90.toFixed(1)} ms`],
    ["First run, loading", `${times_ms.first.toFixed(1)} ms, ${times_ms.load.toFixed(0)} ms`],
    ["First and last tenth", `${times_ms.first_tenth.toFixed(1)} and ${times_ms.last_tenth.toFixed(1)} ms`],
    ["Golden result", `${golden.same ? "the same" : "NOT the same"} as on the computer (${difference})`],
  ];
  const table = document.createElement("table"), title = document.createElement("h2");
  title.textContent = "Benchmark";
  for (const [what, value] of rows) {
    const row = table.insertRow(), head = document.createElement("th");
    head.scope = "row";
    head.textContent = what;
    row.append(head);
    row.insertCell().textContent = value;
  }
  $("record").replaceChildren(title, table);
  $("record").hidden = false;
  try {
    const answer = await fetch("/records", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(record) });
    say(answer.ok ? `Measured; the computer kept it as ${(await answer.json()).saved}` : `Measured, but not taken: ${await answer.text()}`);
  } catch {
    say("Measured; the computer is not there any more to keep it");
  }
});

// ------------------------------------------------------------------------------------------------ drawing

function redraw() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    screen.setTransform(1, 0, 0, 1, 0, 0);
    screen.clearRect(0, 0, canvas.width, canvas.height);
    if (!original) return;
    screen.setTransform(view.scale, 0, 0, view.scale, view.x, view.y);
    screen.imageSmoothingEnabled = view.scale < 3;
    screen.drawImage(comparing ? original : full, 0, 0, full.width, full.height);
    if (comparing) return;
    const scale = overlay.width / full.width;
    paint.clearRect(0, 0, overlay.width, overlay.height);
    drawStrokes(paint, stroke ? [...strokes(), stroke] : strokes(), scale, "#e5308c");
    screen.globalAlpha = 0.55;
    screen.drawImage(overlay, 0, 0, full.width, full.height);
    screen.globalAlpha = 1;
  });
}

function resize() {
  const ratio = window.devicePixelRatio || 1, { width, height } = $("stage").getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  if (original) view.fit(full, canvas);
  redraw();
}

function update() {
  const painted = original && strokes().length > 0, open = original && !busy;
  $("fill").disabled = !(open && ready && painted);
  $("save").disabled = $("fit").disabled = $("erase").disabled = !open;
  $("undo").disabled = !(open && history.canUndo);
  $("redo").disabled = !(open && history.canRedo);
  $("compare").disabled = !(open && history.edits.some((edit) => edit.fill));
  $("benchmark").disabled = busy || !ready;
  $("model").disabled = $("open").disabled = $("camera").disabled = busy;
}

// ------------------------------------------------------------------------------------------------ fingers

const place = (event) => {
  const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
  return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
};

canvas.addEventListener("pointerdown", (event) => {
  if (!original || busy) return;
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, place(event));
  if (pointers.size > 1) {
    stroke = null; // the second finger of a pinch: what the first one painted was not meant
  } else {
    const width = Number($("size").value) * (canvas.width / canvas.clientWidth) / view.scale;
    stroke = { erase: $("erase").ariaPressed === "true", width, points: [view.toPhoto(place(event))] };
  }
  redraw();
});

canvas.addEventListener("pointermove", (event) => {
  if (!pointers.has(event.pointerId)) return;
  const before = [...pointers.values()];
  pointers.set(event.pointerId, place(event));
  if (pointers.size === 2) {
    const { factor, at, to } = pinch(before, [...pointers.values()]);
    view.zoom(factor, at, to);
    view.bound(full, canvas);
  } else if (stroke) {
    for (const part of event.getCoalescedEvents?.() ?? [event]) stroke.points.push(view.toPhoto(place(part)));
    stroke.points.push(view.toPhoto(place(event)));
  }
  redraw();
});

function lift(event) {
  if (!pointers.delete(event.pointerId)) return;
  if (stroke && event.type === "pointerup") {
    history.add({ stroke, undo: redraw, redo: redraw });
  }
  stroke = null;
  redraw();
  update();
}
canvas.addEventListener("pointerup", lift);
canvas.addEventListener("pointercancel", lift);
canvas.addEventListener("wheel", (event) => {
  if (!original) return;
  event.preventDefault();
  view.zoom(Math.exp(-event.deltaY / 500), place(event));
  view.bound(full, canvas);
  redraw();
}, { passive: false });

// ------------------------------------------------------------------------------------------------ buttons

for (const id of ["open", "camera"]) {
  $(id).addEventListener("change", (event) => { open(event.target.files[0]); event.target.value = ""; });
}
$("fill").addEventListener("click", fill);
$("cancel").addEventListener("click", () => worker.postMessage({ do: "cancel" }));
$("save").addEventListener("click", save);
$("benchmark").addEventListener("click", measure);
$("model").addEventListener("change", load);
$("fit").addEventListener("click", () => { view.fit(full, canvas); redraw(); });
$("erase").addEventListener("click", () => { $("erase").ariaPressed = String($("erase").ariaPressed !== "true"); });
$("undo").addEventListener("click", () => { history.undo(); redraw(); update(); });
$("redo").addEventListener("click", () => { history.redo(); redraw(); update(); });
const hold = (on) => () => { comparing = on && !$("compare").disabled; redraw(); };
for (const event of ["pointerdown", "keydown"]) $("compare").addEventListener(event, hold(true));
for (const event of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) $("compare").addEventListener(event, hold(false));
$("compare").addEventListener("contextmenu", (event) => event.preventDefault());
new ResizeObserver(resize).observe($("stage"));
addEventListener("beforeunload", (event) => { if (history.canUndo) event.preventDefault(); });

models = await (await fetch("/models.json")).json();
for (const model of models) $("model").add(new Option(`${model.scheme} (${(model.bytes / 1e6).toFixed(1)} MB)`));
await load();

/** For the tests: the mask that a fill would have now. */
window.wavefill = { mask: () => strokesMask(strokes(), full.width, full.height) };
