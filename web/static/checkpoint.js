// A model's three files: fetched, verified, kept for a day without a network. Read strictly, as model/checkpoint/checkpoint.py
// does: all is compared with what the config promises before it is believed.

const NAMES = ["config.json", "manifest.json", "model.safetensors"];
const WEIGHTS = NAMES[2];
const FIELDS = ["format_version", "model_type", "embedding_size", "hidden_size", "num_layers", "vocab", "training"];
const MOST = { embedding_size: 8192, hidden_size: 8192, num_layers: 32 };
const MAX_PARAMETERS = 500_000_000;
const MAX_HEADER = 1 << 20;
const MAX_WEIGHT = 1e6; // trained weights stay below a hundred
const BYTES = { F32: 4, BF16: 2, F16: 2 };

export class ModelError extends Error {}

// Where a model lies: beside the page; or, for user/name@revision, on the Hub at the commit that the revision means.
export async function locate(model, hub) {
  if (!model) return { base: new URL(".", import.meta.url).href, name: "", commit: "", fixed: false };
  const found = /^([\w.-]+\/[\w.-]+)(?:@([\w./-]+))?$/.exec(model);
  if (!found) throw new ModelError(`model is ${model.slice(0, 100)}: write user/name, or user/name@ and a commit`);
  const [, name, revision = "main"] = found;
  let commit = revision;
  if (!/^[0-9a-f]{40}$/.test(revision)) {
    const about = `${hub}/api/models/${name}/revision/${encodeURIComponent(revision)}`;
    commit = JSON.parse(text(await download(about, `${name} at ${revision}`))).sha;
    if (!/^[0-9a-f]{40}$/.test(commit)) throw new ModelError(`${name}: the Hub names no commit of ${revision}`);
  }
  return { base: `${hub}/${name}/resolve/${commit}/`, name, commit, fixed: true };
}

// Fetches and checks a model: {sizes, vocab, training, tensors, verified}. progress is told what part has come.
export async function load({ base, name, fixed }, progress) {
  const url = (file) => new URL(file, base).href;
  const small = NAMES.slice(0, 2).map((file) => fetchKept(url(file), file, name, fixed));
  const [configBytes, manifestBytes] = await Promise.all(small);
  const { sha256 } = json(NAMES[1], manifestBytes);
  if (typeof sha256 !== "object" || !NAMES.every((file) => file === NAMES[1] || typeof sha256?.[file] === "string")) {
    throw new ModelError("manifest.json does not list config.json and model.safetensors with their SHA-256");
  }
  await verify(NAMES[0], configBytes, sha256);
  const config = checkConfig(json(NAMES[0], configBytes));
  const most = 8 + MAX_HEADER + 4 * config.parameters; // no file of this network can be larger
  const key = `${url(WEIGHTS)}?sha256=${sha256[WEIGHTS]}`;
  let [bytes, verified] = [await kept(key), false];
  if (bytes) verified = await verify(WEIGHTS, bytes, sha256).catch(() => false); // damaged on this disk: fetched anew
  const fresh = !verified;
  if (fresh) bytes = await download(url(WEIGHTS), name || WEIGHTS, most, progress);
  const tensors = parseWeights(bytes, config.shapes);
  if (fresh) verified = await verify(WEIGHTS, bytes, sha256);
  if (fresh && verified) await keep(key, bytes, url(WEIGHTS));
  return { ...config, tensors, verified };
}

async function verify(file, bytes, sha256) {
  if (!globalThis.crypto?.subtle) return false; // only over https and on localhost is there any
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex === sha256[file]) return true;
  throw new ModelError(`${file} is not the file that manifest.json describes (SHA-256): damaged or changed`);
}

