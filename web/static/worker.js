// Loads the model of this page and writes with it, in a thread of its own: the page stays alive meanwhile.
//
// The page sends   {write: n, prompt, memory, settings, first, pace}   and   {stop: n}
// and is told      {loaded: about} or {failed: why}, {part: how much of the weights has come}, and of reply n
//                  {reply: n, text} again and again, {reply: n, stopped, memory, written, seconds, unknown} once,
//                  or {reply: n, failed: why}.
// A memory is {h, c, unread}: the state, and the characters that it has not read yet. It holds all that is needed to
// go on; null is the beginning. A reply ends before settings.stop, unless that is empty.
import { Network, choose, randomNumber } from "./arithmetic.js";
import { ModelError, load, locate } from "./checkpoint.js";

const SLICE_MS = 12; // of work between two looks at what the page asks for
const TELL_MS = 33; // between two messages, when it writes as fast as it can
const CATCH_UP_MS = 250; // a reply that fell further behind its pace does not hurry to make up for it
const asked = new URL(location.href).searchParams;
const channel = new MessageChannel();
let stop = 0; // replies up to this number end
let ready; // the model, once it is there

// Lets messages in. A timer would take 4 ms at least.
function breathe() {
  return new Promise((resume) => {
    channel.port1.onmessage = resume;
    channel.port2.postMessage(0);
  });
}

async function begin() {
  const [place, code] = await Promise.all([locate(asked.get("model"), asked.get("hub")), compiled()]);
  const model = await load(place, (part) => postMessage({ part }));
  const ids = new Map(model.vocab.map((character, id) => [character, id]));
  const network = new Network(model.sizes, model.tensors, code);
  const { sizes, chat, training, parameters, verified } = model;
  const [way, { name, commit }] = [code ? "WebAssembly" : "JavaScript", place];
  postMessage({ loaded: { sizes, chat, training, parameters, verified, name, commit, way, vocab: model.vocab } });
  return { network, ids, vocab: model.vocab, start: ids.get("\n") ?? ids.get(" ") ?? 0 };
}

// The products in WebAssembly; null where there is none, or none with SIMD (Safari before 16.4).
async function compiled() {
  try {
    const response = await fetch("product.wasm");
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch {
    return null;
  }
}

async function write({ write: reply, prompt, memory, settings, first, pace }) {
  const { network, ids, vocab, start } = await ready;
  const given = Array.from(prompt); // by code point
  const unknown = given.filter((character) => !ids.has(character));
  const state = memory ? { h: memory.h.slice(), c: memory.c.slice() } : network.nothing();
  let unread = [...(memory?.unread ?? []), ...given.filter((each) => ids.has(each)).map((each) => ids.get(each))];
  if (!unread.length) unread = [start];
  let [at, written, text, held, began, due] = [0, 0, "", 0, 0, 0]; // held: what may turn out to be the stop text
  let [told, sliced, ended] = [0, performance.now(), ""];

  function tell() {
    if (text.length > held) postMessage({ reply, text: text.slice(0, text.length - held) });
    [text, told] = [text.slice(text.length - held), performance.now()];
  }

  while (!(ended ||= stop >= reply ? "stopped" : "")) {
    const last = at === unread.length - 1; // the step that draws: in it, cells may be held
    network.read(unread[at++], state, last ? settings.hold : []);
    if (last) {
      const chosen = choose(network.logits, settings, randomNumber(settings.seed, first + written++));
      [unread, at] = [[chosen], 0];
      text += vocab[chosen];
      held = heldBack(text, settings.stop);
      if (held && held === settings.stop.length) ended = "stop";
      else if (written >= settings.length) ended = "length";
      began ||= performance.now();
      if (pace) due = Math.max(due || began, performance.now() - CATCH_UP_MS) + 1000 / pace;
      if (pace || performance.now() - told >= TELL_MS) tell();
    }
    if (performance.now() - sliced >= SLICE_MS) {
      await breathe();
      sliced = performance.now();
    }
    for (let early; !ended && stop < reply && (early = due - performance.now()) > 0; sliced = performance.now()) {
      await new Promise((resume) => setTimeout(resume, Math.min(early, 50)));
    }
  }
  if (ended !== "stop") held = 0; // what was held back for a stop text that never came
  tell();
  const seconds = began && (performance.now() - began) / 1000;
  postMessage({ reply, ended, memory: { ...state, unread: unread.slice(at) }, written, seconds, unknown });
}

// How much of a text's end may be the beginning of the stop text.
function heldBack(text, stop) {
  let most = Math.min(stop.length, text.length);
  while (!text.endsWith(stop.slice(0, most))) most--;
  return most;
}

let writing = Promise.resolve();
onmessage = ({ data }) => {
  if (data.stop) stop = data.stop;
  else writing = writing.then(() => write(data)).catch((fault) => postMessage({ reply: data.write, failed: `${fault}` }));
};

ready = begin();
ready.catch((error) => {
  postMessage({ failed: error instanceof ModelError ? error.message : `${error}` });
});
