// A link that somebody came by, before anything is written; and the link to what was written here.
function showOffer(offer) {
  let node = log.querySelector(":scope > .offer");
  if (!offer) return node && node.remove();
  if (node) return null;
  node = make("div", "offer", log);
  const prompts = offer.prompts.filter(Boolean);
  const id = prompts.length > 1 ? "offer.prompts" : prompts.length ? "offer.prompt" : "offer.no_prompt";
  make("p", "lead", node).textContent = t(id);
  for (const prompt of prompts) make("div", "text prompt", node).textContent = prompt;
  make("p", "facts", node).textContent = render(offer.facts, " · ");
  paragraph(node, "notice", render(offer.warning));
  const button = make("button", "again", node);
  [button.type, button.textContent] = ["button", t("offer.watch")];
  button.addEventListener("click", () => {
    button.disabled = true;
    trigger("follow", { query: location.search });
  });
  return node;
}

// A field that holds the link, for where the clipboard is not allowed, as in a frame.
async function showShare(share) {
  const box = element.querySelector(".link");
  const shown = box.querySelector("input");
  box.hidden = !share;
  const url = share ? `${share.at || location.origin + location.pathname}?${share.query}` : "";
  if (shown.value === url) return;
  shown.value = url;
  if (!url) return;
  const said = box.querySelector("p");
  try {
    await navigator.clipboard.writeText(url);
    said.textContent = t("share.copied");
  } catch {
    said.textContent = t("share.copy_here");
    shown.focus();
    shown.select();
  }
}
