// Back closes what covers the conversation.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { bindBack, close, isCovered } from "../../../../web/state/actions.js";
import { demonstration, shareBox, tourStep } from "../../../../web/state/state.js";

const page = new EventTarget();
const entries = [null]; // the states of the entries of the browser's history, the last one is shown
let focused = "";
class HTMLElement {
  focus() {
    focused = this.selector;
  }
}
const history = {
  get state() {
    return entries.at(-1);
  },
  pushState: (state) => entries.push(state),
  back: () => setImmediate(goBack), // as in a browser, not at once
};
const document = { querySelector: (selector) => Object.assign(new HTMLElement(), { selector }) };
Object.assign(globalThis, { HTMLElement, history, document, location: { hash: "", search: "" } });
globalThis.addEventListener = page.addEventListener.bind(page);

function goBack() {
  entries.pop();
  page.dispatchEvent(new Event("popstate"));
}

const settled = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const BOX = { address: "", note: "" };

bindBack();
beforeEach(() => (focused = ""));

test("Back closes what was opened last, and puts the focus on the control that opens it", async () => {
  tourStep.value = 1;
  shareBox.value = BOX;
  goBack();
  assert.deepEqual([shareBox.value, tourStep.value, focused, isCovered()], [null, 1, '[data-move="share"]', true]);
  goBack();
  assert.deepEqual([tourStep.value, focused, entries.length], [0, "#demonstrations .tour", 1]);
  demonstration.value = "same";
  close(demonstration);
  await settled();
  assert.deepEqual([demonstration.value, focused, entries.length], ["", '[data-demonstration="same"]', 1]);
});

test("what is closed and opened again at once stays open", async () => {
  shareBox.value = BOX;
  shareBox.value = null;
  shareBox.value = BOX;
  await settled();
  assert.deepEqual([shareBox.value, entries.length], [BOX, 2]);
  goBack();
  assert.deepEqual([shareBox.value, entries.length], [null, 1]);
});
