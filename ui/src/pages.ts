// Login, overview, password.
import * as api from "./api";
import { announce, copyButton, field, form, h, size } from "./dom";

export function loginPage(done: () => void): HTMLElement {
  const address = h("input", { type: "email", name: "username", autocomplete: "username", required: true, autofocus: true });
  const password = h("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
  // Addresses may have letters that browsers do not expect in them.
  address.type = "text";
  address.setAttribute("inputmode", "email");
  address.setAttribute("autocapitalize", "none");
  address.setAttribute("spellcheck", "false");
  return h(
    "main",
    { class: "login" },
    h("h1", {}, "Mail account"),
    form(
      async () => {
        await api.login(address.value, password.value).catch((error: api.ApiError) => {
          password.value = "";
          password.focus();
          throw error;
        });
        done();
      },
      "Log in",
      field("Email address", address),
      field("Password", password),
    ),
  );
}

function quota(account: api.Account): HTMLElement {
  const used = `${size(account.BytesUsed)} in ${account.Messages.toLocaleString()} ${account.Messages === 1 ? "message" : "messages"}`;
  if (account.BytesLimit === 0) return h("p", {}, used);
  const percent = Math.round((100 * account.BytesUsed) / account.BytesLimit);
  return h(
    "div",
    {},
    h("p", {}, `${used}: ${percent} % of ${size(account.BytesLimit)}`),
    h("progress", { max: account.BytesLimit, value: account.BytesUsed, "aria-label": "Space used" }),
  );
}

function aliasItem(alias: api.Account["Aliases"][number]): HTMLElement {
  const members = alias.Members.join(", ") + (alias.MoreMembers ? ", and more" : "");
  return h(
    "li",
    {},
    h("strong", {}, alias.Address),
    h("p", { class: "hint" }, `Arrives at ${alias.SubscriptionAddress}. `,
      alias.AllowMsgFrom ? "You may send from it." : "You may not send from it."),
    alias.ListMembers && h("details", {}, h("summary", {}, "Members"), h("p", {}, members)),
  );
}

export async function overviewPage(): Promise<HTMLElement> {
  const account = await api.account();
  const service = (name: string, port: number, tls: string) =>
    port > 0 && h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, account.Services.Host), h("td", {}, String(port)), h("td", {}, tls));
  return h(
    "main",
    {},
    h("h1", {}, "Overview"),
    h("section", {}, h("h2", {}, "Addresses"),
      h("ul", { class: "plain" }, ...account.Addresses.map((address) =>
        h("li", {}, address.startsWith("@") ? `everything else ${address}` : address))),
      account.MoreAddresses && h("p", { class: "hint" }, "And more."),
    ),
    account.Aliases.length > 0 &&
      h("section", {}, h("h2", {}, "Lists and aliases"), h("ul", { class: "plain" }, ...account.Aliases.map(aliasItem))),
    h("section", {}, h("h2", {}, "Space"), quota(account)),
    h("section", {}, h("h2", {}, "Settings for mail programs"),
      h("p", {}, `The user name is ${account.LoginAddress}.`),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Settings for mail programs" }, h("table", {},
        h("thead", {}, h("tr", {}, ...["Service", "Server", "Port", "Security"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {},
          service("Reading (IMAP)", account.Services.IMAPS, "TLS"),
          service("Reading (IMAP)", account.Services.IMAP, "STARTTLS"),
          service("Sending (SMTP)", account.Services.Submissions, "TLS"),
          service("Sending (SMTP)", account.Services.Submission, "STARTTLS"),
        ))),
    ),
  );
}

/** 20 characters without bias from 64: 120 bits. */
function generatePassword(): string {
  const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.+!?=";
  const octets = crypto.getRandomValues(new Uint8Array(20));
  return [...octets].map((octet) => alphabet[octet % 64]).join("");
}

export async function passwordPage(): Promise<HTMLElement> {
  const input = (autocomplete: string) => h("input", { type: "password", autocomplete, required: true });
  const current = input("current-password");
  const fresh = input("new-password");
  const again = input("new-password");
  const said = h("p", { class: "good", hidden: true });
  fresh.minLength = 8;
  const generated = h("output", { class: "code" });
  const tools = h("div", { class: "row", hidden: true }, generated, copyButton(() => fresh.value));
  const generate = () => {
    fresh.value = again.value = generatePassword();
    generated.textContent = fresh.value;
    tools.hidden = false;
    announce("A password was generated.");
  };
  return h(
    "main",
    {},
    h("h1", {}, "Password"),
    h("p", {}, "Every mail program that logs in with the password has to be told the new one. Keys of devices stay as they are."),
    form(
      async () => {
        said.hidden = true;
        if (fresh.value !== again.value) {
          again.focus();
          throw new Error("The new passwords are not the same.");
        }
        await api.setPassword(current.value, fresh.value);
        current.value = fresh.value = again.value = "";
        tools.hidden = true;
        said.textContent = "The password has been changed. All other logins have ended.";
        said.hidden = false;
        announce(said.textContent);
      },
      "Change password",
      field("Current password", current),
      field("New password", fresh, "12 or more random characters, used nowhere else: programs guess passwords all day."),
      field("New password again", again),
      h("p", {}, h("button", { type: "button", click: generate }, "Generate a password")),
      tools,
    ),
    said,
  );
}
