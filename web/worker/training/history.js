// The checkpoints of a model's training on the Hub: the commits of its branch `training`, one for each, and the
// validation losses in metrics.jsonl. The rules are those of ui/registry/training_history.py.

import { rint } from "../int8_inference.js";
import { ModelError, download, request, textOf } from "../checkpoint.js";

const MAX_CHECKPOINTS = 40;
const MAX_PAGES = 20; // of the Hub's list of commits
const MAX_LINES = 5_000;
const MAX_LOSS = 1e6; // nats
const ROUNDED = 6e-5; // a commit title gives four decimal places
const TITLE = /^[Ss]tep ([\d,]{1,15})(?:$|: val loss (\d{1,3}\.\d{1,9}) )/;

/**
 * @typedef {{step: number, loss: number | null, commit: string}} Checkpoint
 * @typedef {{checkpoints: Checkpoint[], losses: [number, number][]}} History oldest first
 */

/**
 * Returns the history of a model, or null if it has no branch `training`, or no two checkpoints.
 * @param {string} name user/name
 * @param {string} hub the address of the Hub
 * @returns {Promise<History | null>}
 * @throws {ModelError} the Hub is out of reach
 */
export async function readHistory(name, hub) {
  const commit = await newestCommit(name, hub);
  if (!commit) return null;
  const metrics = await download(`${hub}/${name}/resolve/${commit}/metrics.jsonl`, name).catch((error) => {
    if (error.isMissing) return null;
    throw error;
  });
  if (!metrics) return null;
  const losses = lossesIn(textOf(metrics));
  const checkpoints = few(checkpointsOf(await listCommits(name, hub, commit), new Map(losses)));
  return checkpoints.length > 1 ? { checkpoints, losses } : null;
}

// Returns the newest commit of the branch `training`, or null. The list of branches is no error in the browser's console
// where there is no such branch.
async function newestCommit(name, hub) {
  const { branches } = JSON.parse(textOf(await download(`${hub}/api/models/${name}/refs`, name)));
  const commit = branches.find((branch) => branch.name === "training")?.targetCommit;
  return /^[0-9a-f]{40}$/.test(commit) ? commit : null;
}

// Returns the id and the title of the commits up to one, newest first.
async function listCommits(name, hub, commit) {
  const found = [];
  let url = `${hub}/api/models/${name}/commits/${commit}`;
  for (let page = 0; page < MAX_PAGES && url.startsWith(`${hub}/`); page++) {
    const response = await request(url, name);
    found.push(...(await response.json()));
    url = /<([^>]+)>;\s*rel="?next/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
  }
  return found.map(({ id, title }) => [String(id), String(title)]);
}

// The evaluations in metrics.jsonl, in the order of their steps.
function lossesIn(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  if (lines.length > MAX_LINES) throw new ModelError("metrics.jsonl is larger than it can need to be");
  const found = new Map();
  for (const line of lines) {
    const { step, val_loss: loss } = JSON.parse(line);
    const isMeasured = typeof loss === "number" && loss >= 0 && loss <= MAX_LOSS;
    if (isMeasured && Number.isInteger(step) && step >= 0) found.set(step, loss);
  }
  return [...found].sort(([a], [b]) => a - b);
}

// The checkpoints of the newest run among the commits, which are given newest first. A resumed run may have pushed a step
// twice, and an earlier run may have used the same branch: a commit is left out if its step is not below the one before it,
// or if its loss differs from that step's loss in metrics.jsonl.
function checkpointsOf(commits, losses) {
  const found = /** @type {Checkpoint[]} */ ([]);
  for (const [commit, title] of commits) {
    const parsed = TITLE.exec(title);
    if (!parsed || !/^[0-9a-f]{40}$/.test(commit)) continue;
    const step = Number(parsed[1].replaceAll(",", ""));
    const loss = losses.get(step) ?? null;
    const isOther = parsed[2] && (loss === null || Math.abs(Number(parsed[2]) - loss) > ROUNDED);
    if (!isOther && (!found.length || step < found.at(-1).step)) found.push({ step, loss, commit });
  }
  return found.reverse();
}

// At most MAX_CHECKPOINTS, evenly spaced, and the best.
function few(checkpoints) {
  if (checkpoints.length <= MAX_CHECKPOINTS) return checkpoints;
  const last = checkpoints.length - 1;
  const spaced = (at) => rint((at * last) / (MAX_CHECKPOINTS - 2));
  const kept = new Set(Array.from({ length: MAX_CHECKPOINTS - 1 }, (_, at) => spaced(at)));
  kept.add(bestOf(checkpoints));
  return checkpoints.filter((_, at) => kept.has(at));
}

/**
 * Returns the index of the checkpoint with the lowest loss, or -1 if no loss is known.
 * @param {Checkpoint[]} checkpoints
 */
export function bestOf(checkpoints) {
  const losses = checkpoints.map(({ loss }) => loss ?? Infinity);
  const least = Math.min(...losses);
  return least === Infinity ? -1 : losses.indexOf(least);
}
