import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

const sent = [];
const released = [];
const screenLocks = [];
let isFree = true;
let changeVisibility = () => {};
const pane = { scrollIntoView: mock.fn(), focus: () => {} };
globalThis.HTMLElement = class {
  static [Symbol.hasInstance] = () => true;
};
globalThis.matchMedia = () => ({ matches: false });
globalThis.addEventListener = () => {};
globalThis.document = {
  ...{
    documentElement: { lang: "en", dataset: { hub: "" } },
    body: {},
    activeElement: null,
    visibilityState: "visible",
  },
  addEventListener: (_name, act) => (changeVisibility = act),
  querySelector: () => pane,
};
globalThis.Worker = class {
  postMessage = (message) => sent.push(message);
  terminate() {}
};
Object.defineProperty(globalThis, "navigator", {
  value: {
    wakeLock: {
      request: async () => {
        const lock = { released: false, release: async () => (lock.released = true) };
        screenLocks.push(lock);
        return lock;
      },
    },
    locks: {
      request: (_name, _options, act) => Promise.resolve(act(isFree ? {} : null)).then(() => released.push(true)),
    },
  },
});

const { messageNow, state } = await import("../../../../web/learn/page/state.js");
const training = await import("../../../../web/learn/page/training.js");
const { chooseModel, connect } = await import("../../../../web/state/actions.js");
const page = await import("../../../../web/state/state.js");

const TEXT = { text: "ab".repeat(60), name: "alice.txt", chat: null, private: [] };
const STARTED = { about: { name: "alice.txt", minutes: 3 }, parameters: 9, step: 0, steps: 40, seconds: 0 };

connect(
  /** @type {any} */ ({ add: async (name) => ({ name }), site: async () => page.site.value }),
  /** @type {any} */ ({ onChange: () => {}, save: async () => true }),
);
page.site.value = /** @type {any} */ ({
  models: [
    { name: "local/mine", vocab: [] },
    { name: "tiny", commit: "c", vocab: [] },
  ],
});

beforeEach(() => {
  isFree = true;
  sent.length = released.length = 0;
  chooseModel("tiny");
  state.text.value = TEXT;
  state.kept.value = state.fault.value = null;
});

test("a training begins with the text and the options", async () => {
  state.minutes.value = 2;
  state.isFineTuning.value = true;
  await training.begin();
  const [{ begin }] = sent;
  assert.deepEqual([begin.text, begin.minutes, begin.parent], [TEXT.text, 2, { name: "tiny", commit: "c" }]);
  assert.equal(state.phase.value, "starts");
  training.receive({ progress: STARTED });
  training.pause(true);
  assert.deepEqual([state.phase.value, sent.at(-1)], ["paused", { wanted: "pause" }]);
  training.receive({ progress: { ...STARTED, step: 7 } });
  await training.receive({ failed: { id: "train.fault", values: { reason: "out of memory" } } });
  assert.deepEqual([state.phase.value, state.progress.value.step], ["none", 7]);
  assert.equal(state.fault.value.id, "train.fault");
  assert.deepEqual(released, [true]);
});

test("the page writes with a model that has just been trained", async () => {
  await training.begin();
  training.receive({ progress: STARTED });
  await training.receive({
    ended: { reason: "diverged", step: 9, best: 7, model: { name: "local/mine" }, files: null, notice: null },
  });
  assert.equal(page.modelName.value, "local/mine");
  assert.equal(messageNow.value.id, "train.done");
  const values = {
    ended: { id: "train.ended_diverged", values: { step: 9 } },
    best: 7,
    model: "local/mine",
    name: "mine",
  };
  assert.deepEqual(messageNow.value.values, values);
  assert.equal(pane.scrollIntoView.mock.callCount(), 1);
  chooseModel("tiny");
  assert.equal(messageNow.value, null);
});

test("while another tab has a training, none is begun, continued or discarded", async () => {
  isFree = false;
  state.kept.value = { name: "alice.txt", step: 3, steps: 40 };
  globalThis.confirm = () => true;
  for (const act of [() => training.begin(), training.resume, training.discard]) {
    state.fault.value = null;
    await act();
    assert.deepEqual(state.fault.value, { id: "train.other_tab" });
  }
  assert.deepEqual(sent, []);
  assert.notEqual(state.kept.value, null);
});

test("a stored training is replaced only if the visitor agrees", async () => {
  state.kept.value = { name: "alice.txt", step: 3, steps: 40 };
  globalThis.confirm = () => false;
  await training.begin();
  assert.deepEqual(sent, []);
});

test("a worker that sends nothing for a minute counts as ended, and what is stored can be continued", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const pass = (seconds) => context.mock.timers.tick(1000 * seconds);
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
  assert.deepEqual(released, [true]);
});

test("a training that could not be stored says so until it is stored", async () => {
  await training.begin();
  training.receive({ notSaved: { id: "train.storage_full" } });
  assert.equal(state.fault.value.id, "train.not_kept");
  training.receive({ notSaved: null });
  assert.equal(state.fault.value, null);
  await training.receive({ failed: { id: "train.fault", values: { reason: "" } } });
  training.receive({ notSaved: null });
  assert.equal(state.fault.value.id, "train.fault");
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
