// The page: what each control does. The model writes in worker.js; here is only what is seen. All text goes in as
// textContent: whatever a model writes stays text.
//
// A link may say what to write, and how (link.js), and with which model (user/name@commit, from the Hub).

const of = (id) => document.getElementById(id);
const BLOCK = 1000; // characters after which a line end closes a block: layout then looks at the last block only
const CLAMPS = { 4: "up", "-4": "down", 0: "off" };
const SAMPLE = { length: 240, seed: 7 }; // what it writes when somebody arrives, as the app does
const model = new URL(location.href).searchParams.get("model");
const reader = import("./link.js");
const spoken = readLanguages().catch(() => {});
const sliders = import("./settings.js").then(addSliders);
let worker = null;
let followed = null; // the link that is being followed: {steps, done, v, text, shared}
let vocab = []; // of the model
const ENDINGS = { length: "ending.length", stopped: "ending.abort", stop: "ending.finished" };
let turns = []; // {node, prompt, seed, from, to, written, ended}: from and to are the memories before and after it
let chat = null; // what stands around a turn, if the model has read conversations: {prefix, suffix, stop}
let busy = null; // the turn that is being written
let replies = 0; // asked of the worker
let loaded = false;
let table = {}; // of the generation settings

function begin() {
  if (location.protocol === "file:") return; // the page says that it needs a web server
  const query = new URLSearchParams({ hub: document.documentElement.dataset.hub });
  if (model) query.set("model", model);
  worker = new Worker(`worker.js?${query}`, { type: "module" });
  worker.onmessage = ({ data }) => hear(data);
  worker.onerror = (event) => say("static.no_workers", { reason: event.message || "no module workers" }, "fault");
  navigator.serviceWorker?.register("offline.js").catch(() => {}); // without it the page needs a network
}

// Fetches the English texts and those of the visitor's language, and shows the page in it.
async function readLanguages() {
  const read = async (name) => (await fetch(`languages/${name}.json`)).json();
  const english = read("en");
  const tag = bestLanguage(navigator.language, await read("index"));
  if (tag !== "en") languages[tag] = await read(tag);
  languages.en = await english;
  document.documentElement.lang = tag;
  translate(document.documentElement);
}

function hear(data) {
  if (data.loaded) return arrive(data.loaded).catch((error) => say("static.failed", { reason: `${error}` }, "fault"));
  if (data.part) return (of("part").value = data.part);
  if (!data.reply) return fail(data.failed);
  if (!busy || data.reply !== busy.number) return;
  following(() => (data.text ? grow(busy, data.text) : settle(data)));
}

async function fail(reason) {
  of("part").hidden = true;
  await spoken;
  say("static.not_loaded", { reason }, "fault");
}

async function arrive({ sizes, training, parameters, verified, name, commit, way, ...rest }) {
  await spoken;
  await sliders;
  [chat, vocab] = [rest.chat, rest.vocab];
  const title = name || (typeof training.corpus === "string" && training.corpus.slice(0, 60)) || "char-lstm";
  of("title").textContent = title;
  document.title = title === "char-lstm" ? title : `${title} · char-lstm`;
  const facts = [
    t("model.parameters", { count: number(parameters) }),
    t("static.size", { layers: sizes.layers, cells: sizes.hidden }),
    t("model.characters", { count: sizes.vocab }),
    t("static.browser", { way }),
  ];
  if (commit) facts.unshift(t("model.commit", { commit: commit.slice(0, 7) }));
  if (!verified) facts.push(t("static.not_verified"));
  if (training.int8_cost > 0.01) facts.push(t("static.float32"));
  of("about").textContent = facts.join(" · ");
  const examples = Array.isArray(training.examples) ? training.examples : [];
  for (const example of examples.filter((each) => typeof each === "string" && each.length <= 60).slice(0, 4)) {
    const button = make("button", "", of("examples"));
    button.textContent = example.replaceAll("\n", " ⏎");
    button.onclick = () => send(example);
  }
  const { readLink, LinkError } = await reader;
  let [asked, refusal] = [null, null];
  try {
    asked = readLink(location.search, sizes);
    set(asked.said);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    refusal = error.reason;
  }
  loaded = true;
  of("part").hidden = true;
  say(refusal?.id, refusal?.values, "fault");
  show();
  if (!asked) return;
  if (asked.begins) followed = { ...asked, done: 0, commit };
  if (followed) goOn();
  else send("", { sample: SAMPLE });
}

