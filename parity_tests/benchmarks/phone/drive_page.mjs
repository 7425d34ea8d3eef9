// Drives the page in a browser with a phone's screen, by touch: node drive_page.mjs OPTIONS.json
//
// Takes { address, browser, photo, out }; prints one line of JSON with what it saw, and leaves screenshots, the mask and the saved photo in `out`.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

const options = JSON.parse(readFileSync(process.argv[2], "utf8"));
const require = createRequire(path.join(options.phone, "package.json"));
const { chromium, devices } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"];
const browser = await chromium.launch({ executablePath: options.browser, args: ["--no-sandbox", "--disable-gpu", ...quiet] });
const context = await browser.newContext({ ...devices["Pixel 7"], acceptDownloads: true });
const page = await context.newPage();
page.setDefaultTimeout(5000);
const seen = { errors: [], foreign: [] };
page.on("pageerror", (error) => seen.errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
page.on("response", (answer) => answer.status() >= 400 && seen.errors.push(`${answer.status()} ${answer.url()}`));
page.on("request", (request) => request.url().startsWith(new URL(options.address).origin) || request.url().startsWith("blob:")
  || request.url().startsWith("data:") || seen.foreign.push(request.url()));
page.on("dialog", (dialog) => dialog.accept());

const status = () => page.textContent("#status");
const says = (text) => page.waitForFunction((text) => document.getElementById("status").textContent.includes(text), text, { timeout: 120_000 });
const shot = (name) => page.screenshot({ path: path.join(options.out, `${name}.png`) });

// Touch by the browser's own input, so that it decides what is a tap, a pinch, a scroll.
const input = await context.newCDPSession(page);
const touch = async (type, points) => input.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
const drag = async (from, to, steps = 12) => {
  await touch("touchStart", [from]);
  for (let i = 1; i <= steps; i++)
    await touch("touchMove", [[from[0] + (to[0] - from[0]) * i / steps, from[1] + (to[1] - from[1]) * i / steps]]);
  await page.waitForTimeout(150); // a finger that is lifted in motion is a fling, and the browser takes the next tap for its end
  await touch("touchEnd", []);
  await page.waitForTimeout(350);
};
const painted = () => page.evaluate(() => window.wavefill.mask().reduce((sum, value) => sum + (value > 0), 0));

const start = Date.now();
await page.goto(options.address);
await says("Ready");
seen.usableMs = Date.now() - start;
seen.isolated = await page.evaluate(() => self.crossOriginIsolated);
await shot("empty");

await page.setInputFiles("#open", options.photo);
await says("Paint over");
let box = await page.locator("#view").boundingBox();
const at = (x, y) => [box.x + box.width * x, box.y + box.height * y];

// Undo, redo, erase.
await drag(at(0.4, 0.5), at(0.6, 0.5));
seen.first = await painted();
await drag(at(0.4, 0.55), at(0.6, 0.55));
seen.second = await painted();
await page.tap("#undo");
seen.undone = await painted();
await page.tap("#redo");
seen.redone = await painted();
await page.tap("#erase");
await drag(at(0.4, 0.55), at(0.6, 0.55));
seen.erased = await painted();
await page.tap("#erase");

// Two fingers zoom and paint nothing.
await touch("touchStart", [at(0.45, 0.5), at(0.55, 0.5)]);
for (let i = 1; i <= 8; i++) await touch("touchMove", [at(0.45 - 0.02 * i, 0.5), at(0.55 + 0.02 * i, 0.5)]);
await page.waitForTimeout(150);
await touch("touchEnd", []);
await page.waitForTimeout(350);
seen.pinched = await painted();
await shot("zoomed");
await page.tap("#fit");
await shot("masked");

// Fill, cancel, compare, save.
const mask = await page.evaluate(() => Array.from(window.wavefill.mask()));
writeFileSync(path.join(options.out, "mask.bin"), Uint8Array.from(mask));
const begun = Date.now();
await page.tap("#fill");
await says("Filled in");
seen.fillMs = Date.now() - begun;
seen.filled = await status();
await shot("filled");
const held = await page.locator("#compare").boundingBox();
await touch("touchStart", [[held.x + held.width / 2, held.y + held.height / 2]]);
await page.waitForTimeout(300);
await shot("compared");
await touch("touchEnd", []);
const [download] = await Promise.all([page.waitForEvent("download"), page.tap("#save")]);
seen.savedAs = download.suggestedFilename();
await download.saveAs(path.join(options.out, "saved.png"));

await page.tap("#benchmark");
await says("the computer kept it as");
seen.kept = (await status()).split(" as ")[1];
seen.golden = await page.textContent("#record tr:last-child td");
await page.locator("#record").scrollIntoViewIfNeeded();
await shot("benchmark");

// What a screen reader meets.
await page.evaluate(axe);
const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
seen.faults = found.violations.filter((fault) => ["serious", "critical"].includes(fault.impact)).map((fault) => `${fault.id}: ${fault.help}`);

// Everything is here after loading: the network may go.
await context.setOffline(true);
await page.evaluate(() => scrollTo(0, 0));
box = await page.locator("#view").boundingBox(); // the record took some of its room
await drag(at(0.3, 0.45), at(0.35, 0.5));
await page.tap("#fill");
await says("Filled in");
seen.offline = await status();
await page.tap("#undo");
await page.tap("#undo");
seen.errors = seen.errors.filter((text) => !text.includes("ERR_INTERNET_DISCONNECTED"));

console.log(JSON.stringify(seen));
await browser.close();
