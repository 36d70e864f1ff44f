// The tables of texts come with the page's config, see ui/words.py. In Gradio's settings a visitor may choose another
// language.
Object.assign(languages, window.gradio_config?.i18n_translations);

function onLanguage(change) {
  new MutationObserver(change).observe(document.documentElement, { attributeFilter: ["lang"] });
}
