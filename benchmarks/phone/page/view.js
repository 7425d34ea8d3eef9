// Where the photo is on the screen: scale and offset in screen pixels, moved by two fingers or the wheel.

const CLOSEST = 16;

export class View {
  scale = 1;
  x = 0;
  y = 0;
  #fitted = 1;

  /** Show the whole photo in the middle. */
  fit(photo, screen) {
    this.scale = this.#fitted = Math.min(screen.width / photo.width, screen.height / photo.height);
    this.x = (screen.width - photo.width * this.scale) / 2;
    this.y = (screen.height - photo.height * this.scale) / 2;
  }

  /** Screen coordinates -> the photo's. */
  toPhoto([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  /** Zoom so that the photo's point under `at` comes under `to`; never smaller than the whole photo. */
  zoom(factor, at, to = at) {
    const scale = Math.min(Math.max(this.scale * factor, this.#fitted), CLOSEST * Math.max(1, this.#fitted));
    const [px, py] = this.toPhoto(at);
    this.scale = scale;
    this.x = to[0] - px * scale;
    this.y = to[1] - py * scale;
  }

  /** Keep a part of the photo on the screen. */
  bound(photo, screen) {
    for (const [axis, side] of [["x", "width"], ["y", "height"]]) {
      const shown = photo[side] * this.scale, room = screen[side] - shown;
      this[axis] = room >= 0 ? room / 2 : Math.min(0, Math.max(room, this[axis]));
    }
  }
}

/** What two fingers did between two moments: factor, and the middle between them before and after. */
export function pinch([a, b], [c, d]) {
  const middle = (p, q) => [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
  const apart = (p, q) => Math.max(1, Math.hypot(p[0] - q[0], p[1] - q[1]));
  return { factor: apart(c, d) / apart(a, b), at: middle(a, b), to: middle(c, d) };
}
