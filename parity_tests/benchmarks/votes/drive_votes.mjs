// Drives the page of votes in a browser with a phone's screen and without a network: node drive_votes.mjs OPTIONS.json
//
// Takes { page, browser, out, phone }; prints one line of JSON with what it saw, and leaves a screenshot and the saved answers in `out`.

import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { fingersOn, phoneBrowser } from "../../support/phone_browser.mjs";

const options = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { browser, newContext, faults } = await phoneBrowser(options);
const context = await newContext();
await context.setOffline(true);
const seen = { errors: [], foreign: [] };
const address = pathToFileURL(options.page).href;

async function open() {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000); // on a busy machine a tap takes seconds
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("request", (request) => request.url() === address || /^(data|blob):/.test(request.url()) || seen.foreign.push(request.url()));
  await page.goto(address);
  return page;
}

const shown = (page) => page.evaluate(() => ["left", "right"].map((side) => document.querySelector(`#${side} img`).src));
const place = (page) => page.textContent("#place");

let page = await open();
seen.first = await place(page);
// What each answer was given to, by the pictures themselves.
seen.answers = [];
const answer = async (choice, give) => {
  seen.answers.push([choice, ...(await shown(page))]);
  await give();
};
await answer("left", () => page.tap("#choose-left"));
await answer("right", () => page.tap("#choose-right"));
await answer("equal", () => page.tap("#choose-equal"));
// One answer is taken back and given again, by keys.
await page.keyboard.press("ArrowLeft");
seen.before = await place(page);
await page.keyboard.press("Backspace");
seen.back = await place(page);
await answer("right", () => page.keyboard.press("ArrowRight"));
await answer("equal", () => page.keyboard.press("ArrowDown"));

// Zoom: by button, by dragging, by two fingers; both pictures move alike.
const transforms = () => page.evaluate(() => ["left", "right"].map((side) => document.querySelector(`#${side} img`).style.transform));
// The browser makes a click of a tap when it has time to.
const changed = async (act) => {
  const [before] = await transforms();
  await act();
  await page.waitForFunction((was) => document.querySelector("#left img").style.transform !== was, before);
  return transforms();
};
seen.zoomed = await changed(() => page.tap("#closer"));
const { move } = await fingersOn(context, page);
const box = await page.locator("#right").boundingBox();
const at = (x, y) => [box.x + box.width * x, box.y + box.height * y];
await move([at(0.5, 0.5)], [at(0.34, 0.5)]);
seen.dragged = await transforms();
seen.whole = await changed(() => page.tap("#farther"));
await move([at(0.4, 0.5), at(0.6, 0.5)], [at(0.16, 0.5), at(0.84, 0.5)]);
seen.pinched = await transforms();
await page.screenshot({ path: path.join(options.out, "pair.png") });

seen.faults = await faults(page);

// Closed and opened again: it goes on where it was, with the same pair.
const pair = await shown(page);
await page.close();
page = await open();
seen.resumed = await place(page);
seen.welcome = await page.textContent("#status");
seen.same = JSON.stringify(await shown(page)) === JSON.stringify(pair);
while (!(await page.isDisabled("#choose-left"))) await answer("left", () => page.keyboard.press("ArrowLeft"));
seen.last = await page.textContent("#status");
const [download] = await Promise.all([page.waitForEvent("download"), page.tap("#save")]);
seen.savedAs = download.suggestedFilename();
await download.saveAs(path.join(options.out, "votes.json"));
seen.visible = await page.evaluate(() => document.body.innerText);

// Another voter has another order.
const other = await (await newContext()).newPage();
await other.goto(address);
seen.orders = [];
for (let i = 0; i < 6; i++) {
  seen.orders.push((await shown(other)).join());
  await other.keyboard.press("ArrowLeft");
}
console.log(JSON.stringify(seen));
await browser.close();
