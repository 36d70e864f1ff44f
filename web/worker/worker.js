// Generates text in a worker, so that the page reacts to the visitor meanwhile.
//
// The first message is {home, hub, models, version, limits}: the folder of the page, the Hub's address, the models of the Hub
// that are shown ("user/name@revision"; without one, the model of the folder is), the version of int8 inference, and the
// limits of settings.json. Then
//
//   {call, name, argument}   calls a method of the text engine (engines/engine.js): site, write, trace, passages, samples, add, give
//   {abort: call}            ends the reply of a call before its next character
//
// The worker sends {part} while a model is downloaded, of a call {call, text} or {call, status} any number of times, and
// {call, result}, {call, refusal} or {call, fault} once.
//
// No module of the worker may await at its top level: messages that arrive meanwhile are lost.

import { Refusal } from "../engines/engine.js";
import { ModelError, passagesOf, samplesIn } from "./checkpoint.js";
import { LanguageModel } from "./int8_inference.js";
import { Models, describe, emptyModel, writeWelcome } from "./models.js";
import { Traces, limits } from "./trace.js";
import { writeReply } from "./reply.js";
import { ReadTexts } from "./text_reader.js";

const texts = new ReadTexts();
const traces = new Traces();
const replies = /** @type {Map<number, AbortController>} */ (new Map()); // by their calls
let models = /** @type {Models | null} */ (null);
let [shown, version] = [/** @type {string[]} */ ([]), ""]; // the models that the page offers, as they were named
const described = /** @type {Map<string, Described>} */ (new Map());
const POLLED_S = 1; // between two requests for the site while weights are downloaded
let changes = 0; // of descriptions

/**
 * @import { Clamp, Message, Model } from "../engines/engine.js"
 * @typedef {{now: Promise<Model>, whole: Promise<Model>, isWhole: boolean}} Described what is known of a model, at first
 *   without its weights
 */

const methods = {
  async site() {
    const known = offered().map(describeModel);
    // Read before the first await: if weights arrive meanwhile, the version changes and the page asks again.
    const siteVersion = `${offered().join(" ")} ${changes}`;
    const areWhole = known.map(({ isWhole }) => isWhole);
    const models = await Promise.all(known.map(({ now }) => now));
    models.forEach(({ failure }, at) => failure && described.delete(offered()[at])); // the next call tries again
    const again_s = areWhole.some((isWhole, at) => !isWhole && !models[at].failure) ? POLLED_S : null;
    const own = { title: models[0]?.name ?? "", welcome: "", notices: [], address: "" };
    return { version: siteVersion, again_s, models, ...own };
  },

  async add(name) {
    const model = await describeModel(name).whole;
    if (model.failure) described.delete(name);
    if (!model.failure && !shown.includes(name)) shown = [...offered(), name];
    return model;
  },

  async give({ name, files }) {
    models.give(name, files);
    described.delete(name); // of a model that had the name before
  },

  async write(request, call) {
    const { signal } = replies.set(call, new AbortController()).get(call);
    const aborted = new Promise((resolve) => signal.addEventListener("abort", () => resolve(null)));
    const lm = await Promise.race([open(request.model, request.second, call), aborted]);
    if (!lm) return { end: "abort", error: null, rate: null };
    checkClamps(lm, [request.cells, ...request.clamps.map(([, cells]) => cells)].flat());
    const send = (text, bits) => postMessage({ call, text, bits });
    return writeReply(lm, request, texts, send, () => signal.aborted);
  },

  async trace(query, call) {
    return traces.answer(query, await open(query.model, query.second, call));
  },

  async passages({ model, cell }) {
    return passagesOf((await models.parts(model)).passages, cell);
  },

  async samples(model) {
    return { samples: samplesIn((await models.parts(model)).samples) };
  },
};

// The models that the page offers, as they were named; "" is the one in the page's folder.
function offered() {
  return shown.length ? shown : models.home ? [""] : [];
}

// Describes a model of the Hub, or with "" the one in the page's folder.
function describeModel(name) {
  const known = described.get(name);
  if (known) return known;
  const now = describeAtOnce(name);
  const found = /** @type {Described} */ ({ now, whole: now.then(complete), isWhole: false });
  described.set(name, found);
  found.whole.then(async (whole) => {
    if (whole !== (await now)) changes++;
    [found.now, found.isWhole] = [found.whole, true];
  });
  return found;
}

async function describeAtOnce(name) {
  let ref = { name: name.split("@")[0], commit: "" };
  try {
    if (name) ref = await models.find(name);
    return describe(ref, await models.parts(ref), version);
  } catch (error) {
    return emptyModel(ref, notLoaded(error));
  }
}

// The description of a model whose weights are here: it writes the welcome text that its files lack.
/** @param {Model} model */
async function complete(model) {
  if (model.failure) return model;
  try {
    const loaded = await models.open(model);
    return model.welcome ? model : { ...model, ...(await writeWelcome(new LanguageModel([loaded]), texts)) };
  } catch (error) {
    return emptyModel(model, notLoaded(error));
  }
}

/** @param {unknown} error @returns {Message} */
function notLoaded(error) {
  const isKnown = error instanceof ModelError;
  if (!isKnown) console.error(error);
  return { id: "static.not_loaded", values: { reason: isKnown ? error.message : `${error}` } };
}

// Returns a model, or two as a blend; says so while they are loaded.
async function open(ref, second, call) {
  const missing = [ref, second].filter((each) => each && !models.has(each));
  const names = missing.map(({ name }) => name);
  if (names.length) postMessage({ call, status: [{ id: "model.loading", values: { names } }] });
  const lm = await models.languageModel(ref, second).catch((error) => {
    throw new Refusal(notLoaded(error));
  });
  if (names.length) postMessage({ call, status: [] });
  if (!lm.vocab.length) {
    throw new Refusal({ id: "refusal.no_common_character", values: { first: ref.name, second: second.name } });
  }
  return lm;
}

// Refuses clamps of a blend, and of cells that a model does not have, in the words of the app.
/** @param {LanguageModel} lm @param {Clamp[]} clamps */
function checkClamps(lm, clamps) {
  if (lm.isBlend && clamps.length) throw new Refusal({ id: "refusal.clamps_blended" });
  const check = (name, at, count) => {
    if (at < count) return;
    const reason = `is not allowed: a clamp names ${name} ${at}: this model has ${name}s 0 to ${count - 1}`;
    throw new Refusal({ id: "refusal.other", values: { field: "hold", reason } });
  };
  for (const [layer, cell] of clamps) {
    check("layer", layer, lm.layers);
    check("cell", cell, lm.hidden);
  }
}

async function answer({ call, name, argument }) {
  try {
    postMessage({ call, result: await methods[name](argument, call) });
  } catch (error) {
    if (error instanceof Refusal) postMessage({ call, refusal: error.reason });
    else postMessage({ call, fault: `${error}` });
  }
  replies.delete(call);
}

onmessage = ({ data }) => {
  if (data.home !== undefined) {
    models = new Models(data.home, data.hub, (part) => postMessage({ part }));
    [shown, version] = [data.models, String(data.version)];
    Object.assign(limits, data.limits);
  } else if (data.abort) replies.get(data.abort)?.abort();
  else answer(data);
};
