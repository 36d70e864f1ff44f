// The engine that asks the app over HTTP.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { ServerEngine } from "../../../web/engines/server.js";

globalThis.addEventListener ??= () => {}; // of the window

/** Runs a test against a server that answers every request with a status. */
async function answering(status, act) {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status).end("<html>an error page of a proxy</html>");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  try {
    await act(new ServerEngine(`http://127.0.0.1:${/** @type {any} */ (server.address()).port}`));
  } finally {
    server.close();
  }
}

for (const status of [401, 413]) {
  test(`a reply that a proxy refuses with ${status} is not asked for again`, () =>
    answering(status, async (engine) => {
      const request = /** @type {any} */ ({ id: "0", received: "" });
      const writing = engine.write(request, { onText: () => {} }, new AbortController().signal);
      await assert.rejects(writing, ({ reason }) => reason.id === "fault.refused" && reason.values.status === status);
    }));
}

test("a busy proxy is asked again, until the visitor stops", () =>
  answering(502, async (engine) => {
    const controller = new AbortController();
    const waits = [];
    const onStatus = (messages) => {
      waits.push(...messages.map(({ id }) => id));
      controller.abort();
    };
    const request = /** @type {any} */ ({ id: "0", received: "" });
    const { end } = await engine.write(request, { onText: () => {}, onStatus }, controller.signal);
    assert.deepEqual([waits, end], [["status.reconnecting"], "abort"]);
  }));
