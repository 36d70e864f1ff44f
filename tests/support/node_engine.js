// A text engine in Node: reads {name, argument} from each line of its input, and writes the answer as a line. The scripts
// of the worker run as in a browser, but in the thread of the page.

import { createInterface } from "node:readline";

import { fingerprint, readLink } from "../../web/conversation/links.js";
import { WorkerEngine } from "../../web/engines/worker_engine.js";
import { parseCells, passagesOf } from "../../web/worker/checkpoint.js";

globalThis.onmessage = null;
globalThis.Worker = class {
  constructor(url) {
    this.modules = import(`${url}`);
    globalThis.postMessage = (data) => this.onmessage({ data: structuredClone(data) });
  }

  async postMessage(data) {
    const copy = structuredClone(data);
    await this.modules;
    globalThis.onmessage({ data: copy });
  }
};

const engine = new WorkerEngine(JSON.parse(process.argv[2]));

/** Writes a reply; `stopAt` aborts it once the text has this length, 0 before it has any. */
async function write({ request, stopAt = Infinity }, onText = () => {}) {
  const stop = new AbortController();
  let text = "";
  const receive = (more) => {
    text += more;
    onText();
    if (text.length >= stopAt) stop.abort();
  };
  const writing = engine.write(request, { onText: receive }, stop.signal);
  if (stopAt === 0) setImmediate(() => stop.abort());
  const { end } = await writing;
  return { text, end };
}

const methods = {
  write,
  writeTogether: (requests) => Promise.all(requests.map((request) => write({ request }))),

  /** Returns the surprisals that come with a reply. */
  async bits({ request }) {
    const bits = [];
    await engine.write(request, { onText: (_, more) => bits.push(...more) }, new AbortController().signal);
    return bits;
  },

  /** Writes the text of a share link of one step; returns it, and whether it has the hash of the link. */
  async follow({ request, query }) {
    const { steps, text: hash } = readLink(query);
    const [{ prompt, settings, cells }] = steps;
    const given = { ...request, text: prompt, settings: { ...request.settings, ...settings }, cells };
    const { text } = await write({ request: given });
    return { text, isSame: (await fingerprint(text)) === hash };
  },

  /** Returns how many times a reply was shown before a lens had its answer, and the answer. */
  async traceWhileWriting({ request, query }) {
    let times = 0;
    const writing = write({ request }, () => times++);
    const answer = await engine.trace(query);
    const before = times;
    await writing;
    return { before, answer };
  },

  give({ name, files }) {
    const bytes = Object.entries(files).map(([file, text]) => [file, new Uint8Array(Buffer.from(text, "base64"))]);
    return engine.give(name, Object.fromEntries(bytes));
  },

  async passagesIn({ content, sizes, cell }) {
    return passagesOf(parseCells(content, sizes).sample, cell);
  },
};

const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(/** @type {any} */ (value)) : value);
for await (const line of createInterface({ input: process.stdin })) {
  const { name, argument } = JSON.parse(line);
  const call = methods[name] ?? ((given) => engine[name](given));
  const answer = await Promise.resolve(call(argument)).catch((error) => ({ refusal: error.reason ?? `${error}` }));
  process.stdout.write(`${JSON.stringify(answer ?? null, plain)}\n`);
}
