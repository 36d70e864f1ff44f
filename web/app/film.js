// The film of a training. The value is a line of JSON that names the model; a question to the server (film.py) tells
// whether there is a film, and the rest is asked for when it is opened, a frame when it is looked at. All text goes
// into the page as textContent.
const ROOT = new URL(window.gradio_config?.root || ".", location.href).pathname.replace(/\/$/, "");
const DWELL_MS = 900; // a frame of the film
const RESTS_MS = 120; // a hand on the slider asks for where it rests
const BUSY_MS = 1500;
const box = element.querySelector(".film");
const [prompt, seed, slider] = [".prompt", ".seed", "[type=range]"].map((name) => box.querySelector(name));
const [play, curve, dot, now, text, fault] = ["button", ".curve", ".dot", ".now", ".text", ".fault"].map((name) => box.querySelector(name));
const film = { model: "", frames: [], best: null, texts: new Map(), playing: 0, plays: false, asked: 0, opened: false, timer: 0 };

async function ask(question) {
  try {
    const body = JSON.stringify({ model: film.model, ...question });
    const headers = { "content-type": "application/json" };
    return await (await fetch(`${ROOT}/film`, { method: "POST", headers, body })).json();
  } catch {
    return { refusal: { id: "fault.connection" } };
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Another model, or another commit of it: is there a film?
async function offer() {
  const { model } = JSON.parse(props.value || "{}");
  stop();
  [film.model, film.opened, film.frames] = [model, false, []];
  const answer = model ? await ask({}) : {};
  if (model !== film.model) return;
  box.hidden = !answer.film;
  if (answer.film && box.open) open();
}

async function open() {
  if (film.opened) return;
  film.opened = true;
  const [model, answer] = [film.model, await ask({ film: true })];
  if (model !== film.model) return;
  say(answer.refusal);
  if (answer.refusal) return (film.opened = false);
  Object.assign(film, answer);
  film.texts.clear();
  [prompt.value, seed.value, slider.max, slider.value] = [answer.prompt, answer.seed, film.frames.length - 1, 0];
  draw();
  show();
}

function say(what) {
  fault.textContent = render(what);
}

// The curve, in hundredths of its box: steps to the right, losses upwards.
function draw() {
  const losses = film.curve.map(([, loss]) => loss);
  const last = Math.max(film.frames[film.frames.length - 1][0], ...film.curve.map(([step]) => step));
  const [most, least, steps] = [Math.max(...losses), Math.min(...losses), last];
  film.x = (step) => (100 * step) / (last || 1);
  film.y = (loss) => 95 - (90 * (loss - least)) / (most - least || 1);
  const svg = curve.querySelector("svg");
  svg.replaceChildren();
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", film.curve.map(([step, loss]) => `${film.x(step)},${film.y(loss)}`).join(" "));
  svg.append(line);
  curve.querySelector(".most").textContent = losses.length ? t("timeline.nats", { loss: number(most, 2) }) : "";
  curve.querySelector(".least").textContent = losses.length ? number(least, 2) : "";
  curve.querySelector(".last").textContent = t("timeline.last_step", { step: steps });
  curve.ariaLabel = losses.length
    ? t("timeline.curve", { steps, first: number(losses[0], 2), best: number(least, 2) })
    : t("timeline.no_losses");
}

// The frame that the slider is at, with its text. Returns whether there is one.
function show() {
  place(Number(slider.value));
  return write(Number(slider.value));
}

// Where a frame is on the curve, and what is known of it.
function place(at) {
  const [step, loss] = film.frames[at];
  const height = loss ?? heightAt(step);
  dot.hidden = height === null;
  if (height !== null) [dot.style.left, dot.style.top] = [`${film.x(step)}%`, `${film.y(height)}%`];
  const facts = [t("timeline.step", { step })];
  if (loss !== null) facts.push(t("timeline.loss", { loss: number(loss, 3) }));
  if (at === film.best) facts.push(t("timeline.best"));
  now.textContent = slider.ariaValueText = facts.join(" · ");
}

// The loss of the look before a step that was not looked at.
function heightAt(step) {
  const before = film.curve.filter(([each]) => each <= step).pop();
  return before ? before[1] : null;
}

async function write(at) {
  const asked = ++film.asked;
  text.ariaBusy = "true";
  const answer = await frame(at);
  if (asked !== film.asked) return false;
  text.ariaBusy = "false";
  say(answer.refusal);
  text.children[0].textContent = answer.refusal ? "" : prompt.value;
  text.children[1].textContent = answer.text || "";
  return !answer.refusal;
}

async function frame(at) {
  const question = { step: film.frames[at][0], prompt: prompt.value, seed: Number(seed.value) };
  const key = JSON.stringify([film.model, question]);
  if (!film.texts.has(key)) {
    const answer = patiently(question);
    film.texts.set(key, answer);
    answer.then(({ refusal }) => refusal && film.texts.delete(key));
  }
  return film.texts.get(key);
}

// Many may watch at once: then one waits for a moment.
async function patiently(question) {
  for (let tries = 1; ; tries++) {
    const answer = await ask(question);
    if (!answer.busy || tries === 5) return answer;
    await pause(BUSY_MS);
  }
}

async function run() {
  const turn = ++film.playing;
  [film.plays, play.textContent] = [true, t("timeline.pause")];
  const last = film.frames.length - 1;
  if (Number(slider.value) === last) slider.value = 0;
  for (;;) {
    const at = Number(slider.value);
    const next = at < last ? frame(at + 1) : null; // made while this one is looked at
    const [shown] = await Promise.all([show(), pause(DWELL_MS)]);
    if (turn !== film.playing) return;
    if (!shown || at >= last) return stop();
    await next;
    if (turn !== film.playing) return;
    if (Number(slider.value) === at) slider.value = at + 1; // unless a hand has moved it
  }
}

function stop() {
  film.playing++;
  [film.plays, play.textContent] = [false, t("timeline.play")];
}

play.addEventListener("click", () => (film.plays ? stop() : film.frames.length && run()));
slider.addEventListener("input", () => {
  stop();
  clearTimeout(film.timer);
  if (!film.frames.length) return;
  film.asked++;
  place(Number(slider.value));
  film.timer = setTimeout(show, RESTS_MS);
});
for (const input of [prompt, seed]) {
  input.addEventListener("change", () => film.frames.length && show());
}
curve.addEventListener("click", (event) => {
  if (!film.frames.length) return;
  const { left, width } = curve.getBoundingClientRect();
  const step = (100 * (event.clientX - left)) / width;
  const apart = film.frames.map(([each]) => Math.abs(film.x(each) - step));
  stop();
  slider.value = apart.indexOf(Math.min(...apart));
  show();
});
box.addEventListener("toggle", () => (box.open ? open() : stop()));
translate(element);
onLanguage(() => {
  stop();
  translate(element);
  if (film.frames.length) [draw(), show()];
});
watch("value", offer);
offer();
