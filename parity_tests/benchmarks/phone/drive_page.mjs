// Drives the page in a browser with a phone's screen, by touch: node drive_page.mjs OPTIONS.json
//
// Takes { address, browser, photo, grey, out }; prints one line of JSON with what it saw, and leaves screenshots, the mask and the saved photos in `out`.

import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fingersOn, phoneBrowser } from "../../support/phone_browser.mjs";

const options = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { browser, newContext, faults } = await phoneBrowser(options);
const context = await newContext();
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

const saved = async (name) => {
  const [download] = await Promise.all([page.waitForEvent("download"), page.tap("#save")]);
  await download.saveAs(path.join(options.out, name));
  return download.suggestedFilename();
};

const { touch, move } = await fingersOn(context, page);
const drag = (from, to) => move([from], [to]);
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
await move([at(0.45, 0.5), at(0.55, 0.5)], [at(0.29, 0.5), at(0.71, 0.5)]);
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
seen.savedAs = await saved("saved.png");

await page.tap("#benchmark");
await says("the computer kept it as");
seen.kept = (await status()).split(" as ")[1];
seen.golden = await page.textContent("#record tr:last-child td");
await page.locator("#record").scrollIntoViewIfNeeded();
await shot("benchmark");

// What a screen reader meets.
seen.faults = await faults(page);

// A photo without colours.
await page.evaluate(() => scrollTo(0, 0));
await page.setInputFiles("#open", options.grey);
await says("Paint over");
box = await page.locator("#view").boundingBox();
await drag(at(0.4, 0.5), at(0.6, 0.5));
seen.greyPainted = await painted();
await page.tap("#fill");
await says("Filled in");
await saved("grey.png");

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
