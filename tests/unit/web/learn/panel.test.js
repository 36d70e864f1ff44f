// What takes minutes in a browser; tests/browser/test_train_page.py and test_train_faults.py have the rest of the panel.

import assert from "node:assert/strict";
import { test } from "node:test";

const screenLocks = [];
let released = 0;
let changeVisibility = () => {};
globalThis.document = {
  ...{ documentElement: { lang: "en", dataset: { hub: "" } }, visibilityState: "visible" },
  addEventListener: (_name, act) => (changeVisibility = act),
};
globalThis.Worker = class {
  postMessage() {}
  terminate() {}
};
const wakeLock = {
  request: async () => {
    const lock = { released: false, release: async () => (lock.released = true) };
    screenLocks.push(lock);
    return lock;
  },
};
const locks = { request: (_name, _options, act) => Promise.resolve(act({})).then(() => (released += 1)) };
Object.defineProperty(globalThis, "navigator", { value: { wakeLock, locks } });

const { state } = await import("../../../../web/learn/page/state.js");
const training = await import("../../../../web/learn/page/training.js");

const STARTED = { about: { name: "alice.txt", minutes: 3 }, parameters: 9, step: 0, steps: 40, seconds: 0 };

test("a worker that sends nothing for a minute counts as ended, and what is stored can be continued", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const pass = (seconds) => context.mock.timers.tick(1000 * seconds);
  state.text.value = { text: "ab".repeat(60), name: "alice.txt", chat: null, private: [] };
  await training.begin();
  training.receive({ phase: "loading" });
  pass(600); // a slow download
  training.receive({ progress: STARTED });
  training.pause(true);
  pass(600);
  training.pause(false);
  pass(50);
  training.receive({ notSaved: null });
  pass(60);
  assert.equal(state.phase.value, "runs");
  pass(5);
  assert.deepEqual([state.phase.value, state.fault.value.id], ["none", "train.silent"]);
  await new Promise(setImmediate);
  assert.equal(released, 1);
});

test("the screen stays on while a training runs in a visible tab", async () => {
  const shows = async (values, released) => {
    Object.assign(document, values);
    changeVisibility();
    await new Promise(setImmediate);
    assert.deepEqual(
      screenLocks.map((lock) => lock.released),
      released,
    );
  };
  state.phase.value = "none";
  training.keepScreenOn();
  await shows({}, []);
  state.phase.value = "runs";
  await shows({}, [false]);
  state.phase.value = "paused";
  await shows({}, [true]);
  state.phase.value = "runs";
  await shows({}, [true, false]);
  screenLocks[1].released = true; // by the browser, when the tab is hidden
  await shows({ visibilityState: "hidden" }, [true, true]);
  await shows({ visibilityState: "visible" }, [true, true, false]);
  state.phase.value = "none";
  await shows({}, [true, true, true]);
});
