"use strict";

// Asks, and shows the answer twice: as the topic brings it (server-sent event) and as the collection holds it (polling).
// Whatever comes from outside is set as text, never as HTML.

const GIVE_UP_AFTER = 5 * 60 * 1000;
const POLLS = { first: 20, longest: 1000 };
const IN_WORDS = {
  Carrier: "carrier", Origin: "airport of departure", Dest: "airport of arrival", Route: "route",
  FlightNum: "flight number", CalendarDay: "day of the year",
};

const form = document.getElementById("flight_delay_classification");
const notice = document.getElementById("notice");
const inputs = [...form.querySelectorAll("input")];

/** One of the two places where the answer is shown. */
class Card {
  constructor(id) {
    this.element = document.getElementById(id);
    this.rows = [...this.element.querySelectorAll(".classes li")];
  }

  part(name) {
    return this.element.querySelector("." + name);
  }

  /** Says something in the state "idle", "waiting", "answered" or "failed". */
  say(state, words) {
    this.element.dataset.state = state;
    this.element.setAttribute("aria-busy", String(state === "waiting"));
    const verdict = this.part("verdict");
    // A sentence that stands already would be read aloud again.
    if (verdict.textContent !== words) verdict.textContent = words;
  }

  /** Takes the last answer away. */
  clear(state, words) {
    this.say(state, words);
    delete this.element.dataset.class;
    this.part("took").textContent = "";
    this.part("unseen").hidden = true;
    this.part("facts").hidden = true;
    for (const row of this.rows) showRow(row, null, false);
  }

  /** Shows an answer that came after so many milliseconds: a prediction, or the reason why there is none. */
  show(answer, milliseconds) {
    this.part("took").textContent = milliseconds.toFixed(milliseconds < 10 ? 1 : 0) + " ms";
    const predicted = this.rows[answer.Prediction];
    if (answer.Status === "ERROR" || !predicted) {
      this.say("failed", "No prediction: " + (answer.Error ?? "the answer has none") + ".");
    } else {
      this.element.dataset.class = answer.Prediction;
      const name = predicted.querySelector(".name").textContent;
      this.say("answered", name[0].toUpperCase() + name.slice(1));
      this.rows.forEach((row, at) => showRow(row, answer.Probabilities?.[at], row === predicted));
    }
    this.showFacts(answer);
  }

  showFacts(answer) {
    const unseen = (answer.Unseen ?? []).map((feature) => IN_WORDS[feature] ?? feature);
    this.part("unseen").hidden = unseen.length === 0;
    this.part("unseen").textContent = "The model has never seen this " + unseen.join(" or this ") + ".";
    this.part("facts").hidden = false;
    this.part("model").textContent = String(answer.Model ?? "–").slice(0, 12);
    this.part("model").title = String(answer.Model ?? "");
    this.part("table").textContent = String(answer.Table ?? "–");
    this.part("distance").textContent =
      typeof answer.Distance === "number" ? Math.round(answer.Distance).toLocaleString("en") + " miles" : "–";
  }
}

function showRow(row, share, isPredicted) {
  row.classList.toggle("predicted", isPredicted);
  const known = typeof share === "number";
  row.querySelector(".share").textContent = known ? (share * 100).toFixed(1) + " %" : "";
  row.querySelector(".bar span").style.width = known ? share * 100 + "%" : "0";
}

const topic = new Card("topic");
const collection = new Card("collection");
let current = null;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  current?.abort.abort();
  current = { began: performance.now(), abort: new AbortController() };
  ask(current);
});

// Codes are in capitals everywhere, and a small letter would be an unknown airport.
for (const input of inputs.filter((input) => input.getAttribute("autocapitalize") === "characters")) {
  input.addEventListener("change", () => {
    input.value = input.value.trim().toUpperCase();
  });
}

async function ask(asked) {
  showErrors({});
  tell("");
  for (const card of [topic, collection]) card.clear("waiting", "Asking …");
  const request = {
    method: "POST", body: new URLSearchParams(new FormData(form)),
    headers: { Accept: "application/json" }, signal: asked.abort.signal,
  };
  let reply;
  try {
    reply = await (await fetch(form.action, request)).json();
  } catch {
    if (asked.abort.signal.aborted) return;
    reply = { error: "the server can't be reached; is it still running?" };
  }
  if (reply.status === "OK") {
    for (const card of [topic, collection]) card.say("waiting", "Waiting for the answer …");
    listen(reply.id, asked);
    poll(reply.id, asked);
    return;
  }
  for (const card of [topic, collection]) card.clear("idle", "There is no answer to wait for.");
  if (reply.errors) {
    showErrors(reply.errors);
    tell(reply.errors.form ?? "");
  } else {
    const words = reply.error ?? "the server's answer can't be read";
    tell(words[0].toUpperCase() + words.slice(1) + ".");
  }
}

/** Hears the answer from the topic. The browser connects again by itself when the connection breaks. */
function listen(id, asked) {
  const source = new EventSource(form.dataset.stream + encodeURIComponent(id));
  asked.abort.signal.addEventListener("abort", () => source.close());
  source.addEventListener("message", (event) => {
    source.close();
    topic.show(read(event.data), performance.now() - asked.began);
  });
  source.addEventListener("timeout", () => {
    source.close();
    topic.say("failed", "No answer came in time. Is the job running?");
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      topic.say("failed", "The server takes no more streams now; the collection is still asked.");
    } else {
      topic.say("waiting", "The connection to the server broke; trying again …");
    }
  });
}

/** Asks for the answer in the collection, at first often, then every second. */
async function poll(id, asked) {
  const { signal } = asked.abort;
  const url = form.dataset.response + encodeURIComponent(id);
  const request = { headers: { Accept: "application/json" }, signal };
  for (let pause = POLLS.first; ; pause = Math.min(pause * 2, POLLS.longest)) {
    try {
      const reply = await (await fetch(url, request)).json();
      if (reply.status === "OK") {
        collection.show(Object(reply.prediction), performance.now() - asked.began);
        return;
      }
      const waiting = reply.status === "WAIT";
      collection.say("waiting", waiting ? "Waiting for the answer …" : "Trying again: " + reply.error + " …");
    } catch {
      if (signal.aborted) return;
      collection.say("waiting", "The server can't be reached; trying again …");
    }
    if (performance.now() - asked.began > GIVE_UP_AFTER) {
      collection.say("failed", "No answer came in time. Is the job running?");
      return;
    }
    await new Promise((go) => setTimeout(go, pause));
    if (signal.aborted) return;
  }
}

/** The answer in a text; one that can't be read says so. */
function read(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return { Status: "ERROR", Error: "the answer can't be read" };
  }
}

/** Shows what is wrong beside its field, and leads to the first. */
function showErrors(errors) {
  for (const input of inputs) {
    const message = errors[input.name];
    const place = document.getElementById(input.name + "-error");
    place.hidden = !message;
    place.textContent = message ?? "";
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  form.querySelector("[aria-invalid]")?.focus();
}

function tell(words) {
  notice.hidden = !words;
  notice.textContent = words;
}
