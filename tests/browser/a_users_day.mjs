// A user's day: logs in, submits a stream by the form, watches it begin to run and answer, sees its dataflow at work, stops it
// and sees it end, all without loading a page again. Then the session is ended elsewhere, and the open page says so.
//
// The scene has `config`, the configuration of the stream; requests come to it from outside as soon as it runs.

import { DESK, becomes, holds, isLedTo, logIn, must, scenario } from "./lib/scene.mjs";

/** Operators that the dataflow of a stream must show. */
const OPERATORS = ["ParseRequests", "Distances", "LookUpDistance", "Predict", "WriteAnswers", "GatherEpoch"];

async function submit(page, config) {
  await page.click("nav >> text=Submit");
  await page.selectOption("#program", "predict");
  await page.fill("#name", "delays, live");
  await page.fill("#config", config);
  await page.check("#supervise");
  await page.click("main button[type=submit]");
  await isLedTo(page, /^\/jobs\/\d+$/);
}

/** What the boxes of the dataflow say of the records that went through each operator, if not that. */
function graphBut(before) {
  const boxes = [...document.querySelectorAll(".dataflow .operator")];
  const records = boxes.map((box) => `${box.querySelector(".name").textContent}: ${box.querySelector(".records").textContent}`);
  return records.some((text) => / [1-9].* in,/.test(text)) && records.join("\n") !== before && records.join("\n");
}

/** Whether each chart has a line. */
function chartsHaveLines() {
  const charts = [...document.querySelectorAll(".chart")];
  return charts.length === 6 && charts.every((chart) => chart.querySelector("path.line[d^=M]"));
}

async function watch(page) {
  await becomes(page, "running");
  const graph = await holds(page, "the dataflow shows records", graphBut, "");
  for (const operator of OPERATORS) {
    must(graph.includes(`${operator}: `), `the dataflow shows no ${operator}, but\n${graph}`);
  }
  await holds(page, "other numbers are in the dataflow", graphBut, graph);
  await holds(page, "each chart has a line", chartsHaveLines);
  const sinks = page.locator(".badge.good", { hasText: "live" });
  await sinks.first().waitFor();
}

async function stop(page) {
  await page.click(".actions >> text=Stop");
  await isLedTo(page, /\/stop$/);
  await page.click("text=Stop it");
  await isLedTo(page, /^\/jobs\/\d+$/);
  await page.evaluate(() => (window.sinceItWasLoaded = true));
  await becomes(page, "stopped");
  must(await page.evaluate(() => window.sinceItWasLoaded === true), "the page was loaded again");
  must((await page.locator(".actions").count()) === 0, "a job that is over can still be stopped");
}

async function endTheSessionElsewhere(scene, page) {
  const other = await scene.page(page.context());
  await other.goto(`${scene.master}/`);
  await other.click("text=Log out");
  await isLedTo(other, "/login");
  // The open page hears of it by itself, and its link leads back to where it was.
  const path = new URL(page.url()).pathname;
  const again = page.locator("#offline a");
  await again.waitFor();
  await scene.shoot(page, "session-over-1440-light", {});
  await again.click();
  await page.waitForURL((url) => url.pathname === "/login" && url.searchParams.get("next") === path);
  await page.fill("#token", scene.token);
  await page.click("main button[type=submit]");
  await isLedTo(page, path);
}

await scenario(async (scene) => {
  const page = await scene.page(await scene.person(DESK));
  await logIn(page, scene.master, scene.token);
  await submit(page, scene.config);
  await page.evaluate(() => (window.sinceItWasLoaded = true));
  await watch(page);
  must(await page.evaluate(() => window.sinceItWasLoaded === true), "the page was loaded again");
  await scene.shoot(page, "day-running-1440-light");
  await stop(page);
  await scene.shoot(page, "day-stopped-1440-light");
  await endTheSessionElsewhere(scene, page);
});
