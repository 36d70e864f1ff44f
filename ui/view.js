// Runs once when the view is mounted. The value is a text of JSON lines (see conversation.py), which mostly grows
// at its end. All text goes into the page as textContent: whatever a model writes stays text.
const log = element.querySelector(".talk");
const BLOCK = 1000; // characters after which a line end closes a block: layout then looks at the last block only
document.getElementById("early")?.remove(); // see first_paint.py
let value = "";
let talk = null;

function empty() {
  return { hello: null, forgotten: 0, refusal: "", turns: [] };
}

function read(lines) {
  for (const line of lines.split("\n")) {
    if (!line) continue;
    const { hello, by, forgotten, turn, prompt, text, say, refusal, as } = JSON.parse(line);
    const last = talk.turns[talk.turns.length - 1];
    if (turn !== undefined) talk.turns.push({ turn, prompt, text: "", status: "", notice: "", fault: "", foot: "" });
    else if (text !== undefined) [last.text, last.status] = [last.text + text, ""];
    else if (say !== undefined) [last.status, last[as]] = ["", say];
    else if (hello !== undefined) talk.hello = { hello, by };
    else if (forgotten !== undefined) talk.forgotten = forgotten;
    else if (refusal !== undefined) talk.refusal = refusal;
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
    make("span", "prompt", text);
    make("span", "reply", text);
  }
  const [prompt, reply] = node.firstElementChild.children;
  if (prompt.textContent !== turn.prompt) prompt.textContent = turn.prompt;
  grow(reply, turn.text);
  node.classList.toggle("writing", !turn.foot);
  for (const kind of ["status", "notice", "fault", "foot"]) paragraph(node, kind, turn[kind]);
  return node;
}

function show() {
  const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const kept = new Set(talk.turns.map((turn) => String(turn.turn)));
  for (const node of [...log.querySelectorAll(":scope > article")]) if (!kept.has(node.dataset.turn)) node.remove();
  paragraph(log, "forgotten", talk.forgotten && `${talk.forgotten} earlier turns are not shown; the memory of them stays.`);
  showHello();
  for (const turn of talk.turns) showTurn(turn);
  paragraph(log, "refusal", "");
  paragraph(log, "refusal", talk.refusal);
  const last = talk.turns[talk.turns.length - 1];
  log.setAttribute("aria-busy", String(Boolean(last && !last.foot)));
  if (follow && talk.turns.length) log.scrollTop = log.scrollHeight;
}

function showHello() {
  let node = log.querySelector(":scope > .hello");
  if (!talk.hello) return node && node.remove();
  if (!node) {
    node = make("div", "hello", log);
    make("p", "lead", node);
    make("div", "text", node);
    make("p", "hint", node);
  }
  const [lead, text, hint] = node.children;
  lead.textContent = talk.hello.hello ? "This it wrote by itself, from an empty memory:" : "";
  text.textContent = talk.hello.hello;
  hint.textContent = "Give it a beginning and it goes on from there. Or send nothing, and let it choose.";
}

function update() {
  const next = props.value || "";
  if (talk && next.startsWith(value)) read(next.slice(value.length));
  else {
    talk = empty();
    read(next);
  }
  value = next;
  show();
}

watch("value", update);
update();

// Gradio calls the slider Temperature "range slider for Temperature"; its name is what stands above it.
function nameSliders(tries) {
  const sliders = document.querySelectorAll('input[type="range"][aria-label^="range slider for "]');
  for (const slider of sliders) slider.ariaLabel = slider.ariaLabel.replace("range slider for ", "");
  if (!sliders.length && tries) setTimeout(nameSliders, 50, tries - 1);
}

nameSliders(100);
