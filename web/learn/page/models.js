// The actions on the models that were trained or opened in this browser.

import { t } from "../../document/words.js";
import { Refusal, shownName } from "../../engines/engine.js";
import { addModel, chooseModel } from "../../state/actions.js";
import { focusPrompt, save } from "../../document/dom.js";
import * as page from "../../state/state.js";
import { deleteModel, listModels, loadModel, saveModel } from "../../worker/stored_training.js";
import { set } from "./state.js";

/** Scrolls to the page's text, and focuses the prompt. */
export function showText() {
  document.querySelector(".pane").scrollIntoView({ block: "start" });
  focusPrompt();
}

/** Loads the list of the stored models, which the page's settings offer, too. */
export async function loadModels() {
  const models = await listModels().catch(() => []);
  page.ownModels.value = models.map(({ name }) => name);
  set({ models });
}

/** Makes a stored model that of the page. @param {string} name @returns {Promise<?import("../../engines/engine.js").Message>} why it cannot be used */
export async function use(name) {
  const fault = (await addModel(name))?.failure ?? null;
  if (!fault) chooseModel(name);
  set({ fault, message: fault ? null : { id: "train.used", values: { model: name, name: shownName(name) } } });
  return fault;
}

/** Stores a model that the visitor has as a .zip or as the files of its folder, and uses it. @param {File[]} files */
export async function openModel(files) {
  const [{ name, webkitRelativePath: path }] = files;
  try {
    const { filesOf } = await import("../archive.js");
    const read = await filesOf(path ? files : files[0]);
    await use((await saveModel({ name: path ? path.split("/")[0] : name, files: read })).name);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    set({ fault: error.reason });
  }
  await loadModels();
}

/** Saves a stored model as a .zip. @param {string} name */
export async function download(name) {
  const { zipOf } = await import("../archive.js");
  const { files } = await loadModel(name);
  save(zipOf(files, shownName(name)), `${shownName(name)}.zip`);
}

/** Deletes a stored model, if the visitor agrees. @param {string} name */
export async function remove(name) {
  if (!confirm(t("train.delete_sure", { name: shownName(name) }))) return;
  await deleteModel(name);
  await loadModels();
}
