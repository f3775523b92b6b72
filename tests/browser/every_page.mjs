// Every page of master and worker on a phone and on a desk, light and dark: it is laid out well and can be read, it says nothing
// on the console, asks nobody else, and its JSON twin is there. How each looks is kept as a picture.
//
// The scene has `jobs`: the numbers of one that streams, one that was trained, one that has failed and one that waits.

import { faultsOfContrast, faultsOfLayout } from "./lib/looks.mjs";
import { DESK, PHONE, logIn, must, scenario } from "./lib/scene.mjs";

/** The pages: their names, where they are, what is there once they are whole, and what programs ask in their place. */
function pages({ master, worker, jobs, model }) {
  const { stream, training, failed, waiting } = jobs;
  const log = `/jobs/${stream}/logs/1/0`;
  return [
    { name: "cluster", at: master, path: "/", whole: "#main .cards", twin: "/api/cluster" },
    { name: "job-stream", at: master, path: `/jobs/${stream}`, whole: ".dataflow .operator", twin: `/api/jobs/${stream}` },
    { name: "job-scope", at: master, path: `/jobs/${stream}?scope=0`, whole: ".path", twin: `/api/jobs/${stream}/graph` },
    { name: "job-trained", at: master, path: `/jobs/${training}`, whole: ".stage", twin: `/api/jobs/${training}` },
    { name: "job-failed", at: master, path: `/jobs/${failed}`, whole: "pre.log", twin: `/api/jobs/${failed}` },
    { name: "job-waiting", at: master, path: `/jobs/${waiting}`, whole: ".badge.busy", twin: `/api/jobs/${waiting}` },
    { name: "log", at: master, path: log, whole: "#log span", twin: `/api${log}` },
    { name: "log-beginning", at: master, path: `${log}?from=0`, whole: "#log span", twin: `/api${log}?from=0` },
    { name: "confirm-stop", at: master, path: `/jobs/${stream}/stop`, whole: "form button" },
    { name: "confirm-kill", at: master, path: `/jobs/${stream}/kill`, whole: "form button.danger" },
    { name: "submit", at: master, path: "/submit", whole: "#config" },
    { name: "submit-mistakes", at: master, path: "/submit", whole: "#config", status: 422, after: makeMistakes },
    { name: "models", at: master, path: "/models", whole: "td code", twin: "/api/models" },
    { name: "model-report", at: master, path: `/models/${model}/report`, whole: "h1", isForeign: true },
    { name: "not-found", at: master, path: "/nothing", whole: ".button", status: 404 },
    { name: "no-log", at: master, path: `/jobs/${waiting}/logs/7/0`, whole: ".button", status: 404 },
    { name: "worker", at: worker, path: "/", whole: ".cards", twin: "/api/worker" },
    { name: "worker-log", at: worker, path: log, whole: "#log span", twin: `/api${log}` },
  ];
}

/** Sends a form in which much is wrong. */
async function makeMistakes(page) {
  await page.fill("#processes", "none");
  await page.fill("#memory", "much");
  await page.fill("#every", "soon");
  await page.fill("#config", "[job\nname = ");
  await page.click("main button[type=submit]");
  await page.waitForSelector("main .notice.alarm");
}

async function lookAt(scene, page, size, one) {
  const faults = [];
  if (one.status) scene.watchOf(page).expect(one.path, one.status);
  const response = await page.goto(`${one.at}${one.path}`);
  if (one.after) await one.after(page);
  else if (response.status() !== (one.status ?? 200)) faults.push(`it was answered ${response.status()}`);
  await page.waitForSelector(one.whole);
  if (!one.isForeign) faults.push(...(await page.evaluate(faultsOfLayout, size.width)));
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    faults.push(...(await page.evaluate(faultsOfContrast)).map((fault) => `${scheme}: ${fault}`));
    await scene.shoot(page, `${one.name}-${size.width}-${scheme}`);
  }
  if (one.twin) {
    const twin = await page.request.get(`${one.at}${one.twin}`);
    if (twin.status() !== 200) faults.push(`its twin ${one.twin} was answered ${twin.status()}`);
    else await twin.json();
  }
  return faults.map((fault) => `${one.name} (${one.path}) at ${size.width} px: ${fault}`);
}

/** The page before all others, also when the token was wrong. */
async function lookAtLogin(scene, page, size) {
  const faults = await lookAt(scene, page, size, { name: "login", at: scene.master, path: "/login", whole: "#token" });
  const refuse = async () => {
    await page.fill("#token", "wrong");
    await page.click("main button[type=submit]");
    const said = await page.textContent("#fault");
    must(said.includes("The token is wrong."), `a wrong token is answered “${said}”`);
  };
  const refused = { name: "login-refused", at: scene.master, path: "/login", whole: "#fault", status: 401, after: refuse };
  return [...faults, ...(await lookAt(scene, page, size, refused))];
}

await scenario(async (scene) => {
  const faults = [];
  const titles = new Map();
  for (const size of [PHONE, DESK]) {
    const person = await scene.person(size);
    const ofMaster = await scene.page(person);
    faults.push(...(await lookAtLogin(scene, ofMaster, size)));
    await logIn(ofMaster, scene.master, scene.token);
    const ofWorker = await scene.page(person);
    await logIn(ofWorker, scene.worker, scene.workerToken);
    for (const one of pages(scene)) {
      const page = one.at === scene.master ? ofMaster : ofWorker;
      faults.push(...(await lookAt(scene, page, size, one)));
      titles.set(one.name, await page.title());
    }
    await person.close();
  }
  for (const [name, title] of titles) if (!title.trim()) faults.push(`${name} has no title`);
  return faults;
});
