// Which character of the welcome text is marked.

import assert from "node:assert/strict";
import { test } from "node:test";

import { placeToMark } from "../../../../web/page/arrival.js";

test("the first letter of a word that surprised the model is marked, in a text without spaces too", () => {
  const place = (text, most) => placeToMark([...text], [...text].fill(2).with(most, 4).with(0, 5));
  assert.deepEqual([place("It was so good to hear", 10), place("It was so good to hear", 11)], [10, 7]);
  assert.deepEqual([place("春夜明月送友人白雲", 6), place("春夜", 1)], [6, null]);
});
