// The entry of the static page, which generates in the visitor's own browser.

import { WorkerEngine } from "./engines/worker_engine.js";
import { create, find } from "./document/dom.js";
import { loadLanguages, t } from "./document/words.js";
import { start } from "./page/main.js";
import * as state from "./state/state.js";

const isAlone = location.hash === "#train-alone"; // the app serves the page, without a model beside it; see also first_paint.js
const MAX_TRAINED = 4; // trained models that are loaded at the start
const storage = import("./worker/stored_training.js");

// Returns the models of the Hub in the page's address. Any other name means the model beside the page, which is "".
function modelsOfAddress() {
  const query = new URLSearchParams(location.search);
  const named = (name) => /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.exec(query.get(name) ?? "")?.[0] ?? "";
  const [model, second] = [named("model"), named("blend_with")];
  return second ? [model, second] : model ? [model] : [];
}

// Returns the names of the models that were trained in this browser, the newest first; none if it stores nothing.
async function trainedModels() {
  const models = storage.then(({ listModels }) => listModels());
  return (await models.catch(() => [])).map(({ name }) => name);
}

// Shows the panel that trains a model; its modules are imported when it is opened. It is open at the start if the address
// has #train or #train-alone, or if a training can be continued.
// Returns what offers the training once the models are known.
function offerTraining(root, { isBack, kept }) {
  const details = find(root, "#training", HTMLDetailsElement);
  let panel = null;
  const isWanted = location.hash.startsWith("#train");
  const open = async () => {
    if (!details.open || panel) return;
    panel = import("./learn/page/panel.js").then(({ openPanel }) =>
      openPanel(find(details, ".body"), { isBack, isWanted }),
    );
    await panel.catch((error) => {
      panel = null;
      find(details, ".body").textContent = t("static.failed", { reason: `${error}` });
    });
    if (isWanted && !isAlone) details.scrollIntoView(); // its content has arrived; without a model nothing is above it but the title
  };
  find(root, "#menu .train", HTMLAnchorElement).href = "#training";
  root.addEventListener("click", async (event) => {
    if (!event.target.closest(".train")) return; // the link, or its copy in a demonstration
    event.preventDefault(); // the address may have #train-alone
    details.open = true;
    await open();
    details.scrollIntoView();
    find(details, "summary").focus({ preventScroll: true });
  });
  return async () => {
    details.addEventListener("toggle", open);
    details.hidden = false;
    if (isWanted || (await kept)) details.open = true;
  };
}

// Adds a link to the app that serves the page, in the folder /web/DIGEST/.
function linkBack(root, base) {
  const link = create("a", "back");
  [link.href, link.dataset.text] = [new URL("../../", base).href, "train.back"];
  find(root, ".char-lstm").prepend(link);
}

// Completes a sign-in on the Hub, which has sent the visitor back to this page. Returns whether there was a sign-in.
async function finishSignIn(hub) {
  if (!new URLSearchParams(location.search).has("state")) return false; // most visits: the module is not imported
  const signIn = await import("./learn/hub/sign_in.js");
  if (!signIn.isReturning()) return false;
  await signIn.finishSignIn(hub);
  return true;
}

async function open() {
  if (!isAlone) navigator.serviceWorker?.register("offline.js").catch(() => {}); // without it the page needs a network
  const base = new URL(".", import.meta.url).href;
  const hub = document.documentElement.dataset.hub;
  const kept = storage.then(({ loadPart }) => loadPart("summary")).catch(() => null);
  const [isBack] = await Promise.all([finishSignIn(hub), loadLanguages(base, navigator.language)]);
  const root = find(document, "#page");
  if (isAlone) linkBack(root, base);
  const models = isAlone ? (await trainedModels()).slice(0, MAX_TRAINED) : modelsOfAddress();
  const textEngine = new WorkerEngine({ home: isAlone ? "" : base, hub, models });
  try {
    const begin = offerTraining(root, { isBack, kept });
    await start(root, textEngine, "static.greeting");
    begin();
    state.ownModels.value = await trainedModels();
  } catch (error) {
    root.textContent = t("static.failed", { reason: `${error}` });
    throw error;
  }
}

open();