// Sets the controls.
function set(said) {
  for (const [name, value] of Object.entries(said)) {
    const input = of(name);
    if (input.type === "range") {
      input.min = Math.min(input.min, value); // a link may go beyond the slider
      input.max = Math.max(input.max, value);
      if (!table[name].whole) input.step = "any";
    }
    input.value = value;
    if (input.type === "range") describe(input);
  }
}

// The next step of the link that is followed. After the last it is told whether the text is the one it was made of.
function goOn() {
  const { steps, done } = followed;
  const [before, step, turn] = [steps[done - 1], steps[done], turns.at(-1)];
  if (before?.pick && !pick(turn, before.pick)) return end("check.unknown_pick");
  if (!step) return end();
  followed.done++;
  const fast = steps.slice(followed.done).some(({ prompt }) => prompt !== null); // what is seen coming is the last turn
  const turnOver = chat && turn?.ended === "stop"; // then more of it is another turn of the model's
  if (step.prompt !== null || turnOver) return send(step.prompt ?? "", { chosen: step.settings, fast, stranger: followed.shared });
  turn.hold = step.settings.hold;
  if (step.anew) [turn.seed, turn.first] = [step.settings.seed, 0];
  return write(turn, "", { ...step.settings, stop: chat ? chat.stop : "" }, fast);
}

// Puts a character in the place of the last that was written; false when that cannot be.
function pick(turn, character) {
  const [id, last] = [vocab.indexOf(character), turn.node.querySelector(".reply").lastChild?.firstChild];
  if (id < 0 || !last || turn.ended !== "length") return false;
  last.data = Array.from(last.data).slice(0, -1).join("") + character;
  turn.to = { ...turn.to, unread: [...turn.to.unread.slice(0, -1), id] };
  return true;
}

// Nothing more of the link is done: marks the text, if a text was shared.
async function end(why = "") {
  const [{ shared, v, text, commit }, turn, { fingerprint }] = [followed, turns.at(-1), await reader];
  const here = String((await import("./settings.js")).INT8_VERSION);
  followed = null;
  if (!shared) return;
  const written = Array.from(document.querySelectorAll("#talk .reply"), (reply) => reply.textContent).join("");
  const found = await fingerprint(written);
  const unknown = why || (!text && "check.no_hash") || (!found && "check.no_https");
  const named = (version) => (version === "float32" ? { id: "arithmetic.float32" } : { id: "arithmetic.exact", values: { version } });
  let reason = { id: commit ? "difference.changed" : "difference.folder" };
  if (v && v !== here) reason = { id: "difference.arithmetic", values: { there: named(v), here: named(here) } };
  const line = make("p", "mark", turn.node);
  line.textContent = unknown ? t(unknown) : found === text ? t("check.same") : t("check.different", { reasons: [reason] });
  turn.node.append(turn.node.querySelector(".foot")); // the facts stay below
}

function settings() {
  const typed = of("seed").value.trim();
  if (typed && !(/^\d+$/.test(typed) && Number(typed) <= table.seed.maximum)) {
    return say("refusal.value", { field: t("setting.seed"), value: typed.slice(0, 40), allowed: table.seed.rule }, "fault");
  }
  const names = Object.keys(table).filter((name) => table[name].slider && name !== "speed");
  const chosen = Object.fromEntries(names.map((name) => [name, Number(of(name).value)]));
  return { ...chosen, seed: typed ? Number(typed) : crypto.getRandomValues(new Uint32Array(1))[0] };
}

