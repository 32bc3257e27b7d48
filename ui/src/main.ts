// Which page is shown: the part of the address after "#".
import { appPasswordsPage, attemptsPage } from "./access";
import { account, ApiError, forgetLogin, loggedIn, logout } from "./api";
import { announce, h } from "./dom";
import { keysPage } from "./keys";
import { loginPage, overviewPage, passwordPage } from "./pages";

interface Page {
  title: string;
  link?: string; // shorter
  make: () => Promise<HTMLElement>;
}

const pages: Record<string, Page> = {
  overview: { title: "Overview", make: overviewPage },
  password: { title: "Password", make: passwordPage },
  apps: { title: "App passwords", make: appPasswordsPage },
  keys: { title: "TLS public keys", link: "TLS keys", make: keysPage },
  attempts: { title: "Recent login attempts", link: "Logins", make: attemptsPage },
};

const root = document.getElementById("page")!;
let address = "";
let shown = 0; // counts up, so that a page that comes late does not replace a later one

function header(current: string): HTMLElement {
  const link = (name: string) =>
    h("a", { href: `#${name}`, "aria-current": name === current ? "page" : undefined }, pages[name]!.link ?? pages[name]!.title);
  const leave = async () => {
    await logout().catch(() => undefined);
    location.hash = "";
    showLogin();
  };
  return h(
    "header",
    {},
    h("a", { class: "skip", href: "#content", click: (event: Event) => {
      event.preventDefault();
      root.querySelector<HTMLElement>("h1")?.focus();
    } }, "To the content"),
    h("nav", { "aria-label": "Pages" }, ...Object.keys(pages).map(link)),
    h("div", { class: "who" }, h("span", {}, address), h("button", { type: "button", class: "small", click: () => void leave() }, "Log out")),
  );
}

function showLogin(): void {
  shown++;
  forgetLogin();
  address = "";
  document.title = "Log in – Mail account";
  root.replaceChildren(loginPage(() => void show()));
  root.querySelector("input")?.focus();
}

function problem(error: unknown): HTMLElement {
  const text = error instanceof Error ? error.message : String(error);
  return h("main", {}, h("h1", {}, "That did not work"), h("p", { role: "alert" }, text),
    h("button", { type: "button", click: () => void show() }, "Try again"));
}

async function show(moved = false): Promise<void> {
  if (!loggedIn()) return showLogin();
  const turn = ++shown;
  const name = location.hash.slice(1) in pages ? location.hash.slice(1) : "overview";
  document.title = `${pages[name]!.title} – Mail account`;
  let content: HTMLElement;
  try {
    address ||= (await account()).LoginAddress;
    content = await pages[name]!.make();
  } catch (error) {
    if (error instanceof ApiError && (error.code === "user:noAuth" || error.code === "user:badAuth")) return showLogin();
    content = problem(error);
  }
  if (turn !== shown) return;
  root.replaceChildren(header(name), content);
  const title = content.querySelector("h1");
  title?.setAttribute("tabindex", "-1");
  if (moved) title?.focus();
  announce(document.title);
}

addEventListener("hashchange", () => void show(true));
void show();
