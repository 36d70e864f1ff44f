import assert from "node:assert/strict";
import { test } from "node:test";

import { COLOURS } from "../../../../web/lenses/state.js";
import * as state from "../../../../web/lenses/state.js";
import * as page from "../../../../web/state/state.js";

const named = (layer, index) => ({ layer, index, name: "x", kind: "auc", score: 1, remembers: true });
const model = (name, cells) => ({ name, commit: "1", failure: null, loading: false, layers: 2, hidden: 24, cells });

function serve(...models) {
  page.site.value = { ...page.NO_SITE, models };
}

test("the memory lens shows the first named cell of a model until the visitor chooses one", () => {
  serve(model("one", [named(1, 5)]), model("two", []));
  assert.deepEqual(state.cell.value, [1, 5]);
  state.chooseCell([0, 99]);
  assert.deepEqual(state.cell.value, [0, 23]);
  state.chooseCell([7, -1.5]);
  assert.deepEqual(state.cell.value, [1, 0]);
  page.chosen.model.value = "two";
  assert.deepEqual(state.cell.value, [0, 0]);
});

test("a lens is on once its panel is loaded; without one a text has colours, unless they are turned off", () => {
  page.lens.value = "memory";
  assert.equal(state.shownName.value, "plain");
  assert.equal(state.lensNow(), COLOURS);
  page.colours.value = false;
  assert.equal(state.lensNow(), undefined);
  const memory = { Panel: () => null, mark: () => "", key: () => "cell 0,0" };
  state.panels.value = { memory };
  assert.equal(state.shownName.value, "memory");
  assert.equal(state.lensNow(), memory);
  assert.equal(state.keyNow(), "cell 0,0");
  assert.ok(!state.isUntried()); // it shows other values of a character than its alternatives
});
