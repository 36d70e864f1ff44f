// Back closes what covers the conversation; tests/browser/test_demonstrations.py has all that it closes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bindBack } from "../../../../web/state/actions.js";
import { shareBox } from "../../../../web/state/state.js";

const page = new EventTarget();
const entries = [null]; // the states of the entries of the browser's history, the last one is shown
const history = {
  get state() {
    return entries.at(-1);
  },
  pushState: (state) => entries.push(state),
  back: () => setImmediate(goBack), // as in a browser, not at once
};
const document = { querySelector: () => null };
Object.assign(globalThis, { HTMLElement: class {}, history, document, location: { hash: "", search: "" } });
globalThis.addEventListener = page.addEventListener.bind(page);

function goBack() {
  entries.pop();
  page.dispatchEvent(new Event("popstate"));
}

const BOX = { address: "", note: "" };

test("what is closed and opened again at once stays open, until Back closes it", async () => {
  bindBack();
  shareBox.value = BOX;
  shareBox.value = null;
  shareBox.value = BOX;
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.deepEqual([shareBox.value, entries.length], [BOX, 2]);
  goBack();
  assert.deepEqual([shareBox.value, entries.length], [null, 1]);
});
