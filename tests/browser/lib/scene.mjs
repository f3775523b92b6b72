// What every scenario begins with: the scene that a Rust test has set, and Chromium to look at it.
//
// A scenario is run as `node NAME.mjs SCENE`, where SCENE is a JSON file: `master` and `worker`, the addresses of pages, the
// `token` and `workerToken` that open them, `shots`, the folder of screenshots, and what that scenario needs besides. It ends with 0, or says in
// sentences what is wrong and ends with 1. It waits for conditions alone.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

import { Watch } from "./watch.mjs";

const fetched = new URL("../../../target/services/fetched/browser/", import.meta.url);
const { chromium } = createRequire(fetched)("playwright-core");

/** How long a scenario waits for what must come: far more than anything takes, and less than whoever waits for the scenario. */
const DEADLINE = 100_000;

/** The shapes in which pages are looked at. */
export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1440, height: 900 };

/** A browser in front of a scene. */
export class Scene {
  constructor(told, browser) {
    Object.assign(this, told);
    this.browser = browser;
    this.watches = [];
  }

  /** A person with a browser of this size, who knows nothing yet. */
  async person(viewport = DESK, more = {}) {
    const isPhone = viewport.width < 700;
    const context = await this.browser.newContext({ viewport, isMobile: isPhone, hasTouch: isPhone, ...more });
    context.setDefaultTimeout(DEADLINE);
    return context;
  }

  /** A new page of theirs. What goes wrong behind it fails the scenario. */
  async page(context) {
    const page = await context.newPage();
    this.watches.push(new Watch(page, [this.master, this.worker]));
    return page;
  }

  watchOf(page) {
    return this.watches.find((watch) => watch.page === page);
  }

  /** Writes down how a page looks. */
  async shoot(page, name, options = { fullPage: true }) {
    await page.screenshot({ path: join(this.shots, `${name}.png`), animations: "disabled", ...options });
  }

  /** What went wrong behind all pages until now. */
  faults() {
    return this.watches.flatMap((watch) => watch.faults);
  }
}

/** Waits until the page is that of a path: this one, or one like it. */
export async function isLedTo(page, path) {
  const isIt = ({ pathname }) => (path instanceof RegExp ? path.test(pathname) : path === pathname);
  await page.waitForURL(isIt);
}

/** Types the token into the page of `address`, and is led to its page at `path`. */
export async function logIn(page, address, token, path = "/") {
  await page.goto(`${address}${path}`);
  await isLedTo(page, "/login");
  await page.fill("#token", token);
  await page.click("main button[type=submit]");
  await isLedTo(page, path);
}

/** Waits until something is true in a page, and gives it. `what` is said if it never is. */
export async function holds(page, what, condition, argument) {
  try {
    return await (await page.waitForFunction(condition, argument)).jsonValue();
  } catch (error) {
    throw new Error(`waited in vain until ${what}, at ${page.url()}: ${error.stack}`);
  }
}

/** Waits until the page of a job says that it stands so; it may be over in no other way. */
export async function becomes(page, phase) {
  const isThereOrOver = (phase) => {
    const badge = document.querySelector(".standing .badge")?.textContent;
    const isOver = ["completed", "failed", "stopped", "killed"].includes(badge);
    return (badge === phase || isOver) && document.querySelector(".standing").textContent;
  };
  const said = await holds(page, `the job is ${phase}`, isThereOrOver, phase);
  must(said.startsWith(phase), `the job should have become ${phase}, but is ${said}`);
}

/** Fails the scenario unless it is so. */
export function must(isSo, otherwise) {
  if (!isSo) throw new Error(otherwise);
}

/** Plays a scenario; `play` may give faults, a sentence each. */
export async function scenario(play) {
  const told = JSON.parse(await readFile(process.argv[2], "utf8"));
  const args = ["--disable-dev-shm-usage", "--force-color-profile=srgb"];
  // Chromium's sandbox needs another user than root.
  if (process.getuid?.() === 0) args.push("--no-sandbox");
  const browser = await chromium.launch({ executablePath: told.chromium, args });
  let faults = [];
  try {
    const scene = new Scene(told, browser);
    try {
      faults = (await play(scene)) ?? [];
    } catch (error) {
      faults = [error.stack];
      await keepTheLastSight(scene);
    }
    faults = [...scene.faults(), ...faults];
  } finally {
    await browser.close();
  }
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

/** How all open pages look when a scenario has failed. */
async function keepTheLastSight(scene) {
  const pages = scene.browser.contexts().flatMap((context) => context.pages());
  for (const [number, page] of pages.entries()) {
    const name = `failed-${basename(process.argv[1], ".mjs")}-${number}`;
    await scene.shoot(page, name).catch(() => {});
    console.error(`the page ${page.url()} looks as in ${join(scene.shots, name)}.png`);
  }
}
