// The page: what each control does. The model writes in worker.js; here is only what is seen. All text goes in as
// textContent: whatever a model writes stays text.
//
// A link may set prompt, temperature, length, speed, top_k, top_p, seed, hold (of its own reply), and model
// (user/name@commit, from the Hub).

const of = (id) => document.getElementById(id);
const BLOCK = 1000; // characters after which a line end closes a block: layout then looks at the last block only
const MAX_SEED = 2 ** 32 - 1;
const [MAX_HOLDS, MAX_HELD] = [4, 8]; // cells, and the value of one
const WAYS = { 4: "up", "-4": "down", 0: "off" };
const FASTEST = 200; // not a speed: as fast as it can
const SAMPLE = { length: 240, seed: 7 }; // what it writes when somebody arrives, as the app does
const WORDS = {
  temperature: (t) => (t === 0 ? "always the likeliest" : t < 0.5 ? "sober" : t < 0.95 ? "sensible" : t <= 1.05 ? "as it has learned" : t < 1.5 ? "daring" : "wild"),
  length: () => "characters a reply",
  speed: (speed) => (speed >= FASTEST ? "as fast as it can" : "characters a second"),
  top_k: (k) => (k ? "likeliest characters only" : "all characters"),
  top_p: (p) => (p < 1 ? "of the likeliest" : "all characters"),
};
const link = new URL(location.href).searchParams;
let worker = null;
const ENDINGS = { length: "reached its length", stopped: "stopped", stop: "said what it had to say" };
let turns = []; // {node, prompt, seed, from, to, written, ended}: from and to are the memories before and after it
let chat = null; // what stands around a turn, if the model has read conversations: {prefix, suffix, stop}
let busy = null; // the turn that is being written
let replies = 0; // asked of the worker
let held = []; // cells that the link holds: [layer, number, value]
let loaded = false;

function begin() {
  if (location.protocol === "file:") return say("Open it through a web server, such as: python -m http.server", "fault");
  const query = new URLSearchParams({ hub: document.documentElement.dataset.hub });
  if (link.get("model")) query.set("model", link.get("model"));
  worker = new Worker(`worker.js?${query}`, { type: "module" });
  worker.onmessage = ({ data }) => hear(data);
  worker.onerror = (event) => say(`This browser cannot run the page (${event.message || "no module workers"}).`, "fault");
  navigator.serviceWorker?.register("offline.js").catch(() => {}); // without it the page needs a network
}

function hear(data) {
  if (data.loaded) return arrive(data.loaded);
  if (data.part) return (of("part").value = data.part);
  if (!data.reply) return [say(data.failed, "fault"), (of("part").hidden = true)];
  if (!busy || data.reply !== busy.number) return;
  following(() => (data.text ? grow(busy, data.text) : settle(data)));
}

function arrive({ sizes, training, parameters, verified, name, commit, way, ...rest }) {
  chat = rest.chat;
  const title = name || (typeof training.corpus === "string" && training.corpus.slice(0, 60)) || "char-lstm";
  of("title").textContent = title;
  document.title = title === "char-lstm" ? title : `${title} · char-lstm`;
  const facts = [`${parameters.toLocaleString("en")} parameters`, `${sizes.layers} × ${sizes.hidden} cells`];
  facts.push(`${sizes.vocab} characters`, `in this browser (${way})`);
  if (commit) facts.unshift(`commit ${commit.slice(0, 7)}`);
  if (!verified) facts.push("not verified: only over https can a browser compare SHA-256");
  if (training.int8_cost > 0.01) facts.push("the app writes in float32 with this model, and so another text");
  of("about").textContent = facts.join(" · ");
  const examples = Array.isArray(training.examples) ? training.examples : [];
  for (const example of examples.filter((each) => typeof each === "string" && each.length <= 60).slice(0, 4)) {
    const button = make("button", "", of("examples"));
    button.textContent = example.replaceAll("\n", " ⏎");
    button.onclick = () => send(example);
  }
  loaded = true;
  of("part").hidden = true;
  say("");
  show();
  const refusal = follow() ?? hold(sizes);
  if (refusal) say(refusal, "fault");
  else if (link.has("prompt") || link.has("seed")) send(link.get("prompt") ?? "", null, held);
  else send("", SAMPLE);
}