// A new turn, from where the conversation stands; the sample gives way to it.
function send(prompt, { sample = null, chosen = settings(), fast = false, stranger = false } = {}) {
  if (!chosen || !loaded || (busy && !busy.sample)) return null;
  if (turns[0]?.sample) moves.clear();
  const node = make("article", chat ? "chat" : "", of("talk"));
  const text = make("div", "text", node);
  text.lang = ""; // whatever the model has read, not the page's
  make("span", "prompt", text).textContent = prompt;
  make("span", "reply", text);
  if (stranger) make("p", "mark", node).textContent = t("notice.shared_prompt");
  make("p", "foot", node);
  const last = turns.at(-1);
  const start = { from: last?.to ?? null, to: last?.to ?? null, written: 0, first: 0, hold: [] };
  const turn = { node, prompt, sample, ...start, ...chosen, ...sample };
  turns.push(turn);
  const cut = chat && last && last.ended !== "stop" ? chat.stop : "";
  write(turn, chat && !sample ? cut + wrap(prompt) : prompt, { ...chosen, ...sample, stop: chat && !sample ? chat.stop : "" }, fast);
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
function write(turn, prompt, chosen, fast = false) {
  [busy, turn.sample] = [turn, turn.written ? null : turn.sample]; // continued, it is a turn like any other
  turn.number = ++replies;
  turn.node.classList.add("writing");
  turn.node.lastChild.textContent = "";
  const pace = Number(of("speed").value);
  const wanted = { ...chosen, seed: turn.seed, hold: turn.hold };
  const asked = { write: turn.number, prompt, memory: turn.to, settings: wanted, first: turn.first };
  worker.postMessage({ ...asked, pace: pace < table.speed.maximum && !fast ? pace : 0 });
  say();
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
  if (failed) say("fault.model", { error: failed }, "fault");
  else {
    [turn.to, turn.ended, turn.written, turn.first] = [memory, ended, turn.written + written, turn.first + written];
    const facts = [t("fact.seed", { seed: turn.seed }), t("fact.characters", { count: turn.written })];
    if (seconds) facts.push(t("fact.speed", { rate: Math.round(written / seconds) }));
    facts.push(t(ENDINGS[ended]));
    for (const [layer, cell, value] of turn.hold) facts.push(t(`clamp.${CLAMPS[value] ?? "at"}`, { layer, cell, value }));
    const characters = [...new Set(unknown)].slice(0, 8).join(" ");
    if (characters) facts.push(t("static.unknown", { characters }));
    turn.node.lastChild.textContent = facts.join(" · ");
  }
  if (followed && !failed && ended !== "stopped") goOn();
  else if (followed) end("check.unfinished");
  show();
}

function show() {
  const [sends, begun] = [loaded && (!busy || busy.sample), turns.length > 0];
  const able = { send: sends, stop: busy, continue: begun && !busy, retry: begun && !busy, copy: begun, clear: begun && !busy };
  for (const [id, on] of Object.entries(able)) of(id).disabled = !on;
  for (const button of of("examples").children) button.disabled = !sends;
  of("talk").setAttribute("aria-busy", String(Boolean(busy)));
}

// Shows a message in the line below the conversation; none without an id.
function say(id = "", values = {}, kind = "") {
  of("status").textContent = id && t(id, values);
  of("status").className = id && kind;
}

function make(tag, name, parent) {
  const node = document.createElement(tag);
  node.className = name;
  parent.append(node);
  return node;
}

// A slider for each setting that has one, with its value and what it means.
async function addSliders({ SETTINGS }) {
  await spoken;
  table = SETTINGS;
  for (const [id, { slider, default: value }] of Object.entries(table)) {
    if (!slider) continue;
    const line = make("p", "", of("sliders"));
    const [name, , input, note] = ["label", "small", "input", "small"].map((tag) => make(tag, "", line));
    [name.htmlFor, name.textContent, note.textContent, note.id] = [id, t(`setting.${id}`), t(`setting.${id}.help`), `${id}-help`];
    const { minimum: min, maximum: max, step } = slider;
    Object.assign(input, { id, type: "range", min, max, step, value, oninput: () => describe(input) });
    input.setAttribute("aria-describedby", note.id);
    describe(input);
  }
}

function describe(input) {
  input.previousElementSibling.textContent = input.ariaValueText = number(Number(input.value));
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
    await navigator.clipboard.writeText(whole).then(() => say("static.copied"), () => getSelection().selectAllChildren(of("talk")));
  },
  clear() {
    moves.stop();
    [turns, busy, followed] = [[], null, null];
    of("talk").replaceChildren();
    show();
  },
};
for (const [id, move] of Object.entries(moves)) of(id).onclick = move;
of("prompt").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari's word for composing
  event.preventDefault();
  moves.send();
};
document.addEventListener("keydown", (event) => event.key === "Escape" && moves.stop());
if (matchMedia("(max-width: 768px)").matches) of("settings").open = false;
begin();
