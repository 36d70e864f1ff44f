// Publishes a model on the Hub: a repo with its files and a card, then, if wanted, a static Space that writes with it.
// Each repo gets one commit, so it never has half of a model; publishing again after a fault uploads only what is missing.

import { Refusal } from "../../engines/refusal.js";
import {
  createRepo,
  HubApiError,
  listFiles,
  modelInfo,
  spaceInfo,
  uploadFilesWithProgress,
  whoAmI,
} from "../../vendor/huggingface_hub.js";
import { modelCard, publishedFiles, spaceCard } from "./card.js";
import { refusalOf } from "./refusals.js";
import { pageFiles } from "./space.js";

const TITLE = "Upload from the browser";
const PATIENCE_MS = 60_000; // without an answer of the Hub, or a part that was sent
const NAME = /^[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9])?$/;
// A repo may be replaced if it is empty, or if it has the file that every model, or every page, of this project has.
const INITIAL = [".gitattributes", "README.md"];
const OWN = { model: "manifest.json", space: "offline.js" };

/**
 * @import { Message } from "../../engines/engine.js"
 * @import { About, Files } from "./card.js"
 * @import { Preview } from "./space.js"
 * @typedef {"model" | "space"} Kind
 * @typedef {{id: "publish.checks" | "publish.creates" | "publish.sends", repo: string, part: number}} Progress the part
 *   is 0 to 1
 * @typedef {{report: (progress: Progress) => void, signal: AbortSignal, alive: () => void}} Watch `alive` is called when the
 *   Hub has answered
 *
 * @typedef {object} Wanted
 * @property {string} token of the Hub
 * @property {string} repo name, or user/name
 * @property {Files} files of the model
 * @property {About} card
 * @property {boolean} isPrivate
 * @property {string} space name, or user/name; "" for none
 * @property {() => Promise<?Preview>} preview draws what chats show for the address of the Space
 * @property {string} hub its address
 * @property {string} home the address of the folder of the page
 */

/**
 * Publishes a model.
 * @param {Wanted} wanted
 * @param {(progress: Progress) => void} report
 * @param {AbortController} controller its abort ends the publishing at once: nothing more is sent. It is aborted here when
 *   the Hub is silent for too long
 * @returns {Promise<{model: string, space: string, fault: ?Message}>} the addresses of what is on the Hub, "" where there is
 *   none; and why the Space is not, if the model is
 * @throws {Refusal} the model is not published; nothing is lost: publishing again continues
 */
export async function publish(wanted, report, controller = new AbortController()) {
  const { signal } = controller;
  const done = { model: "", space: "", fault: null };
  let timer = 0;
  const alive = () => {
    clearTimeout(timer);
    timer = +setTimeout(() => controller.abort(new Refusal({ id: "publish.silent" })), PATIENCE_MS);
  };
  const aborted = new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  try {
    signal.throwIfAborted();
    alive();
    await Promise.race([aborted, sendAll(wanted, { report, signal, alive }, done)]);
  } catch (error) {
    const reason = signal.aborted ? signal.reason : error;
    if (!done.model || !(reason instanceof Refusal)) throw reason;
    done.fault = reason.reason;
  } finally {
    clearTimeout(timer);
  }
  return done;
}

/**
 * @param {Wanted} wanted
 * @param {Watch} watch
 * @param {{model: string, space: string}} done gets the addresses of what is published
 */
async function sendAll({ token, files, card, isPrivate, hub, home, preview, ...names }, watch, done) {
  if (!/^hf_\w+$/.test(token)) throw new Refusal({ id: "publish.token_form" });
  watch.report({ id: "publish.checks", repo: names.repo, part: 0 });
  const request = async (address, options) => {
    watch.alive();
    return fetch(address, { ...options, signal: watch.signal }).finally(watch.alive);
  };
  const access = { accessToken: token, hubUrl: hub, fetch: request };
  const user = await asRefusal(() => nameOfUser(access), "");
  const [repo, space] = [fullName(names.repo, user), names.space && fullName(names.space, user)];
  const pageOf = async () => pageFiles(home, card.title, await preview(), request);
  const page = space ? await asRefusal(pageOf, space) : {}; // before anything is created
  const send = (kind, name, contents) =>
    asRefusal(() => sendFiles(kind, name, contents, { access, isPrivate, watch }), name);
  const published = await publishedFiles(files, card, repo);
  await send("model", repo, { "README.md": modelCard(published, card, { repo, space, hub }), ...published });
  done.model = `${hub}/${repo}`;
  if (!space) return;
  await send("space", space, { ...page, "README.md": spaceCard(card, repo), ...published });
  done.space = `${hub}/spaces/${space}`;
}

async function asRefusal(act, repo) {
  try {
    return await act();
  } catch (error) {
    throw refusalOf(error, repo);
  }
}

async function nameOfUser(access) {
  const { name, auth } = await whoAmI(access);
  if (auth?.accessToken?.role === "read") throw new Refusal({ id: "publish.read_only", values: { name } });
  return name;
}

function fullName(typed, user) {
  const [owner, name, more] = typed.includes("/") ? typed.split("/") : [user, typed];
  if (more === undefined && [owner, name].every((part) => NAME.test(part) && !/--|\.\./.test(part)))
    return `${owner}/${name}`;
  throw new Refusal({ id: "publish.name", values: { name: typed } });
}

/**
 * @param {Kind} kind
 * @param {string} name
 * @param {Record<string, Uint8Array<ArrayBuffer> | Blob | string>} contents
 * @param {{access: {accessToken: string, hubUrl: string, fetch: typeof fetch}, isPrivate: boolean, watch: Watch}} options
 */
async function sendFiles(kind, name, contents, { access, isPrivate, watch }) {
  watch.report({ id: "publish.creates", repo: name, part: 0 });
  const repo = { type: kind, name };
  try {
    await createRepo({ ...access, repo, private: isPrivate, ...(kind === "space" ? { sdk: "static" } : {}) });
  } catch (error) {
    if (!(error instanceof HubApiError) || error.statusCode !== 409) throw error;
    await checkExisting(kind, name, access, isPrivate);
  }
  const files = Object.entries(contents).map(([path, content]) => ({ path, content: new Blob([content]) }));
  const parts = new Map(files.map(({ path, content }) => [path, { size: content.size, done: 0 }]));
  const total = files.reduce((sum, { content }) => sum + content.size, 0);
  const upload = { ...access, repo, files, commitTitle: TITLE, abortSignal: watch.signal };
  for await (const event of uploadFilesWithProgress(upload)) {
    watch.alive();
    if (event.event === "fileProgress" && event.state === "uploading") parts.get(event.path).done = event.progress;
    const sent = [...parts.values()].reduce((sum, { size, done }) => sum + size * done, 0);
    watch.report({ id: "publish.sends", repo: name, part: sent / total });
  }
  watch.report({ id: "publish.sends", repo: name, part: 1 });
}

// Checks that an existing repo may be replaced, and that it is private if the visitor wants that.
async function checkExisting(kind, name, access, isPrivate) {
  const paths = [];
  for await (const { path } of listFiles({ ...access, repo: { type: kind, name } })) paths.push(path);
  const isOwn = paths.includes(OWN[kind]) || paths.every((path) => INITIAL.includes(path));
  if (!isOwn) throw new Refusal({ id: "publish.taken", values: { repo: name } });
  const found = await (kind === "model" ? modelInfo : spaceInfo)({ ...access, name });
  if (isPrivate && !found.private) throw new Refusal({ id: "publish.is_public", values: { repo: name } });
}
