// What goes wrong behind a page: errors on its console, scripts that throw, requests that fail, and requests to elsewhere.

export class Watch {
  /** Watches a page, which may ask these addresses alone. */
  constructor(page, own) {
    this.page = page;
    this.faults = [];
    this.expected = new Set();
    page.on("console", (message) => this.#said(message));
    page.on("pageerror", (error) => this.#tell(`a script threw: ${error.stack ?? error}`));
    page.on("request", (request) => {
      if (!own.some((address) => request.url().startsWith(`${address}/`))) this.#tell(`it asked ${request.url()}`);
    });
    page.on("requestfailed", (request) => {
      // Who leaves a page breaks off what it listens to, and what is still on its way.
      const isLeft = request.failure()?.errorText === "net::ERR_ABORTED";
      if (!isLeft) this.#tell(`no answer to ${request.method()} ${request.url()}: ${request.failure()?.errorText}`);
    });
    page.on("response", (response) => {
      if (response.status() < 400 || this.#isExpected(response.url(), response.status())) return;
      this.#tell(`${response.request().method()} ${response.url()} was answered ${response.status()}`);
    });
    page.on("crash", () => this.#tell("it crashed"));
  }

  /** Allows an answer with this status on a path: that of a page that says so. */
  expect(path, status) {
    this.expected.add(`${status} ${path}`);
  }

  #isExpected(url, status) {
    const { pathname } = new URL(url);
    return this.expected.has(`${status} ${pathname}`);
  }

  #said(message) {
    if (message.type() !== "error") return;
    const url = message.location().url;
    const status = /responded with a status of (\d+)/.exec(message.text())?.[1];
    if (status && url && this.#isExpected(url, status)) return;
    this.#tell(`on the console: ${message.text()} (${url}:${message.location().lineNumber ?? 0})`);
  }

  #tell(what) {
    this.faults.push(`${this.page.url()}: ${what}`);
  }
}
