/**
 * The generation settings and the limits of links, as ui/settings.py defines them for both pages.
 *
 * @typedef {object} Setting
 * @property {boolean} whole
 * @property {number | null} default null is a random seed
 * @property {number} minimum
 * @property {number | null} maximum
 * @property {boolean} exclusive_minimum
 * @property {import("./document/words.js").Message} rule which values are allowed
 * @property {{minimum: number, maximum: number, step: number} | null} slider
 * @property {boolean} filters whether it removes unlikely characters before the draw
 * @property {string} label in English
 */

const answer = await fetch(new URL("settings.json", import.meta.url));
const read =
  /** @type {{settings: Object<string, Setting>, limits: Object<string, number>, welcome: {length: number, seeds: number[]}, int8_version: number}} */ (
    await answer.json()
  );
export const { settings: SETTINGS, limits: LIMITS, welcome: WELCOME, int8_version: INT8_VERSION } = read;

/** Returns whether a setting may have a value. @param {Setting} setting @param {number} value */
export function isAllowed({ whole, minimum, maximum, exclusive_minimum: exclusive }, value) {
  const above = exclusive ? value > minimum : value >= minimum;
  return above && value <= (maximum ?? Infinity) && (!whole || Number.isInteger(value));
}

/** The names of the settings that remove unlikely characters before the draw. */
export const FILTERS = Object.keys(SETTINGS).filter((name) => SETTINGS[name].filters);

/**
 * Returns the temperature and the filters among some settings.
 * @param {Record<string, any>} settings
 * @returns {import("./engines/engine.js").Sampling}
 */
export function samplingOf(settings) {
  return { temperature: settings.temperature, ...Object.fromEntries(FILTERS.map((name) => [name, settings[name]])) };
}

const defaults = Object.entries(SETTINGS).map(([name, setting]) => [name, setting.default]);
/** The default sampling parameters. */
export const SAMPLING = samplingOf(Object.fromEntries(defaults));

/** Returns a random seed of 32 bits, as the engines do. */
export function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
