// The other version of the last reply, beside the one that is shown: both have the changed letter marked and their common beginning
// dimmed. It is read again for its colours, as the conversation is.

import { create, findAll, scrollInside } from "../../document/dom.js";
import { t } from "../../document/words.js";
import * as state from "../state.js";
import { invalidate } from "./focus.js";
import { drawIn, splitAt } from "./drawn_text.js";

/** @import { Path } from "./traced_text.js" */

/**
 * Draws the other version in an element beside the text of an article.
 * @param {Element} article  of a turn; it has the text that is shown
 * @param {Path & {begin: number, prompt?: string}} path  the other text, the position of its reply, and the prompt before it
 * @param {number} begin  the position of the reply that is shown
 * @param {string} label
 */
export function drawBeside(article, path, begin, label) {
  const box = /** @type {HTMLElement} */ (
    article.querySelector(":scope > .other") ?? create("div", "other text", article)
  );
  if (!box.firstChild) {
    box.setAttribute("lang", ""); // unknown, as that of the reply
    const now = /** @type {HTMLElement} */ (article.querySelector(":scope > .text:not(.other)"));
    [box.role, box.ariaLabel, box.dataset.title] = ["group", label, t("compared.before")];
    [now.role, now.ariaLabel, now.dataset.title] = ["group", t("compared.now"), t("compared.now")];
    create("span", "prompt", box).textContent = path.prompt ?? "";
    create("span", "reply", box);
  }
  const { other } = state;
  invalidate(other, other.set(path));
  const [one, two] = [state.path.chars, other.chars];
  let same = 0;
  while (begin + same < one.length && one[begin + same] === two[path.begin + same]) same++;
  drawIn(box.querySelector(".reply"), path.begin, two.length, other);
  splitAt(article.querySelector(":scope > .text:not(.other) .reply"), same);
  splitAt(box.querySelector(".reply"), same);
  const changed = findAll(article, ".changed");
  if (changed.length < 2 || box.dataset.same === `${same}`) return;
  box.dataset.same = `${same}`; // once both changed letters are drawn, they are scrolled to
  for (const each of changed) scrollInside(each.closest(".text"), each);
}

/** Removes the other version from an article. @param {Element} article */
export function removeBeside(article) {
  const box = article.querySelector(":scope > .other");
  if (!box) return;
  box.remove();
  const now = article.querySelector(":scope > .text");
  [now.role, now.ariaLabel] = [null, null];
  splitAt(now.querySelector(".reply"), 0);
  invalidate(state.other, state.other.set(null));
}
