// The text engine that uses the app's routes /site, /write, /trace, /passages and /samples (ui/routes).
//
// If the connection breaks or the server restarts, the request for a reply is sent again with the characters received so
// far, and any server that has the commit continues with the same characters.

import { Refusal, pause } from "./engine.js";

const SILENCE_MS = 20_000; // without data the connection counts as broken: the app sends something once a second
const STOP_MS = 1000; // in which the stream may end after Stop
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
const ATTEMPTS = 4; // for a request of a lens that a busy server refuses
const LONGEST_WAIT_S = 5; // a longer wait is not repeated: the page shows the refusal
const BUSY = new Set([429, 502, 503, 504]);
const REFUSED = new Set([400, 401, 403, 405, 407, 411, 413, 414, 415, 431]); // by a proxy: the same request is never accepted

/** @import { Ending, Site, TextEngine } from "./engine.js" */

/** @implements {TextEngine} */
export class ServerEngine {
  #site = /** @type {Site} */ ({ version: "" });

  /** @param {string} root the app's address, without a slash at its end */
  constructor(root) {
    this.root = root;
  }

  async site() {
    const since = encodeURIComponent(this.#site.version);
    const response = await fetch(`${this.root}/site?since=${since}`, { cache: "no-store" });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    this.#site = { ...this.#site, ...(await response.json()) }; // the answer has no models while the version is the same
    return this.#site;
  }

  /** @type {TextEngine["trace"]} */
  async trace(query) {
    if (this.#site.lenses === false) return { refusal: { id: "lens.off" } };
    const answer = await this.#ask(() => this.#send("trace", query));
    const { columns, step } = answer;
    if (columns) answer.columns = bytesOf(columns);
    if (step?.row) step.row = bytesOf(step.row);
    for (const layer of step?.layers ?? []) layer.bytes = bytesOf(layer.bytes);
    return answer;
  }

  /** @type {TextEngine["passages"]} */
  passages(query) {
    return this.#ask(() => this.#send("passages", query));
  }

  /** @type {TextEngine["samples"]} */
  samples({ name }) {
    return this.#ask(() => fetch(`${this.root}/samples?model=${encodeURIComponent(name)}`));
  }

  /** @type {TextEngine["check"]} */
  async check(query) {
    const response = await this.#send("write/check", query);
    if (!response.ok) await refuse(response, false);
  }

  /** @type {TextEngine["write"]} */
  async write(request, { onText, onStatus }, signal) {
    const aborted = /** @type {Ending} */ ({ end: "abort", rate: null, error: null });
    const lost = /** @type {Ending} */ ({ ...aborted, error: { id: "fault.connection" } });
    if (signal.aborted) return aborted;
    let received = request.received;
    const [cut, ended] = [new AbortController(), new AbortController()];
    signal.addEventListener("abort", () => this.#stop(request.id, cut), { once: true, signal: ended.signal });
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, 2 * pause)) {
      try {
        const response = await this.#send("write", { ...request, received }, cut.signal);
        if (!response.ok) await refuse(response, received.length > 0);
        for await (const event of events(response, cut.signal)) {
          if (event.text !== undefined) {
            onStatus?.([]);
            [received, pause] = [received + event.text, FIRST_PAUSE_MS];
            onText(event.text, event.bits);
          }
          if (event.status) onStatus?.(event.status);
          if (event.refusal) throw new Refusal(event.refusal);
          if (event.end) {
            ended.abort(); // a later abort of the same signal, as by another demonstration, must not send a request
            return event;
          }
        }
      } catch (error) {
        if (error instanceof Refusal) throw error;
      }
      if (signal.aborted) return aborted;
      onStatus?.([{ id: "status.reconnecting" }]);
      await waitFor(pause, signal);
      if (signal.aborted) return lost;
    }
  }

  #send(path, body, signal) {
    const headers = { "content-type": "application/json" };
    return fetch(`${this.root}/${path}`, { method: "POST", headers, body: JSON.stringify(body), signal });
  }

  // The stream is read to its end, so that page and server have the same text.
  #stop(id, cut) {
    const end = () => cut.abort();
    fetch(`${this.root}/write/stop`, { method: "POST", body: JSON.stringify({ id }), keepalive: true }).catch(end);
    setTimeout(end, STOP_MS);
  }

  // Returns the JSON of an answer; a request that a busy server refuses is sent again.
  async #ask(send) {
    try {
      for (let attempt = 1; ; attempt++) {
        const response = await send();
        const wait_s = Number(response.headers.get("retry-after"));
        if (!BUSY.has(response.status) || !(wait_s > 0 && wait_s <= LONGEST_WAIT_S) || attempt === ATTEMPTS)
          return await response.json();
        await pause(1000 * wait_s);
      }
    } catch {
      return { refusal: { id: "fault.connection" } };
    }
  }
}

/** @param {string} base64 */
function bytesOf(base64) {
  return Int8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
}

// Throws a Refusal for a refused request. Throws another error, after which the request is sent again, if the server is
// busy or restarts and the reply has started.
async function refuse(response, isStarted) {
  const answer = await response.json().catch(() => null);
  if (answer?.refusal && !(isStarted && BUSY.has(response.status)))
    throw new Refusal(answer.refusal, response.status === 404);
  if (REFUSED.has(response.status)) throw new Refusal({ id: "fault.refused", values: { status: response.status } });
  throw new Error(`the server answered ${response.status}`);
}

// Yields the data of server-sent events, parsed as JSON. Ends when the stream ends, breaks, or sends nothing for SILENCE_MS.
async function* events(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const cancel = () => reader.cancel().catch(() => {});
  signal.addEventListener("abort", cancel);
  let [rest, timer] = ["", 0];
  try {
    for (;;) {
      timer = setTimeout(cancel, SILENCE_MS);
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data: ")) yield JSON.parse(line.slice(6));
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

// Waits for some milliseconds, or until the browser is online again or the signal is aborted.
async function waitFor(ms, signal) {
  const over = new AbortController(); // removes both listeners
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
    addEventListener("online", resolve, { signal: over.signal });
    signal.addEventListener("abort", resolve, { signal: over.signal });
  });
  over.abort();
}
