// Making elements without markup: text stays text, so nothing from the server or a file can become a script.

type Child = Node | string | null | undefined | false;
type Props = { [name: string]: string | number | boolean | ((event: Event) => void) | undefined };

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/** Says something to people who do not see it appear. */
export function announce(text: string): void {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}

let ids = 0;
export const newId = (prefix: string) => `${prefix}-${++ids}`;

export function field(label: string, input: HTMLElement, hint?: string): HTMLElement {
  input.id ||= newId("field");
  const help = hint ? h("p", { class: "hint", id: newId("hint") }, hint) : null;
  if (help) input.setAttribute("aria-describedby", help.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, help);
}

export function checkbox(label: string, hint: string, on = false): { row: HTMLElement; input: HTMLInputElement } {
  const input = h("input", { type: "checkbox", id: newId("check"), checked: on });
  const help = h("p", { class: "hint", id: newId("hint") }, hint);
  input.setAttribute("aria-describedby", help.id);
  return { row: h("div", { class: "check" }, input, h("div", {}, h("label", { for: input.id }, label), help)), input };
}

/** A form that runs `submit`, shows what went wrong, and cannot be sent twice. */
export function form(submit: () => Promise<void>, button: string, ...children: Child[]): HTMLFormElement {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const send = h("button", { type: "submit", class: "primary" }, button);
  const element = h("form", { novalidate: true }, ...children, problem, h("div", { class: "actions" }, send));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = element.querySelector<HTMLInputElement>(":invalid:not(fieldset)");
    problem.hidden = true;
    if (wrong) {
      problem.textContent = wrong.validationMessage;
      problem.hidden = false;
      wrong.focus();
      return;
    }
    send.disabled = true;
    try {
      await submit();
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error);
      problem.hidden = false;
    } finally {
      send.disabled = false;
    }
  });
  return element;
}

export function copyButton(text: () => string, label = "Copy"): HTMLButtonElement {
  const button = h("button", { type: "button", class: "small" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
      announce("Copied");
    } catch {
      button.textContent = "Select it and copy";
    }
    setTimeout(() => (button.textContent = label), 2000);
  });
  return button;
}

export function download(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

/** A question before something that cannot be undone. The element that had the focus gets it back. */
function confirm(title: string, text: string, action: string): Promise<boolean> {
  return new Promise((resolve) => {
    const titleId = newId("title");
    const dialog = h(
      "dialog",
      { "aria-labelledby": titleId },
      h("h2", { id: titleId }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", autofocus: true, click: () => dialog.close("") }, "Cancel"),
        h("button", { type: "button", class: "danger", click: () => dialog.close("yes") }, action),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A button that removes something after a question; what went wrong is said beside it. */
export function removeButton(what: string, warning: string, remove: () => Promise<void>): HTMLElement {
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const click = async () => {
    problem.hidden = true;
    if (!(await confirm(`Remove the ${what}?`, warning, "Remove"))) return;
    try {
      await remove();
    } catch (error) {
      problem.textContent = error instanceof Error ? error.message : String(error);
      problem.hidden = false;
    }
  };
  return h("div", {}, problem,
    h("button", { type: "button", class: "danger small", click: () => void click(), "aria-label": `Remove the ${what}` }, "Remove"));
}

export const fact = (term: string, value: Node | string) =>
  h("div", {}, h("dt", {}, term), h("dd", {}, value));

export function time(text: string | null, never: string): HTMLElement {
  if (!text) return h("span", { class: "quiet" }, never);
  const shown = new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return h("time", { datetime: text }, shown);
}

export function size(octets: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (octets >= 1024 && unit < units.length - 1) {
    octets /= 1024;
    unit++;
  }
  return `${unit === 0 ? octets : octets.toFixed(1)} ${units[unit]}`;
}
