// The table of words comes with the page's config, see words.py. Below the page a visitor may choose another language.
learn(window.gradio_config?.i18n_translations?.["zh-CN"] || {});

function onLanguage(change) {
  new MutationObserver(change).observe(document.documentElement, { attributeFilter: ["lang"] });
}
