// Writes the welcome text in the document character by character, from the first paint until
// the page's modules continue (page/arrival.js), and keeps an Enter for them. It is not a module, because it runs before the
// modules are loaded.
{
  const reply = /** @type {HTMLElement} */ (document.querySelector(".welcome .reply"));
  const [characters, began, { speed }] = [[...reply.textContent], performance.now(), reply.dataset];
  const isReload = () => sessionStorage.getItem("char-lstm/current") || history.state?.["char-lstm/conversation"];
  const unwritten = document.createElement("span"); // the rest of a word, see CharacterBox in lenses/text/drawn_text.js
  unwritten.className = "unwritten";
  let drawn = 0;
  const write = () => {
    if (reply.dataset.began === undefined) return;
    const wanted = Math.min(characters.length, Math.floor(((performance.now() - began) * Number(speed)) / 1000));
    for (; drawn < wanted; drawn++) {
      const node = document.createElement("i");
      node.textContent = characters[drawn];
      reply.insertBefore(node, unwritten);
    }
    unwritten.textContent = /^\S*/.exec(characters.slice(drawn).join(""))[0];
    if (drawn < characters.length) requestAnimationFrame(write);
  };
  reply.dataset.began = String(began);
  const prompt = /** @type {HTMLTextAreaElement} */ (document.querySelector("#prompt"));
  prompt.onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari while composing
    event.preventDefault();
    prompt.dataset.sends = ""; // page/prompt.js sends it
  };
  const theme = new URLSearchParams(location.search).get("__theme"); // of Gradio
  if (theme === "light" || theme === "dark") document.documentElement.style.colorScheme = theme;
  document.body.classList.toggle("trains-alone", location.hash === "#train-alone"); // without a model only the panel is shown
  try {
    if (isReload()) characters.length = 0; // a conversation will be shown instead
  } catch {} // the browser refuses storage
  if (!characters.length || !matchMedia("(prefers-reduced-motion: reduce)").matches) {
    reply.replaceChildren(unwritten);
    write();
  }
}
