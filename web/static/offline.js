// A service worker: the page opens without a network too. With one, it is always the newest. (The model's files are
// kept by checkpoint.js.)
const FILES = ["./", "style.css", "words.js", "page.js", "link.js", "settings.js", "settings.json", "worker.js", "arithmetic.js", "checkpoint.js", "product.wasm"];
const LANGUAGES = "languages/"; // its index.json lists the tables
const cached = () => caches.open("char-lstm-page");

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keep());
});

async function keep() {
  const tags = await (await fetch(`${LANGUAGES}index.json`)).json();
  const tables = ["index", ...tags].map((name) => `${LANGUAGES}${name}.json`);
  await (await cached()).addAll([...FILES, ...tables]);
}

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const [url, here] = [new URL(request.url), new URL(".", self.location.href)];
  const file = url.href.split("?")[0].slice(here.href.length) || "./";
  const ours = [...FILES, "index.html"].includes(file) || file.startsWith(LANGUAGES);
  if (request.method !== "GET" || url.origin !== here.origin || !ours) return;
  event.respondWith(
    fetch(request, request.mode === "navigate" ? {} : { cache: "no-cache" }).then(
      async (response) => {
        if (response.ok) await (await cached()).put(file === "index.html" ? "./" : file, response.clone());
        return response;
      },
      async () => (await (await cached()).match(file === "index.html" ? "./" : file)) || Response.error(),
    ),
  );
});