// Sets the controls as the link says; returns what it says wrongly.
function follow() {
  for (const name of ["temperature", "length", "speed", "top_k", "top_p"]) {
    if (!link.has(name)) continue;
    const [input, value] = [of(name), Number(link.get(name))];
    if (name === "temperature" && value <= 5) input.max = Math.max(input.max, value);
    if (name === "top_k" && value >= 0) input.max = Math.max(input.max, value);
    if (name === "temperature" || name === "top_p") input.step = "any";
    if (name === "top_p" && value > 0) input.min = Math.min(input.min, value);
    input.value = value;
    if (!link.get(name) || Number(input.value) !== value) {
      return `${name} is ${link.get(name)} in this link: it must be a number from ${input.min} to ${input.max}`;
    }
    describe(input);
  }
  of("seed").value = link.get("seed") ?? "";
  return null;
}

// Reads the cells that the link holds (docs/links.md); returns what it says wrongly.
function hold({ layers, hidden }) {
  const parts = (link.get("hold") || null)?.split("_") ?? [];
  held = parts.map((part) => /^(\d{1,3})\.(\d{1,5})~(-?\d{1,2}(?:\.\d{1,20})?(?:e-\d{1,3})?)$/.exec(part)?.slice(1).map(Number));
  const fits = (each) => each && each[0] < layers && each[1] < hidden && Math.abs(each[2]) <= MAX_HELD;
  if (parts.length <= MAX_HOLDS && new Set(held.map((each) => `${each?.slice(0, 2)}`)).size === parts.length && held.every(fits)) return null;
  return `hold is ${link.get("hold").slice(0, 60)} in this link: it must be up to ${MAX_HOLDS} cells of this model, LAYER.CELL~VALUE`;
}

function settings() {
  const [typed, seed] = [of("seed").value.trim(), Number(of("seed").value)];
  if (typed && !(Number.isInteger(seed) && seed >= 0 && seed <= MAX_SEED && /^\d+$/.test(typed))) {
    return say(`Seed is ${typed.slice(0, 40)}: it must be a whole number from 0 to ${MAX_SEED}.`, "fault");
  }
  const number = (name) => Number(of(name).value);
  return {
    temperature: number("temperature"),
    length: number("length"),
    topK: number("top_k"),
    topP: number("top_p"),
    seed: typed ? seed : crypto.getRandomValues(new Uint32Array(1))[0],
  };
}

// A new turn, from where the conversation stands; the sample gives way to it.
function send(prompt, sample = null, hold = []) {
  const chosen = settings();
  if (!chosen || !loaded || (busy && !busy.sample)) return null;
  if (turns[0]?.sample) moves.clear();
  const node = make("article", chat ? "chat" : "", of("talk"));
  const text = make("div", "text", node);
  make("span", "prompt", text).textContent = prompt;
  make("span", "reply", text);
  make("p", "foot", node);
  const last = turns.at(-1);
  const turn = { node, prompt, from: last?.to ?? null, to: last?.to ?? null, written: 0, sample, hold, ...chosen, ...sample };
  turns.push(turn);
  const cut = chat && last && last.ended !== "stop" ? chat.stop : "";
  write(turn, chat && !sample ? cut + wrap(prompt) : prompt, { ...chosen, ...sample, stop: chat && !sample ? chat.stop : "" });
  return turn;
}

// What a model that has read conversations reads before it replies (see model/chat.py).
function wrap(said) {
  const parts = said.split(chat.stop).map((part) => part.trim());
  const inside = parts.filter(Boolean).join(chat.stop.length > 1 ? chat.stop[0] : " ");
  if (inside) return chat.prefix + inside + chat.suffix;
  return chat.suffix.startsWith(chat.stop) ? chat.suffix.slice(chat.stop.length) : chat.suffix;
}

// Asks for more of a turn, from the memory after it.
function write(turn, prompt, chosen) {
  [busy, turn.sample] = [turn, turn.written ? null : turn.sample]; // continued, it is a turn like any other
  turn.number = ++replies;
  turn.node.classList.add("writing");
  turn.node.lastChild.textContent = "";
  const pace = Number(of("speed").value);
  const wanted = { ...chosen, seed: turn.seed, hold: turn.hold };
  const asked = { write: turn.number, prompt, memory: turn.to, settings: wanted, first: turn.written };
  worker.postMessage({ ...asked, pace: pace < FASTEST ? pace : 0 });
  say("");
  show();
  of("talk").scrollTop = of("talk").scrollHeight;
}

