// A training is submitted on a phone and watched, stage by stage, until it is completed; then its model is in the registry, and
// its report can be read.
//
// The scene has `args`, the arguments of the training, one on each line.

import { PHONE, becomes, holds, isLedTo, logIn, must, scenario } from "./lib/scene.mjs";

await scenario(async (scene) => {
  const page = await scene.page(await scene.person(PHONE));
  await logIn(page, scene.master, scene.token, "/models");
  must((await page.textContent("main")).includes("The registry is empty"), "there is a model before anything was trained");
  await page.click("nav >> text=Submit");
  await page.fill("#name", "nightly");
  await page.fill("#args", scene.args);
  await page.click("main button[type=submit]");
  await isLedTo(page, /^\/jobs\/\d+$/);
  await page.evaluate(() => (window.sinceItWasLoaded = true));

  const hasStage = (name) => [...document.querySelectorAll(".stage > span")].some((stage) => stage.textContent === name);
  await holds(page, "the stage of growing is shown", hasStage, "grow");
  await page.locator(".dataflow .operator").first().waitFor();
  await scene.shoot(page, "training-grows-390-light");
  await becomes(page, "completed");
  must(await page.evaluate(() => window.sinceItWasLoaded === true), "the page was loaded again");
  must((await page.textContent(".facts")).includes("exit code 0"), "it doesn't say how the training ended");

  await page.click("nav >> text=Models");
  const model = page.locator("td.name a");
  await page.locator(".badge", { hasText: "current" }).waitFor();
  const accuracy = await page.textContent('td[data-label="Accuracy"]');
  must(/^\d+\.\d%$/.test(accuracy), `the accuracy is “${accuracy}”`);
  await model.click();
  await isLedTo(page, /^\/models\/[0-9a-f]{64}\/report$/);
  const report = await page.textContent("body");
  must(/accuracy/i.test(report), "the report doesn't speak of accuracy");
});
