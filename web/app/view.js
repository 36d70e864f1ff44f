// Runs once when the view is mounted. The value is a text of JSON lines (see lines.py). While a reply is
// written, more of them come over a stream of server-sent events; at its end, however it ends, the view asks for the
// conversation as the server has it. All text goes into the page as textContent: whatever a model writes stays text.
const log = element.querySelector(".talk");
const second = element.closest("#second"); // the view of a model beside the first, see beside.py
const BLOCK = 1000; // characters after which a line end closes a block: layout then looks at the last block only
document.getElementById("early")?.remove(); // see first_paint.py
const PATIENCE_MS = 5000; // without an answer to what is asked for at a stream's end
const ROOT = new URL(window.gradio_config?.root || ".", location.href).pathname.replace(/\/$/, "");
let talk = empty();
let source = null; // the stream that is being read
let following = ""; // its token, until the conversation is settled

function empty() {
  return { hello: null, offer: null, share: null, held: null, tree: null, forgotten: 0, refusal: null, stream: "", load: [], turns: [] };
}

function read(lines) {
  for (const line of lines.split("\n")) {
    if (!line) continue;
    const { hello, by, chat, forgotten, turn, prompt, text, say, refusal, as, stream, load, held, ...rest } = JSON.parse(line);
    const last = talk.turns[talk.turns.length - 1];
    if (turn !== undefined) talk.turns.push({ turn, prompt, chat, held, text: "", status: null, notice: null, fault: null, mark: null, foot: null });
    else if (text !== undefined) [last.text, last.status] = [last.text + text, null];
    else if (say !== undefined) [last.status, last[as]] = [null, say];
    else if (hello !== undefined) talk.hello = { hello, by, chat };
    else if (forgotten !== undefined) talk.forgotten = forgotten;
    else if (refusal !== undefined) talk.refusal = refusal;
    else if (stream !== undefined) talk.stream = stream;
    else if (load !== undefined) talk.load = load;
    else if (held !== undefined) talk.held = { cells: held, of: rest.of };
    else if (rest.tree !== undefined) talk.tree = rest;
    else if (rest.link !== undefined) talk.offer = { prompts: rest.link, facts: rest.facts, warning: rest.warning };
    else if (rest.share !== undefined) talk.share = { query: rest.share, at: rest.at };
  }
}

function make(tag, name, parent) {
  const node = document.createElement(tag);
  node.className = name;
  parent.append(node);
  return node;
}

// One paragraph of a kind, there only while it has something to say.
function paragraph(parent, name, text) {
  let node = parent.querySelector(`:scope > .${name}`);
  if (!text) return node && node.remove();
  node = node || make("p", name, parent);
  if (node.textContent !== text) node.textContent = text;
}

function grow(reply, text) {
  const old = reply.dataset.length | 0;
  if (old > text.length || reply.written !== text.slice(0, old)) reply.replaceChildren();
  const from = reply.childNodes.length ? old : 0;
  let rest = text.slice(from);
  while (rest) {
    let block = reply.lastElementChild;
    if (!block || (block.textContent.length >= BLOCK && block.textContent.endsWith("\n"))) {
      block = make("span", reply.childNodes.length ? "block" : "", reply);
    }
    const room = Math.max(0, BLOCK - 1 - block.textContent.length);
    const end = rest.indexOf("\n", room);
    const piece = end < 0 ? rest : rest.slice(0, end + 1);
    block.append(piece);
    rest = rest.slice(piece.length);
  }
  reply.written = text;
  reply.dataset.length = text.length;
}

function showTurn(turn, before) {
  let node = log.querySelector(`:scope > [data-turn="${turn.turn}"]`);
  if (!node) {
    node = make("article", "turn", log);
    node.dataset.turn = turn.turn;
    const text = make("div", "text", node);
    text.lang = ""; // whatever the model has read, not the page's
    make("span", "prompt", text);
    make("span", "reply", text);
  }
  const [prompt, reply] = node.firstElementChild.children;
  if (lens.name === "plain" || !showThroughLens(turn, node)) {
    if (prompt.textContent !== turn.prompt) prompt.textContent = turn.prompt;
    grow(reply, turn.text);
  }
  node.classList.toggle("writing", !turn.foot);
  node.classList.toggle("chat", Boolean(turn.chat));
  for (const kind of ["status", "notice", "fault", "mark", "foot"]) paragraph(node, kind, render(turn[kind], kind === "foot" ? " · " : " "));
  return node;
}

