// The page's texts in the reader's language: {name} stands for a value.

const LANGUAGES = { en: STRINGS_EN, zh: STRINGS_ZH };
const language = { now: "en" };

/** The text of a key. */
function t(key, values = {}) {
  const text = LANGUAGES[language.now][key] ?? STRINGS_EN[key] ?? key;
  const counted = text.replace(/\{(\w+)\|([^|]*)\|((?:[^{}]|\{\w+\})*)\}/g, (_, name, one, many) => (values[name] === 1 ? one : many));
  return counted.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Fills in the texts of the page's frame: data-t for content, data-t-label and data-t-title for attributes. */
function translateFrame() {
  document.documentElement.lang = language.now === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
  for (const element of document.querySelectorAll("[data-t-title]")) element.title = t(element.dataset.tTitle);
  for (const element of document.querySelectorAll("[data-t-placeholder]")) element.placeholder = t(element.dataset.tPlaceholder);
}
