// The engine of the app's page: a reply goes on with the same characters after whatever breaks its connection.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { ServerEngine } from "../../../../web/engines/server.js";

const page = new EventTarget(); // the browser's window, which tells when there is a network again
globalThis.addEventListener = page.addEventListener.bind(page);

const TEXT = 'é🙂\n"\u2028';
const END = { end: "length", rate: 60, error: null };
const encode = (text) => new TextEncoder().encode(text);
const eventOf = (data) => `id: 1\ndata: ${JSON.stringify(data)}\n\n`;
const refused = (id, status, headers = {}) => Response.json({ refusal: { id } }, { status, headers });
const html = (status) => new Response("<h1>Bad Gateway</h1>", { status });

/** What a server streams after the characters that were received: a character each, the end. */
function rest(received) {
  const events = [...TEXT.slice(received.length)].map((text) => ({ text }));
  return encode([{ status: [] }, ...events, END].map(eventOf).join(""));
}

/** Returns a stream of some bytes; `last` ends it, breaks it, or leaves it open. */
function stream(bytes, last = "close") {
  const pieces = [bytes];
  const pull = (controller) => {
    if (pieces.length) controller.enqueue(pieces.pop());
    else if (last === "close") controller.close();
    else if (last === "break") controller.error(new TypeError("broken"));
    else return new Promise(() => {});
  };
  return new Response(new ReadableStream({ pull }));
}

let asked = []; // the requests so far
beforeEach(() => (asked = []));

/** Lets each request of /write get the next answer, made of its body; after the last one, the whole rest of the text. */
function serve(...answers) {
  globalThis.fetch = async (address, { body, signal } = {}) => {
    const path = new URL(address).pathname.slice(1);
    const request = body ? JSON.parse(body) : {};
    asked.push({ path, ...request });
    signal?.throwIfAborted();
    const answer = answers.shift() ?? ((given) => stream(rest(given.received ?? "")));
    return typeof answer === "function" ? answer(request) : answer;
  };
}

/** Writes a reply; the network is back at once after each break. */
async function write({ received = "", signal = new AbortController().signal, onStatus = () => {} } = {}) {
  let text = received;
  const statuses = [];
  const receiver = {
    onText: (more) => (text += more),
    onStatus: (status) => {
      statuses.push(...status.map(({ id }) => id));
      if (status.length) setImmediate(() => page.dispatchEvent(new Event("online")));
      onStatus(status);
    },
  };
  const engine = new ServerEngine("http://app");
  const ending = await engine.write({ id: "a", received }, receiver, signal);
  return { text, statuses, ending };
}

const network = () => Promise.reject(new TypeError("no network"));

test("a reply has the same characters wherever its connection breaks", async () => {
  const { length } = rest("");
  for (let at = 0; at <= length; at++) {
    const last = at % 2 ? "break" : "close";
    serve(({ received }) => stream(rest(received).slice(0, at), last));
    const { text, ending } = await write();
    assert.deepEqual([text, ending], [TEXT, END], `${last} at ${at}`);
  }
});

test("a proxy that answers instead of the server, an outage and a busy server end nothing", async () => {
  for (const received of ["", TEXT.slice(0, 3)]) {
    serve(html(502), html(200), network, ...(received ? [refused("refusal.busy", 429)] : []));
    const { text, statuses, ending } = await write({ received });
    assert.deepEqual([text, ending], [TEXT, END]);
    assert.deepEqual(new Set(statuses), new Set(["status.reconnecting"]));
    assert.equal(asked.at(-1).received, received);
  }
});

test("a reply that a proxy refuses is not asked for again", async () => {
  for (const status of [401, 413]) {
    serve(html(status));
    await assert.rejects(write(), { reason: { id: "fault.refused", values: { status } } });
    assert.equal(asked.length, 1);
    asked = [];
  }
});

test("a connection without data is asked for again after 20 seconds", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const silent = stream(rest("").slice(0, 60), "open");
  serve(silent);
  const writing = write();
  while (asked.length < 2) {
    await new Promise(setImmediate);
    mock.timers.tick(1000);
  }
  assert.equal((await writing).text, TEXT);
});

