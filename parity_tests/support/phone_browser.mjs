// A browser with a phone's screen and fingers, for tests of pages: Debian's Chromium, driven by Playwright, looked at by axe.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const QUIET = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

/**
 * Start it.
 *
 * @param options browser: the executable; phone: the folder whose node_modules hold Playwright and axe.
 * @returns browser; newContext(): a context with a phone's screen; faults(page): serious faults for screen readers, a line each.
 */
export async function phoneBrowser({ browser: executablePath, phone }) {
  const require = createRequire(path.join(phone, "package.json"));
  const { chromium, devices } = require("playwright-core");
  const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", ...QUIET] });
  return {
    browser,
    newContext: () => browser.newContext({ ...devices["Pixel 7"], acceptDownloads: true }),
    async faults(page) {
      await page.evaluate(axe);
      const found = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
      return found.violations.filter((fault) => ["serious", "critical"].includes(fault.impact)).map((fault) => `${fault.id}: ${fault.help}`);
    },
  };
}

/**
 * Touch by the browser's own input, so that it decides what is a tap, a pinch, a scroll; places are [x, y] in pixels.
 *
 * @returns touch(type, places): one event; move(from, to): one or more fingers from some places to as many others.
 */
export async function fingersOn(context, page) {
  const input = await context.newCDPSession(page);
  const touch = (type, points) => input.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const move = async (from, to, steps = 12) => {
    const between = (share) => from.map(([x, y], i) => [x + (to[i][0] - x) * share, y + (to[i][1] - y) * share]);
    await touch("touchStart", from);
    for (let i = 1; i <= steps; i++) await touch("touchMove", between(i / steps));
    await page.waitForTimeout(150); // a finger that is lifted in motion is a fling, and the browser takes the next tap for its end
    await touch("touchEnd", []);
    await page.waitForTimeout(350);
  };
  return { touch, move };
}
