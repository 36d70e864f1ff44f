// The entry of the static page, which generates in the visitor's own browser.

import { attempt } from "./conversation/stored_conversations.js";
import { WorkerEngine } from "./engines/worker_engine.js";
import { create, find } from "./document/dom.js";
import { addModel, chooseModel, engine, send } from "./page/actions.js";
import { start } from "./page/main.js";
import { focusPrompt } from "./page/prompt.js";
import * as state from "./page/state.js";
import { effect } from "./vendor/preact.js";
import { loadLanguages, t } from "./document/words.js";

const isAlone = location.hash === "#train-alone"; // the app serves the page, without a model beside it; see also first_paint.js
const MAX_TRAINED = 4; // trained models that are loaded at the start

// Returns the models of the Hub in the page's address. Any other name means the model beside the page, which is "".
function modelsOfAddress() {
  const query = new URLSearchParams(location.search);
  const [model, second] = ["model", "blend_with"].map(
    (name) => /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.exec(query.get(name) ?? "")?.[0] ?? "",
  );
  return second ? [model, second] : model ? [model] : [];
}

// Returns the names of the models that were trained in this browser, the newest first.
async function trainedModels() {
  const found = await import("./learn/stored_training.js").then(({ listModels }) => listModels()).catch(() => []);
  return found.map(({ name }) => name);
}

// Shows the panel that trains a model; its modules are imported when it is opened. It is open at the start if the address
// has #train or #train-alone, or if a training can be continued.
function offerTraining(page, place, isBack) {
  const details = find(page.root, "#training", HTMLDetailsElement);
  let panel = null;
  const isWanted = location.hash.startsWith("#train");
  const open = async () => {
    if (!details.open || panel) return;
    panel = import("./learn/page/panel.js").then(({ Panel }) =>
      new Panel(find(details, ".body"), page, place).open(isBack, isWanted),
    );
    await panel.catch((error) => {
      panel = null;
      find(details, ".body").textContent = t("static.failed", { reason: `${error}` });
    });
    if (isWanted && !isAlone) details.scrollIntoView(); // its content has arrived; without a model nothing is above it but the title
  };
  const openModel = async () => {
    details.open = true;
    await open();
    details.scrollIntoView(); // it says what came of it
    find(details, ".open-model").click();
  };
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
  const begin = () => {
    details.addEventListener("toggle", open);
    details.hidden = false;
    if (isWanted || attempt(() => localStorage.getItem("char-lstm/training"))) details.open = true;
  };
  return { openModel, begin };
}

// What the panel that trains a model uses of the page.
function pageOf(root) {
  return {
    root,
    pane: find(root, ".pane"),
    get engine() {
      return engine;
    },
    site: () => state.site.value,
    source: { about: () => state.model.value },
    controls: {
      get modelName() {
        return state.modelName.value;
      },
      use: chooseModel,
      offerOwn: (names) => (state.ownModels.value = names),
    },
    addModel,
    prompt: find(root, "#prompt", HTMLTextAreaElement),
    send,
    actions: { focusPrompt },
    set onModel(act) {
      effect(() => {
        state.watch(state.model);
        act();
      });
    },
  };
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

async function open() {
  if (!isAlone) navigator.serviceWorker?.register("offline.js").catch(() => {}); // without it the page needs a network
  const base = new URL(".", import.meta.url).href;
  const hub = document.documentElement.dataset.hub;
  const [isBack] = await Promise.all([finishSignIn(hub), loadLanguages(base, navigator.language)]);
  const root = find(document, "#page");
  if (isAlone) linkBack(root, base);
  const models = isAlone ? (await trainedModels()).slice(0, MAX_TRAINED) : modelsOfAddress();
  const textEngine = new WorkerEngine({ home: isAlone ? "" : base, hub, models });
  try {
    const training = offerTraining(pageOf(root), { home: base, hub }, isBack);
    await start(root, textEngine, "static.greeting", training.openModel);
    training.begin();
    state.ownModels.value = await trainedModels();
  } catch (error) {
    root.textContent = t("static.failed", { reason: `${error}` });
    throw error;
  }
}

open();
