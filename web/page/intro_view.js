// The title, the line under it, the notices of the site, and how much of a model has been downloaded.

import { effect, html } from "../vendor/preact.js";
import { isLocal, shownName } from "../engines/refusal.js";
import { render, t } from "../document/words.js";
import { corpusOf, titleOf } from "../state/names.js";
import * as state from "../state/state.js";

const isEmpty = () => document.body.classList.contains("trains-alone") && !state.modelName.value;
/** The text that the chosen model was trained with in this browser; undefined for another model. */
const ownText = () =>
  state.site.value.models.find(({ name }) => name === state.modelName.value && isLocal(name))?.about[0];

/** The title of the page; "" before the site is known. */
function title() {
  if (isEmpty()) return t("train.title");
  return ownText() ? shownName(state.modelName.value) : state.site.value.version && titleOf(state.site.value);
}

/** Names the window after the page. */
export function bindTitle() {
  effect(() => {
    if (title()) document.title = title();
  });
}

/** @param {{intro: string}} properties  the id of the line under the title, where the owner has set none */
export function IntroView({ intro }) {
  const site = state.site.value;
  const [corpus, second] = [corpusOf(site, state.modelName.value), corpusOf(site, state.blendName.value ?? "")];
  const read = corpus ? t(intro === "site.greeting" ? "site.greeting_of" : "static.greeting_of", { corpus }) : t(intro);
  const both = corpus && second && corpus !== second ? t("site.greeting_two", { first: corpus, second }) : "";
  const own = ownText();
  const line = isEmpty() ? t("train.what") : own && !both ? t("train.greeting", { own }) : site.welcome || both || read;
  return html`<h1>${title()}</h1><p>${line}</p>`;
}

export function Notices() {
  const { models, notices } = state.site.value;
  const failures = models.map((model) => model.failure).filter(Boolean);
  const texts = [...new Set([...notices, ...failures].map((notice) => render(notice)))];
  return texts.map((text) => html`<p class="notice" key=${text}>${text}</p>`);
}

export function Loading() {
  if (state.downloaded.value >= 1) return null;
  return html`
    <div id="loading" class="bar">
      <p role="status">${t("static.loading")}</p>
      <progress max="1" value=${state.downloaded.value} aria-label=${t("static.progress")}></progress>
    </div>`;
}
