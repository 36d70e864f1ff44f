// A reply is announced to screen readers in whole sentences, at the speed of speech.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Announcer } from "../../../../web/page/conversation_view.js";

/** An element that has children and a text. */
class Element {
  children = [];
  textContent = "";
  append = (child) => void this.children.push(child);
  replaceChildren = () => void this.children.splice(0);
}
globalThis.document = /** @type {any} */ ({ createElement: () => new Element() });

const sentence = (name) => `${name} said that the night was cold, and went home.\n`;
const TALE = [..."ABCDABCD"].map(sentence).join("");

/** Returns an announcer that has got a text character by character, and the list of what it announces. */
function grown(text) {
  const heard = [];
  const announcer = new Announcer(/** @type {any} */ (new Element()));
  const { append } = announcer.region;
  announcer.region.append = (child) => (append(child), heard.push(child));
  for (let length = 0; length <= text.length; length++) {
    const isWriting = length < text.length;
    announcer.update({
      key: "1",
      text: text.slice(0, length),
      isNew: true,
      isWriting,
      lines: isWriting ? [] : ["length reached"],
    });
  }
  return { announcer, heard };
}

const textOf = ({ children }) => children.map(({ textContent }) => textContent).join(" ");
const words = (text) => text.split(/\s+/).filter(Boolean);

test("a growing reply is announced in whole sentences, at the speed of speech", ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  for (const [text, end] of [
    [TALE, /home\.$/],
    ["word ".repeat(100), /word$/],
  ]) {
    const { announcer, heard } = grown(text);
    assert.equal(heard.length, 1);
    for (let second = 0; second < 60; second++) mock.timers.tick(1000);
    const pieces = heard.map(({ textContent }) => textContent);
    assert.deepEqual(words(pieces.join(" ")), words(`${text} length reached`));
    assert.ok(pieces.length <= 5 && pieces.slice(0, -1).every((piece) => end.test(piece)));
    assert.equal(textOf(announcer.region), ""); // what was read is not in the page twice
  }
});

test("a replaced reply leaves the region once it was read", ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { announcer } = grown(TALE);
  mock.timers.tick(5_000);
  assert.match(textOf(announcer.region), /A said/);
  announcer.update({ key: "2", text: `${"Another reply. ".repeat(9)}x`, isNew: true, isWriting: true, lines: [] });
  mock.timers.tick(7_000);
  assert.match(textOf(announcer.region), /^Another reply\./);
});