function show() {
  follow(showTalk);
  enable();
  showShare(talk.share);
  showPlace();
  showBranches();
  showHand();
  const [load, told] = [document.querySelector("#load p"), render(talk.load, " · ")];
  if (load && !second && load.textContent !== told) load.textContent = told;
  if (lens.name !== "plain") pump();
}

// Changes the text, and stays at its end if the reader was there.
function follow(change) {
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (follows && talk.turns.length) log.scrollTop = log.scrollHeight;
}

function showTalk() {
  const kept = new Set(talk.turns.map((turn) => String(turn.turn)));
  for (const node of [...log.querySelectorAll(":scope > article")]) if (!kept.has(node.dataset.turn)) node.remove();
  for (const number of [...lens.notes.keys()]) if (number !== OWN && !kept.has(String(number))) forget(number);
  paragraph(log, "forgotten", talk.forgotten && t("page.older", { count: talk.forgotten }));
  showHello();
  showOffer(talk.offer);
  for (const turn of talk.turns) showTurn(turn);
  paragraph(log, "refusal", "");
  paragraph(log, "refusal", render(talk.refusal));
  const last = talk.turns[talk.turns.length - 1];
  log.setAttribute("aria-busy", String(Boolean(last && !last.foot)));
}

// The buttons that can be pressed, by the classes that they have in layout.py. A second view has a part in them.
const views = (window.charLSTMViews = window.charLSTMViews || new Map());
views.set(second ? 2 : 1, { element, now: () => talk });
function enable() {
  const talks = [...views.values()].filter((view) => view.element.isConnected).map((view) => view.now());
  const [busy, begun] = [talks.some((each) => each.stream), talks[0].turns.length > 0];
  const anything = begun || talks.some((each) => each.turns.length || each.refusal);
  const able = { "if-idle": !busy, "if-busy": busy, "if-turns": begun && !busy, "if-anything": anything && !busy };
  for (const [name, on] of Object.entries(able)) {
    for (const button of document.querySelectorAll(`button.${name}`)) button.disabled = !on;
  }
}

function showHello() {
  let node = log.querySelector(":scope > .hello");
  if (!talk.hello) return node && node.remove();
  if (!node) {
    node = make("div", "hello", log);
    make("p", "lead", node);
    make("div", "text", node).lang = "";
    make("p", "hint", node);
  }
  const [lead, text, hint] = node.children;
  lead.textContent = talk.hello.hello ? t("page.hello") : "";
  text.textContent = talk.hello.hello;
  hint.textContent = t(talk.hello.chat ? "page.chat_hint" : "page.hint");
}

function listen() {
  if (talk.stream === following) return;
  if (source) source.close();
  source = null;
  following = talk.stream;
  if (!following) return;
  source = new EventSource(`${ROOT}/stream/${following}`);
  source.onmessage = (message) => {
    read(message.data);
    if (talk.turns[talk.turns.length - 1].foot) settle();
    show();
  };
  source.onerror = settle;
}

// The stream has ended or broke: a second attempt would find its token used.
function settle() {
  const ended = following;
  source.close();
  trigger("settle", { stream: ended });
  setTimeout(() => {
    if (following !== ended) return;
    const last = talk.turns[talk.turns.length - 1];
    last.foot = last.foot || [{ id: "ending.disconnected" }];
    talk.stream = following = "";
    talk.load = [];
    show();
  }, PATIENCE_MS);
}

function update() {
  const value = props.value || "";
  const reads = source && source.readyState !== EventSource.CLOSED;
  // Answers from before, that took longer.
  if (reads && !value.includes('{"stream":')) return;
  if (talk.turns.length && value.startsWith('{"greet":')) return;
  talk = empty();
  read(value);
  listen();
  show();
}

watch("value", update);
startLenses();
startRewind();
startBranches();
if (!second) askNews("");
startHand();
translate(element);
onLanguage(() => {
  translate(element);
  for (const box of element.querySelectorAll(".branches, .hand")) box.told = box.shown = "";
  choose(lens.name);
  namePage(100);
});
update();

// Gradio calls the slider Temperature "range slider for Temperature"; its name is what stands above it.
function namePage(tries) {
  document.documentElement.style.setProperty("--try", JSON.stringify(t("page.try")));
  const [sliders, numbers] = ["range slider for ", "number input for "].map((before) =>
    [...document.querySelectorAll(`input[aria-label^="${before}"]`)].map((input) => [input, input.ariaLabel.slice(before.length)]),
  );
  for (const [slider, name] of sliders) slider.ariaLabel = name;
  for (const [number, name] of numbers) number.ariaLabel = t("page.number_input", { name });
  if (!sliders.length && tries) setTimeout(namePage, 50, tries - 1);
}

namePage(100);
