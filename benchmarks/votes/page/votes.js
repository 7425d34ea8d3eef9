"use strict";
// Pairs of pictures in a random order of this voter's own; answers stay in the browser's storage until they are saved as a file.

const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const KEY = `wavefill-votes-${data.page}`;
const CLOSEST = 8;

// mulberry32: a voter's order is a function of their seed, so that it is the same when they come back.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

// Every photo with every pair of methods, shuffled (Fisher and Yates), sides by the toss of a coin.
function pairsOf(seed) {
  const next = random(seed);
  const pairs = [];
  data.photos.forEach((photo, index) => {
    for (let a = 0; a < data.methods.length; a++)
      for (let b = a + 1; b < data.methods.length; b++) pairs.push({ photo: index, left: a, right: b });
  });
  for (let i = pairs.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [pairs[i], pairs[j]] = [pairs[j], pairs[i]];
  }
  return pairs.map((pair) => (next() < 0.5 ? pair : { ...pair, left: pair.right, right: pair.left }));
}

function restored() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    if (kept && Number.isInteger(kept.seed) && Array.isArray(kept.answers)) return kept;
  } catch { /* no storage, or not ours: begin anew */ }
  return { seed: crypto.getRandomValues(new Uint32Array(1))[0], answers: [] };
}

const voter = restored();
const pairs = pairsOf(voter.seed);
voter.answers.length = Math.min(voter.answers.length, pairs.length);
const view = { zoom: 1, x: 0, y: 0 };
let shownAt = 0;

function keep() {
  try {
    localStorage.setItem(KEY, JSON.stringify(voter));
    return true;
  } catch {
    return false; // a private window, or storage is full
  }
}

function show(status = "") {
  const done = voter.answers.length, all = pairs.length, over = done === all;
  element("place").textContent = over ? `all ${all} pairs` : `${done + 1} of ${all}`;
  element("progress").max = all;
  element("progress").value = done;
  for (const id of ["choose-left", "choose-equal", "choose-right"]) element(id).disabled = over;
  element("back").disabled = done === 0;
  element("save").disabled = done === 0;
  element("status").textContent = over ? "That was the last pair. Thank you: save the result and send the file." : status;
  const pair = pairs[Math.min(done, all - 1)];
  for (const side of ["left", "right"])
    document.querySelector(`#${side} img`).src = data.photos[pair.photo].images[pair[side]];
  Object.assign(view, { zoom: 1, x: 0, y: 0 });
  look();
  shownAt = performance.now();
}

function choose(choice) {
  if (voter.answers.length === pairs.length) return;
  voter.answers.push({ choice, ms: Math.round(performance.now() - shownAt) });
  show(keep() ? "" : "This browser keeps nothing: save the result before you close the page.");
}

function back() {
  if (!voter.answers.length) return;
  voter.answers.pop();
  keep();
  show();
}

// Both pictures at the same place and the same scale.
function look() {
  const side = element("left").clientWidth || 1;
  view.zoom = Math.min(CLOSEST, Math.max(1, view.zoom));
  const least = side * (1 - view.zoom), height = element("left").clientHeight || 1;
  view.x = Math.min(0, Math.max(least, view.x));
  view.y = Math.min(0, Math.max(height * (1 - view.zoom), view.y));
  for (const id of ["left", "right"]) {
    document.querySelector(`#${id} img`).style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.zoom})`;
    element(id).classList.toggle("pixels", view.zoom > 2);
  }
  element("closer").disabled = view.zoom >= CLOSEST;
  element("farther").disabled = view.zoom <= 1;
}

function zoom(factor, x = element("left").clientWidth / 2, y = element("left").clientHeight / 2) {
  const before = view.zoom;
  view.zoom = Math.min(CLOSEST, Math.max(1, view.zoom * factor));
  view.x = x - (x - view.x) * (view.zoom / before);
  view.y = y - (y - view.y) * (view.zoom / before);
  look();
}

const fingers = new Map();
for (const id of ["left", "right"]) {
  const box = element(id);
  box.addEventListener("pointerdown", (event) => {
    box.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY, cx: event.clientX, cy: event.clientY });
  });
  box.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return Math.hypot(a.cx - b.cx, a.cy - b.cy);
    };
    const before = fingers.size === 2 ? spread() : 0;
    const [dx, dy] = [event.clientX - finger.cx, event.clientY - finger.cy];
    finger.cx = event.clientX;
    finger.cy = event.clientY;
    if (fingers.size === 1) {
      view.x += dx;
      view.y += dy;
      look();
    } else if (before > 0) {
      const corner = box.getBoundingClientRect(), all = [...fingers.values()];
      const middle = ["cx", "cy"].map((axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length);
      zoom(spread() / before, middle[0] - corner.left, middle[1] - corner.top);
    }
  });
  for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, (event) => fingers.delete(event.pointerId));
  box.addEventListener("wheel", (event) => {
    event.preventDefault();
    const corner = box.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 1.25 : 0.8, event.clientX - corner.left, event.clientY - corner.top);
  }, { passive: false });
}

function save() {
  const votes = voter.answers.map((answer, index) => {
    const pair = pairs[index];
    return {
      photo: data.photos[pair.photo].name, left: data.methods[pair.left], right: data.methods[pair.right],
      choice: answer.choice, ms: answer.ms,
    };
  });
  const result = { schema: "wavefill-votes-1", page: data.page, voter: voter.seed, pairs: pairs.length, votes };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1)], { type: "application/json" }));
  link.download = `votes-${data.page.slice(0, 8)}-${voter.seed}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  element("status").textContent = `Saved ${votes.length} answers as ${link.download}.`;
}

element("choose-left").addEventListener("click", () => choose("left"));
element("choose-right").addEventListener("click", () => choose("right"));
element("choose-equal").addEventListener("click", () => choose("equal"));
element("back").addEventListener("click", back);
element("closer").addEventListener("click", () => zoom(2));
element("farther").addEventListener("click", () => zoom(0.5));
element("save").addEventListener("click", save);
const KEYS = {
  ArrowLeft: () => choose("left"), ArrowRight: () => choose("right"), ArrowDown: () => choose("equal"), Backspace: back,
  "+": () => zoom(2), "=": () => zoom(2), "-": () => zoom(0.5),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
window.addEventListener("resize", look);
show(voter.answers.length ? "Welcome back: you go on where you stopped." : "");
