// The list of the models that were trained in this browser, with buttons for each.

import { addButton, create, find } from "../../document/dom.js";
import { language, number, t } from "../../document/words.js";
import { save } from "../../sharing/files.js";
import { shownName } from "../../engines/refusal.js";
import { deleteModel, listModels, loadModel, saveModel } from "../stored_training.js";

/**
 * Shows the stored models.
 * @param {HTMLElement} box .trained
 * @param {(name: string) => void} use makes a model that of the page
 * @param {(name: string) => void} publish opens the form that publishes one
 * @param {(names: string[]) => void} changed is called once they are shown
 */
export async function showTrained(box, use, publish, changed) {
  const models = await listModels().catch(() => []);
  box.hidden = !models.length;
  const list = find(box, "ul");
  list.replaceChildren();
  for (const { name, created, bytes } of models) {
    const line = create("li", "", list);
    line.dataset.model = name;
    create("b", "", line).textContent = shownName(name);
    const day = new Date(created).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
    create("small", "", line).textContent = t("train.model_facts", { day, megabytes: number(bytes / 1e6, 1) });
    create("small", "in-use", line).textContent = t("train.in_use");
    const buttons = create("span", "row", line);
    button(buttons, "train.use", name, () => use(name)).className = "use";
    button(buttons, "train.download", name, () => download(name)).className = "download";
    button(buttons, "train.publish", name, () => publish(name)).className = "publish";
    button(buttons, "train.delete", name, async () => {
      if (!confirm(t("train.delete_sure", { name: shownName(name) }))) return;
      await deleteModel(name);
      await showTrained(box, use, publish, changed);
    });
  }
  changed(models.map(({ name }) => name));
}

/**
 * Stores a model that the visitor has as a .zip, or as the files of its folder.
 * @param {File[]} chosen
 * @returns {Promise<string>} its name
 * @throws {import("../../engines/engine.js").Refusal} the files are not a model, or cannot be stored
 */
export async function openModel(chosen) {
  const { filesOf } = await import("../archive.js");
  const [{ name, webkitRelativePath: path }] = chosen;
  const files = await filesOf(path ? chosen : chosen[0]);
  return (await saveModel({ name: path ? path.split("/")[0] : name, files })).name;
}

/** Saves a stored model as a .zip. @param {string} name */
export async function download(name) {
  const { zipOf } = await import("../archive.js");
  const { files } = await loadModel(name);
  const slug = shownName(name);
  save(zipOf(files, slug), `${slug}.zip`);
}

function button(parent, id, name, act) {
  const added = addButton(parent, "", t(id), act);
  added.ariaLabel = t(`${id}_name`, { name: shownName(name) });
  return added;
}
