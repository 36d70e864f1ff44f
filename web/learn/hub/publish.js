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
const NAME = /^[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9])?$/;
// A repo may be replaced if it is empty, or if it has the file that every model, or every page, of this project has.
const INITIAL = [".gitattributes", "README.md"];
const OWN = { model: "manifest.json", space: "offline.js" };

/**
 * @import { About, Files } from "./card.js"
 * @import { Preview } from "./space.js"
 * @typedef {"model" | "space"} Kind
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
 * @property {() => Promise<?Preview>} preview draws what chats show for the address of the Space
 * @property {string} hub its address
 * @property {string} home the address of the folder of the page
 */

/**
 * Publishes a model.
 * @param {Wanted} wanted
 * @param {(progress: Progress) => void} report
 * @returns {Promise<{model: string, space: string}>} their addresses; "" without a Space
 * @throws {Refusal} nothing is lost: publishing again continues
 */
export async function publish({ token, files, card, isPrivate, hub, home, preview, ...names }, report) {
  if (!/^hf_\w+$/.test(token)) throw new Refusal({ id: "publish.token_form" });
  report({ id: "publish.checks", repo: names.repo, part: 0 });
  const user = await asRefusal(() => nameOfUser(token, hub), "");
  const [repo, space] = [fullName(names.repo, user), names.space && fullName(names.space, user)];
  const page = space ? await pageFiles(home, card.title, await preview()) : {}; // before anything is created
  const access = { accessToken: token, hubUrl: hub };
  const send = (kind, name, contents) =>
    asRefusal(() => sendFiles(kind, name, contents, { access, isPrivate, report }), name);
  const published = await publishedFiles(files, card, repo);
  await send("model", repo, { "README.md": modelCard(published, card, { repo, space, hub }), ...published });
  if (space) await send("space", space, { ...page, "README.md": spaceCard(card, repo), ...published });
  return { model: `${hub}/${repo}`, space: space && `${hub}/spaces/${space}` };
}

async function asRefusal(act, repo) {
  try {
    return await act();
  } catch (error) {
    throw refusalOf(error, repo);
  }
}

async function nameOfUser(token, hub) {
  const { name, auth } = await whoAmI({ accessToken: token, hubUrl: hub });
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
 * @param {{access: {accessToken: string, hubUrl: string}, isPrivate: boolean, report: (progress: Progress) => void}} options
 */
async function sendFiles(kind, name, contents, { access, isPrivate, report }) {
  report({ id: "publish.creates", repo: name, part: 0 });
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
  for await (const event of uploadFilesWithProgress({ ...access, repo, files, commitTitle: TITLE })) {
    if (event.event === "fileProgress" && event.state === "uploading") parts.get(event.path).done = event.progress;
    const sent = [...parts.values()].reduce((sum, { size, done }) => sum + size * done, 0);
    report({ id: "publish.sends", repo: name, part: sent / total });
  }
  report({ id: "publish.sends", repo: name, part: 1 });
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
