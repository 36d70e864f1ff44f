// The parts around a conversation: the title and the line under it, the notices of the site, the example prompts.

import { addButton, create, find, isOutdated, setText } from "../document/dom.js";
import { isLocal, shownName } from "../engines/refusal.js";
import { render, t } from "../document/words.js";

/** @import { Site } from "../engines/engine.js" */

const BUNDLED = "bundled"; // the name of the model that is part of the app

/** @type {Record<string, string>} the line under the title with the text that the model was trained on, by the line without */
const WITH_CORPUS = { "site.greeting": "site.greeting_of", "static.greeting": "static.greeting_of" };

/** @type {(site: Site) => string} the title of the site: the owner's, otherwise the page's own in the visitor's language */
export function titleOf(site) {
  return site.title || t("site.title");
}

/** @type {(name: string) => string} the name of a model for visitors */
export function nameOf(name) {
  return name === BUNDLED ? t("model.bundled") : shownName(name);
}

/** @type {(site: Site, name: string) => string} the text that a model was trained on; "" if that is not known */
export function corpusOf(site, name) {
  const model = site.models.find((each) => each.name === name);
  const corpus = `${model?.about.find(({ id }) => id === "model.corpus")?.values?.corpus ?? ""}`;
  return corpus === "text" ? "" : corpus; // training calls a text so whose name it does not publish
}

/**
 * @param {HTMLElement} root
 * @param {Site} site
 * @param {string} intro  the id of the line under the title, where the owner has set none
 * @param {string} chosen  the name of the chosen model; "" if there is none
 * @param {?string} other  the name of the second model: beside the first, or in a blend
 */
export function showIntro(root, site, intro, chosen, other) {
  const [title, line] = find(root, "#intro").children;
  const own = site.models.find(({ name }) => name === chosen && isLocal(name))?.about[0]; // the text that it was trained with
  const isEmpty = document.body.classList.contains("trains-alone") && !chosen;
  const name = isEmpty ? t("train.title") : own ? shownName(chosen) : site.version && titleOf(site);
  if (name) {
    setText(title, name);
    document.title = name;
  }
  const [corpus, second] = [corpusOf(site, chosen), corpusOf(site, other ?? "")];
  const read = corpus ? t(WITH_CORPUS[intro], { corpus }) : t(intro);
  const both = corpus && second && corpus !== second ? t("site.greeting_two", { first: corpus, second }) : "";
  const text = own && !both ? t("train.greeting", { own }) : site.welcome || both || read;
  setText(line, isEmpty ? t("train.what") : text);
  const notices = find(root, "#notices");
  const failures = site.models.map((model) => model.failure).filter(Boolean);
  const texts = [...new Set([...site.notices, ...failures].map((notice) => render(notice)))];
  if (!isOutdated(notices, texts)) return;
  notices.replaceChildren();
  for (const text of texts) create("p", "notice", notices).textContent = text;
}

/**
 * @param {HTMLElement} box
 * @param {string[]} examples  "" is an empty prompt
 * @param {(example: string) => void} send
 */
export function showExamples(box, examples, send) {
  box.hidden = !examples.length;
  if (!isOutdated(box, [examples, t("page.anywhere")])) return;
  box.replaceChildren();
  for (const example of examples) {
    addButton(box, "", example ? example.replaceAll("\n", " ⏎") : t("page.anywhere"), () => {
      send(example);
      showText(box);
    });
  }
}

// Scrolls up to the text, which a low window does not show together with the examples.
/** @param {HTMLElement} box */
function showText(box) {
  const { top } = find(box.closest(".char-lstm"), ".pane .log").getBoundingClientRect();
  if (top < 0) scrollBy({ top: top - 8 });
}

/**
 * Shows that the page loads, then the downloaded part of a model while its weights are downloaded.
 * @param {import("../engines/engine.js").TextEngine} engine
 * @param {HTMLElement} root
 */
export function watchProgress(engine, root) {
  root.querySelector(".late")?.remove(); // the notice for a browser in which no module runs
  let isDownloading = false;
  const show = (/** @type {number} */ part) => {
    find(root, "#loading").hidden = part >= 1;
    find(root, "#loading progress", HTMLProgressElement).value = part;
    setText(find(root, "#loading p"), t("static.loading"));
  };
  engine.onProgress = (part) => ((isDownloading = true), show(part));
  show(0);
  return { siteIsKnown: () => isDownloading || show(1) };
}
