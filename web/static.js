// The entry of the static page, which generates in the visitor's own browser.

import { WorkerEngine } from "./engines/worker_engine.js";
import { mount } from "./page/main.js";
import { loadLanguages, t } from "./document/words.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

function followColourScheme() {
  document.body.classList.toggle("dark", dark.matches);
}

async function start() {
  followColourScheme();
  dark.addEventListener("change", followColourScheme);
  navigator.serviceWorker?.register("offline.js").catch(() => {}); // without it the page needs a network
  const base = new URL(".", import.meta.url).href;
  await loadLanguages(base, navigator.language);
  const root = document.getElementById("page");
  const model = new URLSearchParams(location.search).get("model") ?? "";
  const models = /^[\w.-]+\/[\w.-]+(@[\w./-]+)?$/.test(model) ? [model] : []; // any other name is that of the model beside the page
  const engine = new WorkerEngine({ home: base, hub: document.documentElement.dataset.hub, models });
  try {
    await mount(root, engine, { greeting: "static.greeting" });
  } catch (error) {
    root.textContent = t("static.failed", { reason: `${error}` });
    throw error;
  }
}

start();
