// The keyboard alone is enough to log in, submit a job and read its log, and one always sees where one is. Without JavaScript
// pages show what they show with it.

import { DESK, becomes, holds, isLedTo, logIn, must, scenario } from "./lib/scene.mjs";

/** Goes on with the Tab key until it is at what is wanted, and sees that each step can be seen. */
async function tabTo(page, selector) {
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate((selector) => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const isSeen = element === document.body || (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2);
      return { isThere: element.matches(selector), isSeen, what: element.outerHTML.slice(0, 120) };
    }, selector);
    must(at.isSeen, `nobody sees that the focus is at ${at.what}`);
    if (at.isThere) return;
  }
  throw new Error(`the Tab key doesn't lead to ${selector} of ${page.url()}`);
}

async function byKeyboard(scene) {
  const page = await scene.page(await scene.person(DESK));
  await page.goto(`${scene.master}/submit`);
  await isLedTo(page, "/login");
  await holds(page, "the field of the token has the focus", () => document.activeElement?.id === "token");
  await page.keyboard.type(scene.token);
  await page.keyboard.press("Enter");
  await isLedTo(page, "/submit");

  // The first key leads over what stands on every page.
  await tabTo(page, ".skip");
  await scene.shoot(page, "skip-1440-light", {});
  await page.keyboard.press("Enter");
  await tabTo(page, "#program");
  await page.keyboard.type("train");
  await tabTo(page, "#args");
  await page.keyboard.type("--models\nmodels\n--input\nrows.jsonl\n--trees\n2");
  await tabTo(page, "main button[type=submit]");
  await page.keyboard.press("Enter");
  await isLedTo(page, /^\/jobs\/\d+$/);
  await becomes(page, "completed");
  await tabTo(page, 'a[href*="/logs/"]');
  await page.keyboard.press("Enter");
  await page.waitForSelector("#log");
}

async function withoutScript(scene) {
  const page = await scene.page(await scene.person(DESK, { javaScriptEnabled: false }));
  await logIn(page, scene.master, scene.token);
  must((await page.textContent("main")).includes("worker-0"), "without JavaScript the cluster shows no worker");
  await page.click('a[href="/jobs/1"]');
  await isLedTo(page, "/jobs/1");
  const shown = await page.textContent("main");
  for (const part of ["completed", "What was submitted", "Generation 1", "Last lines", "Stages"]) {
    must(shown.includes(part), `without JavaScript a job doesn't show “${part}”`);
  }
}

await scenario(async (scene) => {
  await byKeyboard(scene);
  await withoutScript(scene);
});
