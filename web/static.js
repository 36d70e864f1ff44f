// The entry of the static page, which generates in the visitor's own browser.

import { WorkerEngine } from "./engines/worker_engine.js";
import { create, find } from "./document/dom.js";
import { Page } from "./page/main.js";
import { loadLanguages, t } from "./document/words.js";

const isAlone = location.hash === "#train-alone"; // the app serves the page, without a model beside it; see also first_paint.js
const MAX_TRAINED = 4; // trained models that are loaded at the start
const dark = matchMedia("(prefers-color-scheme: dark)");

function followColourScheme() {
  document.body.classList.toggle("dark", dark.matches);
}

// Returns the models of the Hub in the page's address. Any other name means the model beside the page, which is "".
function modelsOfAddress() {
  const query = new URLSearchParams(location.search);
  const [model, second] = ["model", "blend_with"].map(
    (name) => /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.exec(query.get(name) ?? "")?.[0] ?? "",
  );
  return second ? [model, second] : model ? [model] : [];
}

// Returns something that a training has stored in this browser; null if it stores nothing.
/** @template Found @param {(storage: typeof import("./learn/stored_training.js")) => Promise<Found>} load @returns {Promise<?Found>} */
function stored(load) {
  return import("./learn/stored_training.js").then(load).catch(() => null);
}

// Returns the names of the models that were trained in this browser, the newest first.
async function trainedModels() {
  return ((await stored(({ listModels }) => listModels())) ?? []).map(({ name }) => name);
}

// What the panel that trains a model uses of the page: `Host` in learn/page/state.js.
/** @param {Page} page @param {string} home @param {string} hub @returns {import("./learn/page/state.js").Host} */
function hostOf(page, home, hub) {
  const { controls, engine, prompt } = page;
  return {
    ...{ home, hub },
    site: page.site,
    chosen: () => ({ name: controls.modelName, model: page.source.about() }),
    choose: (name) => controls.use(name),
    add: async (name) => (await page.addModel(name))?.failure ?? null,
    give: (name, files) => engine.give(name, files),
    offer: (names) => controls.offerOwn(names),
    onModel: (changed) => (page.onModel = changed),
    showText: () => (page.pane.scrollIntoView({ block: "start" }), page.actions.focusPrompt()),
    write: () => page.send(prompt.value),
    picture: async (model, title) => {
      const { drawPreview } = await import("./sharing/picture.js");
      return drawPreview(engine, model, title, find(page.root, ".char-lstm")).catch(() => null);
    },
    isUnused: () => !prompt.value && [document.body, prompt].includes(/** @type {any} */ (document.activeElement)),
  };
}

// Shows the panel that trains a model; its modules are imported when it is opened. It is open at the start if the address
// has #train or #train-alone, or if a training can be continued.
async function offerTraining(page, host, { isBack, kept }) {
  const details = find(page.root, "#training", HTMLDetailsElement);
  let panel = null;
  const isWanted = location.hash.startsWith("#train");
  const open = async () => {
    if (!details.open || panel) return;
    panel = import("./learn/page/panel.js").then(({ openPanel }) =>
      openPanel(find(details, ".body"), host, { isBack, isWanted }),
    );
    await panel.catch((error) => {
      panel = null;
      find(details, ".body").textContent = t("static.failed", { reason: `${error}` });
    });
    if (isWanted && !isAlone) details.scrollIntoView(); // its content has arrived; without a model nothing is above it but the title
  };
  details.addEventListener("toggle", open);
  details.hidden = false;
  const openModel = find(page.root, "#open-model", HTMLButtonElement);
  openModel.disabled = false;
  openModel.addEventListener("click", async () => {
    details.open = true;
    await open();
    details.scrollIntoView(); // it says what came of it
    find(details, ".open-model").click();
  });
  const link = find(page.root, "#demonstrations .train", HTMLAnchorElement);
  link.href = "#training";
  page.root.addEventListener("click", async (event) => {
    if (!event.target.closest(".train")) return; // the link, or its copy in a demonstration
    event.preventDefault(); // the address may have #train-alone
    details.open = true;
    await open();
    details.scrollIntoView();
    find(details, "summary").focus({ preventScroll: true });
  });
  if (isWanted || (await kept)) details.open = true;
}

// Adds a link to the app that serves the page, in the folder /web/DIGEST/.
function linkBack(root, base) {
  const link = create("a", "back");
  [link.href, link.dataset.text] = [new URL("../../", base).href, "train.back"];
  find(root, ".char-lstm").prepend(link);
}

// Completes a sign-in on the Hub, which has sent the visitor back to this page; its modules are imported only then.
// Returns whether there was a sign-in.
async function finishSignIn(hub) {
  if (!new URLSearchParams(location.search).has("state")) return false;
  const signIn = await import("./learn/hub/sign_in.js");
  if (!signIn.isReturning()) return false;
  await signIn.finishSignIn(hub);
  return true;
}

async function start() {
  followColourScheme();
  dark.addEventListener("change", followColourScheme);
  if (!isAlone) navigator.serviceWorker?.register("offline.js").catch(() => {}); // without it the page needs a network
  const base = new URL(".", import.meta.url).href;
  const hub = document.documentElement.dataset.hub;
  const kept = stored(({ loadPart }) => loadPart("summary"));
  const [isBack] = await Promise.all([finishSignIn(hub), loadLanguages(base, navigator.language)]);
  const root = find(document, "#page");
  if (isAlone) linkBack(root, base);
  const models = isAlone ? (await trainedModels()).slice(0, MAX_TRAINED) : modelsOfAddress();
  const engine = new WorkerEngine({ home: isAlone ? "" : base, hub, models });
  try {
    const page = await new Page(root, engine, "static.greeting").start();
    offerTraining(page, hostOf(page, base, hub), { isBack, kept });
    page.controls.offerOwn(await trainedModels());
  } catch (error) {
    root.textContent = t("static.failed", { reason: `${error}` });
    throw error;
  }
}

start();
