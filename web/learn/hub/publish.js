// Publishes a model on the Hub: a repo with its files and a card, then, if wanted, a static Space that writes with it: the files of
// this page, and the model's beside them. Each repo gets one commit, so it never has half of a model; publishing again after a
// fault uploads only what is missing.

import { Refusal } from "../../engines/engine.js";
import * as library from "../../vendor/huggingface_hub.js";
import { floatFiles, int8Files } from "../checkpoint_files.js";
import { modelCard, notebook, publishedFiles, spaceCard } from "./card.js";
import { t } from "../../document/words.js";

const COMMIT = "Upload from the browser";
const PLAIN = "learn/hub/plain_torch.json"; // written by training/card/notebook.py
const NAME = /^[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9])?$/;
// A repo may be replaced if it is empty, or if it has the file that every model, or every page, of this project has.
const INITIAL = [".gitattributes", "README.md"];
const OWN = { model: "manifest.json", space: "offline.js" };
const LIST = "files.json"; // the files of the page, see training/hub/space_files.py
const INSERTED = /(<head[^>]*>)<script>window\.huggingface=.*?<\/script>/s; // by the Hub, into the page of a static Space
const TITLE = /(<title>|<meta property="og:title" content="|<h1>)[^"<]*/g;
const DESCRIPTION = /(<meta (?:name="|property="og:)description" content=")[^"]*/g;
const PICTURE = /(<meta property="og:image" content=")[^"]*(preview\.png")/;
const SPACE = /(<html[^>]* data-space=")[^"]*/; // the Space of this page
const WELCOME = /(<p class="lead">)[^<]*(<\/p>.*?<span class="reply"[^>]*>)[^<]*/s; // of the model beside this page

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
  const { name: user, auth } = await library.whoAmI(access);
  if (auth?.accessToken?.role === "read") throw new Refusal({ id: "publish.read_only", values: { name: user } });
  const [repo, space] = [fullName(names.repo, user), names.space && fullName(names.space, user)];
  const page = space ? await pageFiles(card.title, await firstWords(), space, request) : {}; // before anything is created
  const plain = JSON.parse(await (await pageFile(PLAIN, request)).text());
  const published = await publishedFiles(await floatFiles(files), card, repo);
  const small = space ? await int8Files(published) : {};
  const place = { repo, space, hub };
  const about = {
    "README.md": modelCard(published, card, place, plain),
    "notebook.ipynb": notebook(published, place, plain),
  };
  const model = { ...about, ...published };
  await sendFiles({ type: "model", name: repo }, model, access, isPrivate, watch);
  done.model = `${hub}/${repo}`;
  if (!space) return;
  const whole = { ...page, "README.md": spaceCard(card, repo), ...small };
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
    await library.createRepo({
      ...access,
      repo,
      private: isPrivate,
      ...(repo.type === "space" ? { sdk: "static" } : {}),
    });
  } catch (error) {
    if (!(error instanceof library.HubApiError) || error.statusCode !== 409) throw error;
    await checkExisting(repo, access, isPrivate);
  }
  const files = Object.entries(contents).map(([path, content]) => ({ path, content: new Blob([content]) }));
  const sizes = Object.fromEntries(files.map(({ path, content }) => [path, content.size]));
  const sent = /** @type {Record<string, number>} */ ({}); // bytes of each file
  const sum = (/** @type {Record<string, number>} */ bytes) =>
    Object.values(bytes).reduce((all, each) => all + each, 0);
  const upload = { ...access, repo, files, commitTitle: COMMIT, abortSignal: signal };
  for await (const event of library.uploadFilesWithProgress(upload)) {
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
  for await (const { path } of library.listFiles({ ...access, repo })) paths.push(path);
  const isOwn = paths.includes(OWN[type]) || paths.every((path) => INITIAL.includes(path));
  if (!isOwn) throw new Refusal({ id: "publish.taken", values: { repo: name } });
  const found = await (type === "model" ? library.modelInfo : library.spaceInfo)({ ...access, name });
  if (isPrivate && !found.private) throw new Refusal({ id: "publish.is_public", values: { repo: name } });
}

/**
 * Returns the refusal for an error of a request to the Hub. Other errors are returned as they are.
 * @param {any} error
 * @param {string} repo that the request was about
 */
export function refusalOf(error, repo) {
  if (error instanceof library.HubApiError) {
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

/**
 * Returns the files of the page by name.
 * @param {string} title of the new page, also for link previews
 * @param {string} firstWords of the model, for link previews; may be ""
 * @param {string} space user/name of the Space that they are for
 * @param {typeof fetch} request fetches a file
 * @returns {Promise<Record<string, Blob>>}
 * @throws {Refusal} they cannot be fetched
 */
async function pageFiles(title, firstWords, space, request) {
  const fetchFile = (name) => pageFile(name, request);
  const listed = JSON.parse(await (await fetchFile(LIST)).text());
  const names = [...listed, LIST].filter((name) => name !== "LICENSE");
  const files = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await fetchFile(name)])));
  const page = (await files["index.html"].text())
    .replace(INSERTED, "$1")
    .replace(PICTURE, "$1$2")
    .replace(SPACE, `$1${space}`)
    .replace(TITLE, `$1${escaped(t("site.named", { name: title }))}`)
    .replace(DESCRIPTION, `$1${escaped(firstWords || t("static.greeting"))}`)
    .replace(WELCOME, "$1$2");
  const licence = await fetchFile("LICENSE").catch(() => null); // the app's page has none beside it
  return { ...files, "index.html": new Blob([page]), ...(licence ? { LICENSE: licence } : {}) };
}

/**
 * Fetches a file of this page.
 * @param {string} name
 * @param {typeof fetch} request
 * @throws {Refusal} it cannot be fetched
 */
async function pageFile(name, request) {
  const response = request(new URL(`../../${name}`, import.meta.url), { cache: "no-cache" });
  const file = await response.then((found) => (found.ok ? found.blob() : null)).catch(() => null);
  if (!file) throw new Refusal({ id: "publish.no_page", values: { name } });
  return file;
}

/** Returns a text as HTML, for the second argument of replace, where $ has a meaning. @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replaceAll("$", "$$$$");
}