// Does something to the conversation; who reads at its end is kept there.
function following(change) {
  const talk = of("talk");
  const follows = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 40;
  change();
  if (follows) talk.scrollTop = talk.scrollHeight;
}

function grow(turn, text) {
  const reply = turn.node.querySelector(".reply");
  const last = reply.lastChild?.firstChild;
  if (last && !(last.length >= BLOCK && last.data.endsWith("\n"))) last.appendData(text);
  else make("span", "", reply).append(text);
}

function settle({ ended, memory, written, seconds, unknown, failed }) {
  const turn = busy;
  busy = null;
  turn.node.classList.remove("writing");
  if (failed) say(`The model failed: ${failed}. What it had written stays.`, "fault");
  else {
    [turn.to, turn.ended, turn.written] = [memory, ended, turn.written + written];
    const facts = [`seed ${turn.seed}`, `${turn.written.toLocaleString("en")} characters`];
    if (seconds) facts.push(`${Math.round(written / seconds).toLocaleString("en")} a second`);
    facts.push(ENDINGS[ended]);
    const cells = turn.hold.map(([layer, cell, value]) => `cell ${cell} of layer ${layer} ${WAYS[value] ?? `at ${value}`}`);
    if (cells.length) facts.push(`a hand on ${cells.join(", ")}`);
    const names = [...new Set(unknown)].slice(0, 8).join(" ");
    if (names) facts.push(`it does not know ${names}: skipped`);
    turn.node.lastChild.textContent = facts.join(" · ");
  }
  show();
}

function show() {
  const [sends, begun] = [loaded && (!busy || busy.sample), turns.length > 0];
  const able = { send: sends, stop: busy, continue: begun && !busy, retry: begun && !busy, copy: begun, clear: begun && !busy };
  for (const [id, on] of Object.entries(able)) of(id).disabled = !on;
  for (const button of of("examples").children) button.disabled = !sends;
  of("talk").setAttribute("aria-busy", String(Boolean(busy)));
}

function say(text, kind = "") {
  of("status").textContent = text;
  of("status").className = kind;
}

function make(tag, name, parent) {
  const node = document.createElement(tag);
  node.className = name;
  parent.append(node);
  return node;
}

function describe(input) {
  const value = Number(input.value);
  const words = `${value.toLocaleString("en", { maximumFractionDigits: 3 })} ${WORDS[input.id](value)}`;
  input.previousElementSibling.textContent = input.ariaValueText = words;
}

const moves = {
  send() {
    if (of("send").disabled || !send(of("prompt").value)) return;
    of("prompt").value = "";
  },
  stop: () => busy && worker.postMessage({ stop: busy.number }),
  continue() {
    const [turn, chosen] = [turns.at(-1), settings()];
    if (chat && turn.ended === "stop") send(""); // the turn is over: another one of the model's
    else if (chosen) write(turn, "", { ...chosen, stop: chat && !turn.sample ? chat.stop : "" });
  },
  retry() {
    const { node, prompt } = turns.pop();
    node.remove();
    send(prompt);
  },
  async copy() {
    const whole = Array.from(document.querySelectorAll("#talk .text"), (text) => text.textContent).join("");
    await navigator.clipboard.writeText(whole).then(() => say("Copied."), () => getSelection().selectAllChildren(of("talk")));
  },
  clear() {
    moves.stop();
    [turns, busy] = [[], null];
    of("talk").replaceChildren();
    show();
  },
};
for (const [id, move] of Object.entries(moves)) of(id).onclick = move;
for (const input of document.querySelectorAll("input[type=range]")) {
  input.oninput = () => describe(input);
  describe(input);
}
of("prompt").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari's word for composing
  event.preventDefault();
  moves.send();
};
document.addEventListener("keydown", (event) => event.key === "Escape" && moves.stop());
if (matchMedia("(max-width: 768px)").matches) of("settings").open = false;
begin();
