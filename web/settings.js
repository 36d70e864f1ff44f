// The generation settings and the limits of links, as ui/settings.py defines them for both pages.
const { settings, limits, int8_version: version } = await (await fetch(new URL("settings.json", import.meta.url))).json();
export { settings as SETTINGS, limits as LIMITS, version as INT8_VERSION };
