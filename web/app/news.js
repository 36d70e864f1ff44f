// A page that stays open learns of a newer commit: a small question now and then while somebody looks, and only when the
// answer is another one the page is told anew.
async function askNews(known) {
  if (document.visibilityState === "hidden") return setTimeout(askNews, 1000, known);
  let [version, again_s] = [known, 60];
  try {
    ({ version, again_s } = await (await fetch(`${ROOT}/news`)).json());
  } catch {
    // the server is away: its next answer tells
  }
  if (known && version !== known) trigger("news", {});
  if (again_s && element.isConnected) setTimeout(askNews, 1000 * again_s, version);
}
