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
import { modelCard, notebook, publishedFiles, spaceCard } from "./card.js";
import { pageFile, pageFiles } from "./space.js";

const TITLE = "Upload from the browser";
const PLAIN = "learn/hub/plain_torch.json"; // written by training/card/notebook.py
const NAME = /^[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9])?$/;
// A repo may be replaced if it is empty, or if it has the file that every model, or every page, of this project has.
const INITIAL = [".gitattributes", "README.md"];
const OWN = { model: "manifest.json", space: "offline.js" };

/**
 * @import { Message } from "../../engines/engine.js"
 * @import { About, Files } from "./card.js"
 * @typedef {{id: "publish.checks" | "publish.creates" | "publish.sends", repo: string, part: number}} Progress the part
 *   is 0 to 1
 *
 * @typedef {object} Wanted
 * @property {string} token of the Hub
 * @property {string} repo name, or user/name
 * @property {Files} files of the model
 * @property {About} card
 * @property {boolean} isPrivate
 * @property {string} space name, or user/name; "" for none
 * @property {() => Promise<string>} firstWords returns what chats show for the address of the Space
 * @property {string} hub its address
 */

/**
 * Publishes a model.
 * @param {Wanted} wanted
 * @param {(progress: Progress) => void} report
 * @param {AbortSignal} signal ends the publishing: nothing more is sent
 * @returns {Promise<{model: string, space: string, fault: ?Message}>} the addresses of what is on the Hub, "" where there is
 *   none; and why the Space is not, if the model is
 * @throws {Refusal} the model is not published; nothing is lost: publishing again continues
 */
export async function publish(wanted, report, signal) {
  const done = { model: "", space: "", fault: null };
  let { repo } = wanted;
  const advance = (/** @type {Progress} */ progress) => {
    repo = progress.repo;
    report(progress);
  };
  try {
    await sendAll(wanted, { report: advance, signal }, done);
  } catch (error) {
    const reason = signal.aborted ? signal.reason : refusalOf(error, repo);
    if (!done.model || !(reason instanceof Refusal)) throw reason;
    done.fault = reason.reason;
  }
  return done;
}

// Sends the model, then the Space; `done` gets the addresses of what is published.
/** @param {Wanted} wanted */
async function sendAll({ token, files, card, isPrivate, hub, firstWords, ...names }, watch, done) {
  if (!/^hf_\w+$/.test(token)) throw new Refusal({ id: "publish.token_form" });
  const request = async (address, options) => fetch(address, { ...options, signal: watch.signal });
  const access = { accessToken: token, hubUrl: hub, fetch: request };
  watch.report({ id: "publish.checks", repo: names.repo, part: 0 });
  const { name: user, auth } = await whoAmI(access);
  if (auth?.accessToken?.role === "read") throw new Refusal({ id: "publish.read_only", values: { name: user } });
  const [repo, space] = [fullName(names.repo, user), names.space && fullName(names.space, user)];
  const page = space ? await pageFiles(card.title, await firstWords(), space, request) : {}; // before anything is created
  const plain = JSON.parse(await (await pageFile(PLAIN, request)).text());
  const published = await publishedFiles(files, card, repo);
  const place = { repo, space, hub };
  const about = {
    "README.md": modelCard(published, card, place, plain),
    "notebook.ipynb": notebook(published, place, plain),
  };
  const model = { ...about, ...published };
  await sendFiles({ type: "model", name: repo }, model, access, isPrivate, watch);
  done.model = `${hub}/${repo}`;
  if (!space) return;
  const whole = { ...page, "README.md": spaceCard(card, repo), ...published };
  await sendFiles({ type: "space", name: space }, whole, access, isPrivate, watch);
  done.space = `${hub}/spaces/${space}`;
}

function fullName(typed, user) {
  const [owner, name, more] = typed.includes("/") ? typed.split("/") : [user, typed];
  if (more === undefined && [owner, name].every((part) => NAME.test(part) && !/--|\.\./.test(part)))
    return `${owner}/${name}`;
  throw new Refusal({ id: "publish.name", values: { name: typed } });
}

/** @param {{type: "model" | "space", name: string}} repo @param {Record<string, Uint8Array<ArrayBuffer> | Blob | string>} contents */
async function sendFiles(repo, contents, access, isPrivate, { report, signal }) {
  report({ id: "publish.creates", repo: repo.name, part: 0 });
  try {
    await createRepo({ ...access, repo, private: isPrivate, ...(repo.type === "space" ? { sdk: "static" } : {}) });
  } catch (error) {
    if (!(error instanceof HubApiError) || error.statusCode !== 409) throw error;
    await checkExisting(repo, access, isPrivate);
  }
  const files = Object.entries(contents).map(([path, content]) => ({ path, content: new Blob([content]) }));
  const sizes = Object.fromEntries(files.map(({ path, content }) => [path, content.size]));
  const sent = /** @type {Record<string, number>} */ ({}); // bytes of each file
  const sum = (/** @type {Record<string, number>} */ bytes) =>
    Object.values(bytes).reduce((all, each) => all + each, 0);
  const upload = { ...access, repo, files, commitTitle: TITLE, abortSignal: signal };
  for await (const event of uploadFilesWithProgress(upload)) {
    if (event.event === "fileProgress" && event.state === "uploading")
      sent[event.path] = event.progress * sizes[event.path];
    report({ id: "publish.sends", repo: repo.name, part: sum(sent) / sum(sizes) });
  }
  report({ id: "publish.sends", repo: repo.name, part: 1 });
}

// Checks that an existing repo may be replaced, and that it is private if the visitor wants that.
async function checkExisting(repo, access, isPrivate) {
  const { type, name } = repo;
  const paths = [];
  for await (const { path } of listFiles({ ...access, repo })) paths.push(path);
  const isOwn = paths.includes(OWN[type]) || paths.every((path) => INITIAL.includes(path));
  if (!isOwn) throw new Refusal({ id: "publish.taken", values: { repo: name } });
  const found = await (type === "model" ? modelInfo : spaceInfo)({ ...access, name });
  if (isPrivate && !found.private) throw new Refusal({ id: "publish.is_public", values: { repo: name } });
}

/**
 * Returns the refusal for an error of a request to the Hub. Other errors are returned as they are.
 * @param {any} error
 * @param {string} repo that the request was about
 */
export function refusalOf(error, repo) {
  if (error instanceof HubApiError) {
    const { statusCode: status, data } = error;
    if (status === 401) return new Refusal({ id: "publish.token" });
    const text = `${data?.error ?? data?.message ?? ""}`.replace(/\s+/g, " ").slice(0, 300);
    return new Refusal({ id: "publish.refused", values: { repo, reason: text || `HTTP ${status}` } });
  }
  // Chromium, Firefox and Safari each have a text of their own; the wrapper of XMLHttpRequest in @huggingface/hub has none. A
  // network's own sign-in page is HTML where the Hub answers with JSON.
  const isNetwork = error instanceof TypeError && /fetch|network|load failed/i.test(error.message);
  const isOffline = isNetwork || error instanceof SyntaxError || (error instanceof Error && !error.message);
  return isOffline ? new Refusal({ id: "publish.offline" }) : error;
}
