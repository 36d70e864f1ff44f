// The models of the worker.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Models } from "../../../../web/worker/models.js";

test("the download of two models ends when both have ended, in any way", async (context) => {
  context.mock.method(globalThis, "fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  const told = [];
  const models = new Models("", "https://hub.example", (part) => told.push(part));
  const names = ["ada/one", "ada/two", "local/three"];
  const opening = names.map((name, at) => models.open({ name, commit: `${at}`.repeat(40) }));
  assert.deepEqual(told, [0, 0]); // before anything is requested
  await Promise.allSettled(opening);
  await new Promise(setImmediate);
  assert.deepEqual(told, [0, 0, 0.5, 1]);
});
