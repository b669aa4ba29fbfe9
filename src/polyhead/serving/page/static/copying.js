// Copy buttons that say whether it worked.
import { button } from "./dom.js";

const SHOWN = 1600;

/**
 * Make a button that copies a text.
 * @param {string} what What is copied, for the button's name.
 * @param {() => string} text
 */
export function copyButton(what, text) {
  const label = "Copy";
  const element = button(label, () => copied(text()).then(tell), { class: "quiet", "aria-label": `Copy ${what}` });
  let timer = 0;
  const tell = (worked) => {
    element.textContent = worked ? "Copied" : "Not allowed";
    element.setAttribute("aria-label", worked ? `Copied ${what}` : `The browser does not allow copying ${what}`);
    document.getElementById("status")?.replaceChildren(element.getAttribute("aria-label"));
    clearTimeout(timer);
    timer = setTimeout(() => {
      element.textContent = label;
      element.setAttribute("aria-label", `Copy ${what}`);
    }, SHOWN);
  };
  return element;
}

// Pages that came over plain HTTP from another machine have no clipboard API; the old command still works there.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedBySelection(text);
  }
}

function copiedBySelection(text) {
  const area = document.createElement("textarea");
  area.className = "unseen";
  area.value = text;
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return worked;
}
