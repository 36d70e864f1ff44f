// The entry of the static page, which generates in the visitor's own browser.

import { WorkerEngine } from "./engines/worker_engine.js";
import { find } from "./document/dom.js";
import { mount } from "./page/main.js";
import { loadLanguages, t } from "./document/words.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

function followColourScheme() {
  document.body.classList.toggle("dark", dark.matches);
}

// The models of the Hub that the address names. Any other name is that of the model beside the page, which is "".
function modelsOfAddress() {
  const query = new URLSearchParams(location.search);
  const [model, second] = ["model", "blend_with"].map((name) => /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.exec(query.get(name) ?? "")?.[0] ?? "");
  return second ? [model, second] : model ? [model] : [];
}

// Shows the panel that trains a model; its modules are imported when it is opened. It is open at arrival if the address
// asks for it (#train) or a training can be continued.
function offerTraining(page, place) {
  const details = find(page.root, "#training", HTMLDetailsElement);
  let panel = null;
  const open = async () => {
    if (!details.open || panel) return;
    panel = import("./learn/page/panel.js").then(({ Panel }) => new Panel(find(details, ".body"), page, place).open());
    await panel.catch((error) => {
      panel = null;
      find(details, ".body").textContent = t("static.failed", { reason: `${error}` });
    });
  };
  details.addEventListener("toggle", open);
  details.hidden = false;
  if (location.hash === "#train" || isTrainingStored()) details.open = true;
  if (location.hash === "#train") details.scrollIntoView();
}

function isTrainingStored() {
  try {
    return localStorage.getItem("char-lstm/training") !== null;
  } catch {
    return false;
  }
}

async function start() {
  followColourScheme();
  dark.addEventListener("change", followColourScheme);
  navigator.serviceWorker?.register("offline.js").catch(() => {}); // without it the page needs a network
  const base = new URL(".", import.meta.url).href;
  await loadLanguages(base, navigator.language);
  const root = find(document, "#page");
  const engine = new WorkerEngine({ home: base, hub: document.documentElement.dataset.hub, models: modelsOfAddress() });
  try {
    offerTraining(await mount(root, engine, { greeting: "static.greeting" }), { home: base, hub: engine.hub });
  } catch (error) {
    root.textContent = t("static.failed", { reason: `${error}` });
    throw error;
  }
}

start();