test("a refusal before the first character is thrown", async () => {
  for (const status of [429, 404]) {
    serve(refused("refusal.x", status));
    await assert.rejects(write(), { reason: { id: "refusal.x" }, gone: status === 404 });
  }
  serve(stream(encode(eventOf({ refusal: { id: "refusal.y" } }))));
  await assert.rejects(write(), { reason: { id: "refusal.y" } });
});

test("a reply that is stopped before it began is not asked for", async () => {
  serve();
  const { ending } = await write({ signal: AbortSignal.abort() });
  assert.deepEqual([ending.end, asked], ["abort", []]);
});

test("Stop asks the server to end the reply, and reads the stream to its end", async () => {
  const stop = new AbortController();
  const end = { end: "abort", rate: 9, error: null };
  let opened = null;
  const start = (controller) => {
    opened = controller;
    opened.enqueue(encode(eventOf({ text: "abc" })));
  };
  const finish = () => {
    opened.enqueue(encode(eventOf({ text: "d" }) + eventOf(end)));
    return Response.json({ stopped: true });
  };
  serve(new Response(new ReadableStream({ start })), finish);
  const { text, ending } = await write({ signal: stop.signal, onStatus: () => stop.abort() });
  assert.deepEqual([text, ending], ["abcd", end]);
  const paths = asked.map(({ path, id }) => `${path} ${id}`);
  assert.deepEqual(paths, ["write a", "write/stop a"]);
});

test("a signal that is aborted after the end of a reply requests nothing", async () => {
  const stop = new AbortController();
  serve();
  assert.equal((await write({ signal: stop.signal })).text, TEXT);
  stop.abort(); // as by another demonstration
  assert.equal(asked.length, 1);
});

test("Stop without a network keeps the message that the connection was lost", async () => {
  const stop = new AbortController();
  serve(stream(encode(eventOf({ text: TEXT.slice(0, 1) })), "break"), network, network, network);
  const onStatus = ([status]) => status && stop.abort();
  const { text, ending } = await write({ signal: stop.signal, onStatus });
  assert.deepEqual([text, ending.end, ending.error], [TEXT.slice(0, 1), "abort", { id: "fault.connection" }]);
});

test("a request of a lens is sent again to a busy server, and a lost one is refused", async ({ mock }) => {
  const engine = new ServerEngine("http://app");
  const columns = Buffer.from(Int8Array.of(-1, 2)).toString("base64");
  mock.timers.enable({ apis: ["setTimeout"] });
  serve(refused("refusal.busy", 429, { "retry-after": "2" }), Response.json({ bits: [1], columns }));
  const answer = engine.trace({});
  while (asked.length < 2) {
    await new Promise(setImmediate);
    mock.timers.tick(1000);
  }
  assert.deepEqual(await answer, { bits: [1], columns: Int8Array.of(-1, 2) });
  serve(refused("refusal.busy", 429, { "retry-after": "60" }), network);
  assert.deepEqual(await engine.samples({ name: "m" }), { refusal: { id: "refusal.busy" } });
  assert.deepEqual(await engine.passages({}), { refusal: { id: "fault.connection" } });
});

test("a site whose owner has turned the lenses off is asked nothing about a text", async () => {
  const engine = new ServerEngine("http://app");
  serve(Response.json({ version: "1", models: [], lenses: false }));
  await engine.site();
  assert.deepEqual(await engine.trace({}), { refusal: { id: "lens.off" } });
  assert.equal(asked.length, 1);
});

test("the models of the site stay while its version is the same", async () => {
  const engine = new ServerEngine("http://app");
  serve(Response.json({ version: "1", models: ["m"] }), Response.json({ version: "1" }), html(502));
  assert.deepEqual(await engine.site(), { version: "1", models: ["m"] });
  assert.deepEqual(await engine.site(), { version: "1", models: ["m"] });
  await assert.rejects(engine.site());
});