function json(file, bytes) {
  try {
    const value = JSON.parse(text(bytes));
    if (value && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {}
  throw new ModelError(`${file} is not a JSON object`);
}

function text(bytes) {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

export function checkConfig(config) {
  const wrong = (what) => new ModelError(`config.json: ${what}`);
  if (config.model_type !== "char-lstm") throw wrong(`model_type is ${config.model_type}, not char-lstm`);
  if (config.format_version !== 1) throw wrong(`format_version is ${config.format_version}: it must be 1`);
  const [lacks] = FIELDS.filter((name) => !(name in config));
  const [extra] = Object.keys(config).filter((name) => !FIELDS.includes(name) && name !== "chat");
  if (lacks || extra) throw wrong(lacks ? `the field ${lacks} is missing` : `there is an unknown field ${extra}`);
  for (const [name, most] of Object.entries(MOST)) {
    if (Number.isInteger(config[name]) && config[name] >= 1 && config[name] <= most) continue;
    throw wrong(`${name} is ${config[name]}: it must be a whole number from 1 to ${most}`);
  }
  const { embedding_size: embedding, hidden_size: hidden, num_layers: layers, vocab, training } = config;
  const single = (entry) => typeof entry === "string" && [...entry].length === 1 && !/^[\ud800-\udfff]$/.test(entry);
  if (!Array.isArray(vocab) || !vocab.length || !vocab.every(single) || new Set(vocab).size < vocab.length) {
    throw wrong("vocab must be a list of distinct characters");
  }
  if (!training || typeof training !== "object") throw wrong("training must be an object");
  const chat = config.chat ?? null;
  if (chat && !(chat.stop && ["prefix", "suffix", "stop"].every((name) => typeof chat[name] === "string"))) {
    throw wrong("chat must be an object of prefix, suffix and stop, which is not empty");
  }
  const shapes = { "embedding.weight": [vocab.length, embedding] };
  for (let layer = 0; layer < layers; layer++) {
    shapes[`lstm.weight_ih_l${layer}`] = [4 * hidden, layer ? hidden : embedding];
    shapes[`lstm.weight_hh_l${layer}`] = [4 * hidden, hidden];
    shapes[`lstm.bias_ih_l${layer}`] = shapes[`lstm.bias_hh_l${layer}`] = [4 * hidden];
  }
  shapes["output.weight"] = [vocab.length, hidden];
  shapes["output.bias"] = [vocab.length];
  const parameters = Object.values(shapes).reduce((total, shape) => total + count(shape), 0);
  if (parameters > MAX_PARAMETERS) throw wrong(`its sizes make ${parameters} parameters: too many for a browser`);
  return { sizes: { vocab: vocab.length, embedding, hidden, layers }, vocab, chat, training, shapes, parameters };
}

function count(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

// Reads model.safetensors: 8 bytes of length, a header in JSON, the tensors one after the other.
export function parseWeights(bytes, shapes) {
  const wrong = (what) => new ModelError(`${WEIGHTS} ${what}`);
  const start = String.fromCharCode(...bytes.subarray(0, 64)).trimStart().toLowerCase();
  if (start.startsWith("version https://git-lfs")) throw wrong("is a Git LFS pointer: the file itself is not there");
  if (/^<(!doctype|html)/.test(start)) throw wrong("is a web page: the file itself is not there");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length < 10 ? Infinity : Number(view.getBigUint64(0, true));
  if (size > MAX_HEADER || size > bytes.length - 8) throw wrong("is cut or damaged: its header is not whole");
  const header = json(`the header of ${WEIGHTS}`, bytes.subarray(8, 8 + size));
  delete header.__metadata__;
  const [lacks] = Object.keys(shapes).filter((name) => !(name in header));
  const [extra] = Object.keys(header).filter((name) => !(name in shapes));
  if (lacks || extra) throw wrong(lacks ? `lacks the tensor ${lacks}` : `has an unknown tensor ${extra}`);
  const tensors = {};
  let end = 0;
  const place = (entry) => (Array.isArray(entry?.data_offsets) ? entry.data_offsets : []);
  const entries = Object.entries(header).map(([name, entry]) => [name, entry ?? {}, place(entry)]);
  for (const [name, { dtype, shape }, [from, to]] of entries.sort((a, b) => a[2][0] - b[2][0])) {
    if (JSON.stringify(shape) !== JSON.stringify(shapes[name])) {
      throw wrong(`has ${name} of shape ${JSON.stringify(shape)}; config.json says ${JSON.stringify(shapes[name])}`);
    }
    if (!(dtype in BYTES)) throw wrong(`has ${name} of dtype ${dtype}, not F32, BF16 or F16`);
    if (from !== end || to !== from + count(shape) * BYTES[dtype]) throw wrong(`is damaged: the place of ${name}`);
    end = to;
    if (8 + size + end > bytes.length) throw wrong("is cut");
    tensors[name] = widen(bytes.slice(8 + size + from, 8 + size + to).buffer, dtype);
    const large = tensors[name].find((weight) => !(Math.abs(weight) <= MAX_WEIGHT));
    if (large !== undefined) throw wrong(`holds ${large} in ${name}`);
  }
  if (8 + size + end !== bytes.length) throw wrong("has something behind its end");
  return tensors;
}

// The float32 that each stored number is, exactly.
function widen(buffer, dtype) {
  if (dtype === "F32") return new Float32Array(buffer);
  const stored = new Uint16Array(buffer);
  const wide = new Float32Array(stored.length);
  const bits = new Uint32Array(wide.buffer);
  for (let i = 0; i < stored.length; i++) {
    if (dtype === "BF16") bits[i] = stored[i] << 16;
    else wide[i] = half(stored[i]);
  }
  return wide;
}

function half(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const whole = exponent ? 1024 + fraction : fraction; // times 2^(exponent - 25), the least exponent being 1
  const shift = Math.max(exponent, 1) - 25;
  const size = shift > 0 ? whole * (1 << shift) : whole / (1 << -shift);
  return (bits >> 15 ? -1 : 1) * (exponent === 31 ? (fraction ? NaN : Infinity) : size);
}

// The bytes at an address; no more than most of them.
async function download(url, name, most = 16 << 20, progress = () => {}) {
  let response;
  try {
    response = await fetch(url, { cache: "no-cache", referrerPolicy: "no-referrer" });
  } catch {
    throw new ModelError(`${name} could not be fetched: is there a network?`);
  }
  if (response.status === 404 || response.status === 401) {
    throw new ModelError(`${name}: there is no ${url.split("/").pop()}, or it may not be read without logging in`);
  }
  if (!response.ok) throw new ModelError(`${name} could not be fetched: the server answered ${response.status}`);
  const expected = Number(response.headers.get("content-length"));
  const [pieces, reader] = [[], response.body.getReader()];
  let length = 0;
  for (let read; !(read = await reader.read().catch(() => ({ cut: true }))).done; ) {
    if (read.cut) throw new ModelError(`${name} could not be fetched whole: try again`);
    pieces.push(read.value);
    length += read.value.length;
    if (length > most) throw new ModelError(`${url.split("/").pop()} is larger than the ${most} bytes it can need`);
    if (expected) progress(Math.min(1, length / expected));
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) bytes.set(piece, (at += piece.length) - piece.length);
  return bytes;
}

// A small file: what stands at a commit is fetched once; else the network's, and without one what was kept.
async function fetchKept(url, file, name, fixed) {
  const found = fixed && (await kept(url));
  if (found) return found;
  try {
    const bytes = await download(url, name || file);
    await keep(url, bytes);
    return bytes;
  } catch (error) {
    const old = await kept(url);
    if (old) return old;
    throw error;
  }
}

// The browser's own store. It may be missing, full or forbidden: then everything is fetched each time.
async function kept(key) {
  try {
    const found = await (await caches.open("char-lstm-models")).match(key);
    return found && new Uint8Array(await found.arrayBuffer());
  } catch {}
}

async function keep(key, bytes, url = key) {
  try {
    const cache = await caches.open("char-lstm-models");
    for (const old of await cache.keys()) if (old.url.split("?")[0] === url && old.url !== key) await cache.delete(old);
    await cache.put(key, new Response(bytes));
  } catch {}
}
