// The service worker of the static page, which then opens without a network too. With a network, files are always fetched.
// files.json lists the files of the page (training/hub/space_files.py writes it); worker/checkpoint.js stores the model's.

const LIST = "files.json";
const LATER = /^(index\.html$|preview\.png$|learn\/|vendor\/(fflate|huggingface))/; // stored as ./, never, and when they are used: training, publishing
const cached = () => caches.open("char-lstm-page");

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keepAll());
});

async function keepAll() {
  const names = await (await fetch(LIST, { cache: "no-cache" })).json(); // relative to this folder
  const kept = ["./", LIST, ...names.filter((name) => !LATER.test(name))];
  await (await cached()).addAll(kept.map((name) => new Request(name, { cache: "no-cache" })));
}

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const [url, here] = [request.url.split("?")[0], new URL(".", self.location.href).href];
  if (request.method !== "GET" || !url.startsWith(here)) return;
  const name = url.slice(here.length).replace(/^(index\.html)?$/, "./");
  if (name === "./" || /\.(js|css|wasm)$/.test(name) || name.startsWith("languages/") || name === "settings.json")
    event.respondWith(respond(request, name));
});

// Returns the network's answer and stores it; without a network, returns the stored one.
async function respond(request, name) {
  const cache = await cached();
  try {
    const response = await fetch(request, request.mode === "navigate" ? {} : { cache: "no-cache" });
    if (response.ok) await cache.put(name, response.clone()).catch(() => {}); // no room is left
    return response;
  } catch {
    return (await cache.match(name)) || Response.error();
  }
}
