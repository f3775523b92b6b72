"use strict";

// Keeps a page that stands open as it would be if it were loaded again: hears of its parts that changed, and puts them in
// place. The parts are made by the server, which escapes all that is not its own. Without this script, loading again does it.

const PAUSE = { first: 1000, longest: 30000 };
const MOST_LOG = 1000000;

const path = document.body.dataset.events;
const sign = document.getElementById("offline");
const log = document.getElementById("log");
let source = null;
let timer = null;
let pause = PAUSE.first;

/** Says something above the page, or nothing. */
function tell(words, link) {
  sign.hidden = !words;
  sign.textContent = words;
  if (!link) return;
  const anchor = document.createElement("a");
  anchor.href = link;
  anchor.textContent = "Log in again";
  sign.append(" ", anchor);
}

function connect() {
  clearTimeout(timer);
  source?.close();
  const from = log ? "&from=" + log.dataset.next : "";
  source = new EventSource(path + from);
  source.addEventListener("open", () => {
    pause = PAUSE.first;
    tell("");
  });
  source.addEventListener("part", (event) => swap(JSON.parse(event.data)));
  source.addEventListener("log", (event) => append(JSON.parse(event.data)));
  source.addEventListener("end", disconnect);
  source.addEventListener("error", retry);
}

function disconnect() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

/** Connects again later; a browser would do so by itself, but never more slowly, and not after a refusal. */
async function retry() {
  disconnect();
  tell("Not connected: what is shown may be old. Trying again …");
  const wait = pause * (0.75 + Math.random() / 2);
  pause = Math.min(pause * 2, PAUSE.longest);
  timer = setTimeout(connect, wait);
  try {
    const reply = await fetch(location.href, { method: "HEAD", redirect: "manual", cache: "no-store" });
    if (reply.type !== "opaqueredirect") return;
    disconnect();
    tell("Not connected: the session is over.", location.href);
  } catch {
    // Not reachable; the timer tries again.
  }
}

/** Puts a part in place, unless it is there already; what was opened, scrolled or focused stays so. */
function swap({ name, mark, html }) {
  const part = document.querySelector('[data-live="' + CSS.escape(name) + '"]');
  if (!part || part.dataset.mark === mark) return;
  const opened = new Map([...part.querySelectorAll("details[id]")].map((details) => [details.id, details.open]));
  const scrolled = [...part.querySelectorAll(".canvas, .scroll, pre")].map((box) => [box.scrollLeft, box.scrollTop]);
  const focused = focusIn(part);
  part.innerHTML = html;
  part.dataset.mark = mark;
  for (const [id, open] of opened) {
    const details = document.getElementById(id);
    if (details) details.open = open;
  }
  part.querySelectorAll(".canvas, .scroll, pre").forEach((box, at) => {
    if (scrolled[at]) [box.scrollLeft, box.scrollTop] = scrolled[at];
    else if (box.matches(".canvas")) showTheBeginning(box);
  });
  if (focused >= 0) focusable(part)[focused]?.focus({ preventScroll: true });
}

function focusable(part) {
  return part.querySelectorAll("a, summary, [tabindex]");
}

function focusIn(part) {
  return [...focusable(part)].indexOf(document.activeElement);
}

/** Adds to the log, and stays at its end if that is where the reader is. */
function append({ next, html }) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.insertAdjacentHTML("beforeend", html);
  log.dataset.next = next;
  document.getElementById("nothing")?.remove();
  while (log.textContent.length > MOST_LOG && log.childElementCount > 1) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

/** Of a wide picture the place where its data comes in is shown first. */
function showTheBeginning(canvas) {
  const first = canvas.querySelector("rect")?.getBoundingClientRect();
  if (first) canvas.scrollLeft = first.left - canvas.getBoundingClientRect().left - (canvas.clientWidth - first.width) / 2;
}

document.querySelectorAll(".canvas").forEach(showTheBeginning);

if (path) {
  if (log) log.scrollTop = log.scrollHeight;
  connect();
  // A browser has few connections for one host: a page that nobody looks at gives its own back.
  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
}
