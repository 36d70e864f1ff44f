// The model that the page writes with: the panel names it, and offers the way back to the page's first model.

import { readyModels } from "../../conversation/models.js";
import { find, findAll, setText } from "../../document/dom.js";
import { t } from "../../document/words.js";
import { isLocal } from "../../engines/refusal.js";
import { nameOf } from "../../page/names.js";
import { showTrained } from "./trained.js";

/**
 * @import { Message } from "../../engines/engine.js"
 * @import { Page } from "../../page/main.js"
 */

/** The name of the page's first model that is not one of this browser; "" if there is none. @param {Page} page */
function firstOf(page) {
  return readyModels(page.site()).find(({ name }) => !isLocal(name))?.name ?? "";
}

/** Makes the page's first model the chosen one. @param {Page} page */
export function goBack(page) {
  page.controls.use(firstOf(page));
}

/**
 * Shows the stored models, which the settings offer, too. The button of the one in use leads back to the first model.
 * @param {HTMLElement} box of the panel
 * @param {Page} page
 * @param {string} trained  see showInUse
 * @param {(name: string) => void} use
 * @param {(name: string) => void} publish
 */
export function showModels(box, page, trained, use, publish) {
  const toggle = (name) => (page.controls.modelName === name && firstOf(page) ? goBack(page) : use(name));
  return showTrained(find(box, ".trained"), toggle, publish, (names) => {
    page.controls.offerOwn(names);
    showInUse(box, page, trained);
  });
}

/**
 * Shows which model the page writes with: in the list, and by the button that leads back to the first one.
 * @param {HTMLElement} box of the panel
 * @param {Page} page
 * @param {string} trained  the model that was trained last; its buttons and its chart are shown while the page writes with it; "" if none was
 */
export function showInUse(box, page, trained) {
  const [used, first] = [page.controls.modelName, firstOf(page)];
  const back = first && t("train.back_to", { name: nameOf(first) });
  const button = find(box, ".back-to-first");
  button.parentElement.hidden = !back || !isLocal(used);
  setText(button, back);
  const isTraining = find(box, ".choose").hidden;
  if (trained) find(box, ".next").hidden = used !== trained || isTraining;
  if (trained && !isTraining) find(box, ".running").hidden = used !== trained;
  for (const line of findAll(box, ".trained li")) {
    const { model: name } = line.dataset;
    const isUsed = name === used;
    find(line, ".in-use").hidden = !isUsed;
    const isOffered = name === trained && !find(box, ".next").hidden; // its buttons are above
    for (const each of [".download", ".publish"]) find(line, each).hidden = isOffered;
    const use = find(line, ".use");
    setText(use, (isUsed && back) || t("train.use"));
    use.ariaLabel = isUsed && back ? null : t("train.use_name", { name: nameOf(name) });
  }
}

/** Returns a message of the panel; one that says which model the page writes with names the model of now. @param {?Message} message @param {Page} page */
export function messageNow(message, page) {
  if (message?.id !== "train.done" && message?.id !== "train.used") return message;
  const name = page.controls.modelName;
  const { id, values } = message.values?.name === name ? message : { id: "train.used" };
  return { id, values: { ...values, name: nameOf(name) } };
}
