// The page requests what there is of models until there is an answer, and goes on in the background.

import assert from "node:assert/strict";
import { test } from "node:test";

import { watchSite } from "../../../../web/page/main.js";

test("the first answer about the site ends the wait, whatever its interval", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.document = /** @type {any} */ ({ visibilityState: "visible" });
  const received = [];
  const engine = /** @type {any} */ ({ site: async () => ({ models: [], again_s: 3600 }) });
  const root = /** @type {any} */ ({ isConnected: true });
  await watchSite(engine, root, (site) => received.push(site));
  assert.equal(received.length, 1);
  mock.timers.tick(3_600_000);
  await new Promise(setImmediate);
  assert.equal(received.length, 2);
});
