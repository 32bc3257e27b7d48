// App passwords, and what was tried with the account's passwords and keys.
import * as api from "./api";
import { announce, checkbox, copyButton, fact, field, form, h, newId, removeButton, time } from "./dom";

const scopes = (password: api.AppPassword) =>
  [password.IMAP && "reading (IMAP)", password.Submission && "sending", password.Web && "this page"].filter(Boolean).join(", ");

function passwordItem(password: api.AppPassword, changed: (text: string) => void): HTMLElement {
  const titleId = newId("password");
  const remove = async () => {
    await api.removeAppPassword(password.Name);
    changed(`The app password ${password.Name} has been removed.`);
  };
  return h("li", { class: "card", "aria-labelledby": titleId }, h("h3", { id: titleId }, password.Name),
    h("dl", { class: "facts" }, fact("Good for", scopes(password)), fact("Added", time(password.Created, "")),
      fact("Last used", time(password.LastUsed, "never")), fact("Ends", time(password.Expires, "never"))),
    removeButton(`app password ${password.Name}`,
      "What uses it can no longer log in. Everything that is logged in to the account has to log in again, except this page.",
      remove));
}

function result(name: string, password: string): HTMLElement {
  const title = h("h3", { tabindex: -1 }, `The app password for ${name}`);
  setTimeout(() => title.focus());
  return h("div", { class: "result" }, title,
    h("p", {}, "Give it to the program now: it is shown only here."),
    h("div", { class: "row" }, h("output", { class: "code passphrase", "aria-label": "App password" }, password),
      copyButton(() => password)));
}

function addForm(changed: (text: string) => void): HTMLElement {
  const name = h("input", { type: "text", required: true, maxlength: 60, placeholder: "Office printer" });
  const imap = checkbox("Reading", "IMAP", true);
  const submission = checkbox("Sending", "SMTP submission", true);
  const web = checkbox("This page", "Whoever has it can then change the account.");
  const ends = h("select", {}, ...([["0", "Never"], ["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"]] as const)
    .map(([value, label]) => h("option", { value }, label)));
  const place = h("div", {});
  return h("section", { class: "card" }, h("h2", {}, "New app password"),
    form(async () => {
      const password = await api.addAppPassword(name.value, imap.input.checked, submission.input.checked,
        web.input.checked, Number(ends.value));
      place.replaceChildren(result(name.value, password));
      changed(`The app password for ${name.value} has been made.`);
      name.value = "";
    }, "Make app password", field("Name of the program or device", name),
      h("fieldset", {}, h("legend", {}, "Good for"), imap.row, submission.row, web.row), field("Ends", ends)), place);
}

export async function appPasswordsPage(): Promise<HTMLElement> {
  const list = h("ul", { class: "plain cards" });
  const listTitle = h("h2", { tabindex: -1 }, "App passwords in use");
  const show = async () => {
    const passwords = await api.appPasswords();
    list.replaceChildren(...passwords.map((password) => passwordItem(password, removed)));
    if (passwords.length === 0) list.replaceChildren(h("li", { class: "quiet" }, "None"));
  };
  const changed = (text: string) => {
    announce(text);
    void show();
  };
  const removed = (text: string) => {
    changed(text);
    listTitle.focus();
  };
  await show();
  return h("main", {}, h("h1", {}, "App passwords"),
    h("p", {}, "A password of its own for one program or device, which can be taken back without touching the others."),
    addForm(changed), h("section", {}, listTitle, list));
}

const RESULTS: Record<string, string> = {
  ok: "Logged in",
  baduser: "Unknown address",
  badpassword: "Wrong password",
  badcreds: "Wrong credentials",
  badchanbind: "Bound to another connection",
  badprotocol: "Not understood",
  logindisabled: "Logins are disabled",
  error: "Fault of the server",
  aborted: "Given up",
};

const PROTOCOLS: Record<string, string> = { imap: "Reading (IMAP)", submission: "Sending (SMTP)", web: "This page" };

/** "version=TLS1.3 ciphersuite=TLS_AES_128_GCM_SHA256" in words, which can be broken. */
const connection = (tls: string) =>
  tls.replace("version=TLS", "TLS ").replace("ciphersuite=TLS_", "").replaceAll("_", " ") || "without TLS";

function attemptRow(attempt: api.LoginAttempt): HTMLElement {
  const times = attempt.Count > 1 ? `${attempt.Count} times` : "once";
  return h("li", { class: "card attempt" },
    h("h3", { class: attempt.Result === "ok" ? "good-text" : "danger-text" }, RESULTS[attempt.Result] ?? attempt.Result),
    h("dl", { class: "facts" }, fact("When", time(attempt.Last, "")), fact("From", attempt.RemoteIP ?? "this machine"),
      fact("As", attempt.LoginAddress), fact("How", `${PROTOCOLS[attempt.Protocol] ?? attempt.Protocol}, ${attempt.Mechanism}`),
      fact("How often", times), fact("Connection", connection(attempt.TLS))));
}

export async function attemptsPage(): Promise<HTMLElement> {
  const list = h("ul", { class: "plain cards" });
  const more = h("button", { type: "button" }, "Show all of the last 30 days");
  const show = async (max: number) => {
    const attempts = await api.loginAttempts(max);
    list.replaceChildren(...attempts.map(attemptRow));
    if (attempts.length === 0) list.replaceChildren(h("li", { class: "quiet" }, "None"));
    more.hidden = attempts.length < max;
  };
  more.addEventListener("click", () => {
    void show(500).then(() => announce("All login attempts are shown."));
  });
  await show(10);
  return h("main", {}, h("h1", {}, "Recent login attempts"),
    h("p", {}, "Equal attempts are one entry. If you do not know one that logged in, change the password and remove keys and app passwords that are not yours."),
    list, more);
}
