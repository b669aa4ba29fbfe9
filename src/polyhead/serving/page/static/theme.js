// Light, dark, or as the system has it. A classic script in the head, so that the first paint is in the right colours.
(() => {
  "use strict";
  const NAME = "polyhead-theme";
  const root = document.documentElement;

  // A browser may refuse storage altogether; the choice then lasts as long as the page.
  function remembered() {
    try {
      return localStorage.getItem(NAME);
    } catch {
      return null;
    }
  }

  function remember(theme) {
    try {
      if (theme === "system") localStorage.removeItem(NAME);
      else localStorage.setItem(NAME, theme);
    } catch { /* see above */ }
  }

  function apply(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  }

  apply(remembered());
  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("theme");
    choice.value = root.dataset.theme ?? "system";
    choice.addEventListener("change", () => {
      apply(choice.value);
      remember(choice.value);
    });
  });
})();
