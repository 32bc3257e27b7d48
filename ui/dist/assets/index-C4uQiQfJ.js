class ApiError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}
const TOKEN = "webaccountcsrftoken";
const loggedIn = () => localStorage.getItem(TOKEN) !== null;
const forgetLogin = () => localStorage.removeItem(TOKEN);
async function call(name, ...params) {
  const token = localStorage.getItem(TOKEN);
  let answer;
  try {
    answer = await fetch(`/account/api/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...token ? { "x-godwit-csrf": token } : {} },
      body: JSON.stringify({ params })
    });
  } catch {
    throw new ApiError("network", "The server cannot be reached. Try again.");
  }
  if (answer.status === 429) throw new ApiError("user:error", "Too many attempts. Try again in a minute.");
  if (!answer.headers.get("Content-Type")?.startsWith("application/json"))
    throw new ApiError("server:error", `The server answered with status ${answer.status}. Try again.`);
  const body = await answer.json();
  if (!body.error) return body.result;
  const message = body.error.message;
  throw new ApiError(body.error.code, message.charAt(0).toUpperCase() + message.slice(1) + ".");
}
async function login(address2, password) {
  forgetLogin();
  const token = await call("LoginPrep");
  localStorage.setItem(TOKEN, await call("Login", token, address2, password));
}
async function logout() {
  try {
    await call("Logout");
  } finally {
    localStorage.clear();
  }
}
const account = () => call("Account");
const setPassword = (current, fresh) => call("SetPassword", current, fresh);
const tlsKeys = () => call("TLSPublicKeys");
const addTlsKey = (address2, name, noPreauth, certificate) => call("TLSPublicKeyAdd", address2, name, noPreauth, certificate);
const updateTlsKey = (key) => call("TLSPublicKeyUpdate", key.Fingerprint, key.LoginAddress, key.Name, key.NoIMAPPreauth);
const removeTlsKey = (fingerprint) => call("TLSPublicKeyRemove", fingerprint);
const appPasswords = () => call("AppPasswords");
const addAppPassword = (name, imap, submission, web, days) => call("AppPasswordAdd", name, imap, submission, web, days);
const removeAppPassword = (name) => call("AppPasswordRemove", name);
const loginAttempts = (max) => call("LoginAttempts", max);
function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== void 0) element.setAttribute(name, String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}
function announce(text) {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}
let ids = 0;
const newId = (prefix) => `${prefix}-${++ids}`;
function field(label, input, hint) {
  input.id ||= newId("field");
  const help = hint ? h("p", { class: "hint", id: newId("hint") }, hint) : null;
  if (help) input.setAttribute("aria-describedby", help.id);
  return h("div", { class: "field" }, h("label", { for: input.id }, label), input, help);
}
function checkbox(label, hint, on = false) {
  const input = h("input", { type: "checkbox", id: newId("check"), checked: on });
  const help = h("p", { class: "hint", id: newId("hint") }, hint);
  input.setAttribute("aria-describedby", help.id);
  return { row: h("div", { class: "check" }, input, h("div", {}, h("label", { for: input.id }, label), help)), input };
}
function form(submit, button, ...children) {
  const problem2 = h("p", { class: "problem", role: "alert", hidden: true });
  const send = h("button", { type: "submit", class: "primary" }, button);
  const element = h("form", { novalidate: true }, ...children, problem2, h("div", { class: "actions" }, send));
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wrong = element.querySelector(":invalid:not(fieldset)");
    problem2.hidden = true;
    if (wrong) {
      problem2.textContent = wrong.validationMessage;
      problem2.hidden = false;
      wrong.focus();
      return;
    }
    send.disabled = true;
    try {
      await submit();
    } catch (error) {
      problem2.textContent = error instanceof Error ? error.message : String(error);
      problem2.hidden = false;
    } finally {
      send.disabled = false;
    }
  });
  return element;
}
function copyButton(text, label = "Copy") {
  const button = h("button", { type: "button", class: "small" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
      announce("Copied");
    } catch {
      button.textContent = "Select it and copy";
    }
    setTimeout(() => button.textContent = label, 2e3);
  });
  return button;
}
function download(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 6e4);
}
function confirm(title, text, action) {
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
        h("button", { type: "button", class: "danger", click: () => dialog.close("yes") }, action)
      )
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
function removeButton(what, warning, remove) {
  const problem2 = h("p", { class: "problem", role: "alert", hidden: true });
  const click = async () => {
    problem2.hidden = true;
    if (!await confirm(`Remove the ${what}?`, warning, "Remove")) return;
    try {
      await remove();
    } catch (error) {
      problem2.textContent = error instanceof Error ? error.message : String(error);
      problem2.hidden = false;
    }
  };
  return h(
    "div",
    {},
    problem2,
    h("button", { type: "button", class: "danger small", click: () => void click(), "aria-label": `Remove the ${what}` }, "Remove")
  );
}
const fact = (term, value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
function time(text, never) {
  if (!text) return h("span", { class: "quiet" }, never);
  const shown2 = new Date(text).toLocaleString(void 0, { dateStyle: "medium", timeStyle: "short" });
  return h("time", { datetime: text }, shown2);
}
function size(octets) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (octets >= 1024 && unit < units.length - 1) {
    octets /= 1024;
    unit++;
  }
  return `${unit === 0 ? octets : octets.toFixed(1)} ${units[unit]}`;
}
const scopes = (password) => [password.IMAP && "reading (IMAP)", password.Submission && "sending", password.Web && "this page"].filter(Boolean).join(", ");
function passwordItem(password, changed) {
  const titleId = newId("password");
  const remove = async () => {
    await removeAppPassword(password.Name);
    changed(`The app password ${password.Name} has been removed.`);
  };
  return h(
    "li",
    { class: "card", "aria-labelledby": titleId },
    h("h3", { id: titleId }, password.Name),
    h(
      "dl",
      { class: "facts" },
      fact("Good for", scopes(password)),
      fact("Added", time(password.Created, "")),
      fact("Last used", time(password.LastUsed, "never")),
      fact("Ends", time(password.Expires, "never"))
    ),
    removeButton(
      `app password ${password.Name}`,
      "What uses it can no longer log in. Everything that is logged in to the account has to log in again, except this page.",
      remove
    )
  );
}
function result(name, password) {
  const title = h("h3", { tabindex: -1 }, `The app password for ${name}`);
  setTimeout(() => title.focus());
  return h(
    "div",
    { class: "result" },
    title,
    h("p", {}, "Give it to the program now: it is shown only here."),
    h(
      "div",
      { class: "row" },
      h("output", { class: "code passphrase", "aria-label": "App password" }, password),
      copyButton(() => password)
    )
  );
}
function addForm$1(changed) {
  const name = h("input", { type: "text", required: true, maxlength: 60, placeholder: "Office printer" });
  const imap = checkbox("Reading", "IMAP", true);
  const submission = checkbox("Sending", "SMTP submission", true);
  const web = checkbox("This page", "Whoever has it can then change the account.");
  const ends = h("select", {}, ...[["0", "Never"], ["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"]].map(([value, label]) => h("option", { value }, label)));
  const place = h("div", {});
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "New app password"),
    form(
      async () => {
        const password = await addAppPassword(
          name.value,
          imap.input.checked,
          submission.input.checked,
          web.input.checked,
          Number(ends.value)
        );
        place.replaceChildren(result(name.value, password));
        changed(`The app password for ${name.value} has been made.`);
        name.value = "";
      },
      "Make app password",
      field("Name of the program or device", name),
      h("fieldset", {}, h("legend", {}, "Good for"), imap.row, submission.row, web.row),
      field("Ends", ends)
    ),
    place
  );
}
async function appPasswordsPage() {
  const list = h("ul", { class: "plain cards" });
  const listTitle = h("h2", { tabindex: -1 }, "App passwords in use");
  const show2 = async () => {
    const passwords = await appPasswords();
    list.replaceChildren(...passwords.map((password) => passwordItem(password, removed)));
    if (passwords.length === 0) list.replaceChildren(h("li", { class: "quiet" }, "None"));
  };
  const changed = (text) => {
    announce(text);
    void show2();
  };
  const removed = (text) => {
    changed(text);
    listTitle.focus();
  };
  await show2();
  return h(
    "main",
    {},
    h("h1", {}, "App passwords"),
    h("p", {}, "A password of its own for one program or device, which can be taken back without touching the others."),
    addForm$1(changed),
    h("section", {}, listTitle, list)
  );
}
const RESULTS = {
  ok: "Logged in",
  baduser: "Unknown address",
  badpassword: "Wrong password",
  badcreds: "Wrong credentials",
  badchanbind: "Bound to another connection",
  badprotocol: "Not understood",
  logindisabled: "Logins are disabled",
  error: "Fault of the server",
  aborted: "Given up"
};
const PROTOCOLS = { imap: "Reading (IMAP)", submission: "Sending (SMTP)", web: "This page" };
const connection = (tls) => tls.replace("version=TLS", "TLS ").replace("ciphersuite=TLS_", "").replaceAll("_", " ") || "without TLS";
function attemptRow(attempt) {
  const times = attempt.Count > 1 ? `${attempt.Count} times` : "once";
  return h(
    "li",
    { class: "card attempt" },
    h("h3", { class: attempt.Result === "ok" ? "good-text" : "danger-text" }, RESULTS[attempt.Result] ?? attempt.Result),
    h(
      "dl",
      { class: "facts" },
      fact("When", time(attempt.Last, "")),
      fact("From", attempt.RemoteIP ?? "this machine"),
      fact("As", attempt.LoginAddress),
      fact("How", `${PROTOCOLS[attempt.Protocol] ?? attempt.Protocol}, ${attempt.Mechanism}`),
      fact("How often", times),
      fact("Connection", connection(attempt.TLS))
    )
  );
}
async function attemptsPage() {
  const list = h("ul", { class: "plain cards" });
  const more = h("button", { type: "button" }, "Show all of the last 30 days");
  const show2 = async (max) => {
    const attempts = await loginAttempts(max);
    list.replaceChildren(...attempts.map(attemptRow));
    if (attempts.length === 0) list.replaceChildren(h("li", { class: "quiet" }, "None"));
    more.hidden = attempts.length < max;
  };
  more.addEventListener("click", () => {
    void show2(500).then(() => announce("All login attempts are shown."));
  });
  await show2(10);
  return h(
    "main",
    {},
    h("h1", {}, "Recent login attempts"),
    h("p", {}, "Equal attempts are one entry. If you do not know one that logged in, change the password and remove keys and app passwords that are not yours."),
    list,
    more
  );
}
function concat(...parts) {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
function utf8(text) {
  return new TextEncoder().encode(text);
}
function tlv(tag, content) {
  const length = [];
  if (content.length < 128) {
    length.push(content.length);
  } else {
    for (let n = content.length; n > 0; n = Math.floor(n / 256)) length.unshift(n % 256);
    length.unshift(128 | length.length);
  }
  return concat(Uint8Array.of(tag, ...length), content);
}
const sequence = (...parts) => tlv(48, concat(...parts));
const octetString = (content) => tlv(4, content);
const bitString = (content, unused = 0) => tlv(3, concat(Uint8Array.of(unused), content));
const utf8String = (text) => tlv(12, utf8(text));
const generalizedTime = (text) => tlv(24, utf8(text));
const utcTime = (text) => tlv(23, utf8(text));
const nothing = () => Uint8Array.of(5, 0);
const yes = () => Uint8Array.of(1, 1, 255);
const explicit = (tag, content) => tlv(160 | tag, content);
const implicit = (tag, content) => tlv(128 | tag, content);
function set(...parts) {
  const order = (a, b) => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i] - b[i];
    return a.length - b.length;
  };
  return tlv(49, concat(...[...parts].sort(order)));
}
function unsigned(octets) {
  let at = 0;
  while (at < octets.length - 1 && octets[at] === 0) at++;
  const rest = octets.subarray(at);
  return tlv(2, rest[0] & 128 ? concat(Uint8Array.of(0), rest) : rest);
}
function integer(value) {
  const octets = [];
  do {
    octets.unshift(value % 256);
    value = Math.floor(value / 256);
  } while (value > 0);
  return unsigned(Uint8Array.from(octets));
}
function oid(text) {
  const [first, second, ...rest] = text.split(".").map(Number);
  const octets = [];
  for (let arc of [first * 40 + second, ...rest]) {
    const group = [arc % 128];
    for (arc = Math.floor(arc / 128); arc > 0; arc = Math.floor(arc / 128)) group.unshift(128 | arc % 128);
    octets.push(...group);
  }
  return tlv(6, Uint8Array.from(octets));
}
function utf16(text) {
  const out = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) new DataView(out.buffer).setUint16(2 * i, text.charCodeAt(i));
  return out;
}
const bmpString = (text) => tlv(30, utf16(text));
function base64(octets) {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return btoa(text);
}
function pem(label, octets) {
  const lines = base64(octets).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----
${lines.join("\n")}
-----END ${label}-----
`;
}
const algorithms = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256" },
  ed25519: { name: "Ed25519" }
};
const signatures = { "ecdsa-p256": "1.2.840.10045.4.3.2", ed25519: "1.3.101.112" };
async function supportedKinds() {
  const found = [];
  if (!globalThis.crypto?.subtle) return found;
  for (const kind of Object.keys(algorithms)) {
    try {
      await crypto.subtle.generateKey(algorithms[kind], false, ["sign", "verify"]);
      found.push(kind);
    } catch {
    }
  }
  return found;
}
function toBeSigned(name, kind, publicKey) {
  const serial = crypto.getRandomValues(new Uint8Array(16));
  serial[0] = serial[0] & 127 | 64;
  const who = sequence(set(sequence(oid("2.5.4.3"), utf8String(name))));
  const extension = (id, critical, value) => sequence(oid(id), ...critical ? [yes()] : [], octetString(value));
  return sequence(
    explicit(0, integer(2)),
    unsigned(serial),
    sequence(oid(signatures[kind])),
    who,
    // RFC 5280 4.1.2.5: no well-defined end. Keys end when they are removed from the account.
    sequence(utcTime("200101000000Z"), generalizedTime("99991231235959Z")),
    who,
    publicKey,
    explicit(
      3,
      sequence(
        extension("2.5.29.19", true, sequence()),
        extension("2.5.29.15", true, bitString(Uint8Array.of(128), 7)),
        extension("2.5.29.37", false, sequence(oid("1.3.6.1.5.5.7.3.2")))
      )
    )
  );
}
function ecdsaSignature(raw) {
  const half = raw.length / 2;
  return sequence(unsigned(raw.subarray(0, half)), unsigned(raw.subarray(half)));
}
async function makeIdentity(name, kind) {
  const subtle = crypto.subtle;
  const pair = await subtle.generateKey(algorithms[kind], true, ["sign", "verify"]);
  const publicKey = new Uint8Array(await subtle.exportKey("spki", pair.publicKey));
  const content = toBeSigned(name, kind, publicKey);
  const how = kind === "ed25519" ? { name: "Ed25519" } : { name: "ECDSA", hash: "SHA-256" };
  const raw = new Uint8Array(await subtle.sign(how, pair.privateKey, content));
  const signature = kind === "ed25519" ? raw : ecdsaSignature(raw);
  return {
    name,
    privateKey: new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey)),
    certificate: sequence(content, sequence(oid(signatures[kind])), bitString(signature))
  };
}
function identityPem(identity) {
  return pem("CERTIFICATE", identity.certificate) + pem("PRIVATE KEY", identity.privateKey);
}
const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
function write(value) {
  if (typeof value === "string") return `<string>${escape(value)}</string>`;
  if (typeof value === "number") return `<integer>${value}</integer>`;
  if (typeof value === "boolean") return value ? "<true/>" : "<false/>";
  if (value instanceof Uint8Array) return `<data>${base64(value)}</data>`;
  if (Array.isArray(value)) return `<array>${value.map(write).join("")}</array>`;
  const entries = Object.entries(value).map(([key, item]) => `<key>${escape(key)}</key>${write(item)}
`);
  return `<dict>
${entries.join("")}</dict>`;
}
function payload(type, id, name, content) {
  return {
    PayloadType: type,
    PayloadVersion: 1,
    PayloadIdentifier: id,
    PayloadUUID: crypto.randomUUID().toUpperCase(),
    PayloadDisplayName: name,
    ...content
  };
}
function makeProfile(options) {
  const id = `org.godwit.${options.address.replace(/[^A-Za-z0-9.]/g, "-")}`;
  const tls = options.imaps > 0;
  const submissionTls = options.submissions > 0;
  const identity = payload("com.apple.security.pkcs12", `${id}.identity`, `Key for mail: ${options.name}`, {
    PayloadCertificateFileName: "mail.p12",
    PayloadContent: options.pkcs12
  });
  const mail = payload("com.apple.mail.managed", `${id}.mail`, options.address, {
    EmailAccountType: "EmailTypeIMAP",
    EmailAccountDescription: options.address,
    EmailAddress: options.address,
    IncomingMailServerAuthentication: "EmailAuthNone",
    IncomingMailServerHostName: options.host,
    IncomingMailServerPortNumber: tls ? options.imaps : options.imap,
    IncomingMailServerUseSSL: true,
    IncomingMailServerUsername: options.address,
    OutgoingMailServerAuthentication: "EmailAuthNone",
    OutgoingMailServerHostName: options.host,
    OutgoingMailServerPortNumber: submissionTls ? options.submissions : options.submission,
    OutgoingMailServerUseSSL: true,
    OutgoingMailServerUsername: options.address
  });
  const profile = payload("Configuration", id, `Mail: ${options.address}`, { PayloadContent: [identity, mail] });
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
${write(profile)}
</plist>
`;
}
const table = (text) => text.trim().split(/\s+/).map(Number);
const INITIAL = table(`58 50 42 34 26 18 10 2 60 52 44 36 28 20 12 4 62 54 46 38 30 22 14 6 64 56 48 40 32 24 16 8
  57 49 41 33 25 17 9 1 59 51 43 35 27 19 11 3 61 53 45 37 29 21 13 5 63 55 47 39 31 23 15 7`);
const EXPANSION = table(`32 1 2 3 4 5 4 5 6 7 8 9 8 9 10 11 12 13 12 13 14 15 16 17 16 17 18 19 20 21 20 21 22 23 24 25
  24 25 26 27 28 29 28 29 30 31 32 1`);
const MIX = table("16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25");
const CHOICE_1 = table(`57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36
  63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4`);
const CHOICE_2 = table(`14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2
  41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32`);
const SHIFTS = table("1 1 2 2 2 2 2 2 1 2 2 2 2 2 2 1");
const SUBSTITUTIONS = [
  `14 4 13 1 2 15 11 8 3 10 6 12 5 9 0 7 0 15 7 4 14 2 13 1 10 6 12 11 9 5 3 8
   4 1 14 8 13 6 2 11 15 12 9 7 3 10 5 0 15 12 8 2 4 9 1 7 5 11 3 14 10 0 6 13`,
  `15 1 8 14 6 11 3 4 9 7 2 13 12 0 5 10 3 13 4 7 15 2 8 14 12 0 1 10 6 9 11 5
   0 14 7 11 10 4 13 1 5 8 12 6 9 3 2 15 13 8 10 1 3 15 4 2 11 6 7 12 0 5 14 9`,
  `10 0 9 14 6 3 15 5 1 13 12 7 11 4 2 8 13 7 0 9 3 4 6 10 2 8 5 14 12 11 15 1
   13 6 4 9 8 15 3 0 11 1 2 12 5 10 14 7 1 10 13 0 6 9 8 7 4 15 14 3 11 5 2 12`,
  `7 13 14 3 0 6 9 10 1 2 8 5 11 12 4 15 13 8 11 5 6 15 0 3 4 7 2 12 1 10 14 9
   10 6 9 0 12 11 7 13 15 1 3 14 5 2 8 4 3 15 0 6 10 1 13 8 9 4 5 11 12 7 2 14`,
  `2 12 4 1 7 10 11 6 8 5 3 15 13 0 14 9 14 11 2 12 4 7 13 1 5 0 15 10 3 9 8 6
   4 2 1 11 10 13 7 8 15 9 12 5 6 3 0 14 11 8 12 7 1 14 2 13 6 15 0 9 10 4 5 3`,
  `12 1 10 15 9 2 6 8 0 13 3 4 14 7 5 11 10 15 4 2 7 12 9 5 6 1 13 14 0 11 3 8
   9 14 15 5 2 8 12 3 7 0 4 10 1 13 11 6 4 3 2 12 9 5 15 10 11 14 1 7 6 0 8 13`,
  `4 11 2 14 15 0 8 13 3 12 9 7 5 10 6 1 13 0 11 7 4 9 1 10 14 3 5 12 2 15 8 6
   1 4 11 13 12 3 7 14 10 15 6 8 0 5 9 2 6 11 13 8 1 4 10 7 9 5 0 15 14 2 3 12`,
  `13 2 8 4 6 15 11 1 10 9 3 14 5 0 12 7 1 15 13 8 10 3 7 4 12 5 6 11 0 14 9 2
   7 11 4 1 9 12 14 2 0 6 10 13 15 3 5 8 2 1 14 7 4 10 8 13 15 12 9 0 3 5 6 11`
].map(table);
const pick = (bits, places) => places.map((place) => bits[place - 1]);
const xor = (a, b) => a.map((bit, i) => bit ^ b[i]);
const toBits = (octets) => [...octets].flatMap((octet) => [7, 6, 5, 4, 3, 2, 1, 0].map((i) => octet >> i & 1));
const number = (bits) => bits.reduce((n, bit) => 2 * n + bit, 0);
function toOctets(bits) {
  return Uint8Array.from({ length: bits.length / 8 }, (_, i) => number(bits.slice(8 * i, 8 * i + 8)));
}
const FINAL = INITIAL.map((_, i) => INITIAL.indexOf(i + 1) + 1);
function schedule(key) {
  const chosen = pick(toBits(key), CHOICE_1);
  let [c, d] = [chosen.slice(0, 28), chosen.slice(28)];
  return SHIFTS.map((shift) => {
    c = [...c.slice(shift), ...c.slice(0, shift)];
    d = [...d.slice(shift), ...d.slice(0, shift)];
    return pick([...c, ...d], CHOICE_2);
  });
}
function substitute(bits) {
  return SUBSTITUTIONS.flatMap((box, i) => {
    const six = bits.slice(6 * i, 6 * i + 6);
    const value = box[number([six[0], six[5]]) * 16 + number(six.slice(1, 5))];
    return [3, 2, 1, 0].map((place) => value >> place & 1);
  });
}
function block(input, keys) {
  const first = pick(input, INITIAL);
  let [left, right] = [first.slice(0, 32), first.slice(32)];
  for (const key of keys) {
    [left, right] = [right, xor(left, pick(substitute(xor(pick(right, EXPANSION), key)), MIX))];
  }
  return pick([...right, ...left], FINAL);
}
function tripleDesEncrypt(key, iv, plain) {
  const padding = 8 - plain.length % 8;
  const padded = new Uint8Array(plain.length + padding).fill(padding);
  padded.set(plain);
  const first = schedule(key.subarray(0, 8));
  const second = schedule(key.subarray(8, 16)).reverse();
  const third = schedule(key.subarray(16, 24));
  const out = new Uint8Array(padded.length);
  let last = toBits(iv);
  for (let at = 0; at < padded.length; at += 8) {
    last = block(block(block(xor(toBits(padded.subarray(at, at + 8)), last), first), second), third);
    out.set(toOctets(last), at);
  }
  return out;
}
const DATA = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA = "1.2.840.113549.1.7.6";
const PBES2 = "1.2.840.113549.1.5.13";
const PBKDF2 = "1.2.840.113549.1.5.12";
const HMAC_SHA256 = "1.2.840.113549.2.9";
const AES256_CBC = "2.16.840.1.101.3.4.1.42";
const PBE_SHA1_3DES = "1.2.840.113549.1.12.1.3";
const SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2";
const CERT_BAG = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE = "1.2.840.113549.1.9.22.1";
const FRIENDLY_NAME = "1.2.840.113549.1.9.20";
const LOCAL_KEY_ID = "1.2.840.113549.1.9.21";
const DIGESTS = { "SHA-1": "1.3.14.3.2.26", "SHA-256": "2.16.840.1.101.3.4.2.1" };
const ITERATIONS = 1e4;
const ITERATIONS_APPLE = 2048;
const BLOCK = 64;
const random = (n) => crypto.getRandomValues(new Uint8Array(n));
async function digest(hash, octets) {
  return new Uint8Array(await crypto.subtle.digest(hash, octets));
}
function fill(octets) {
  const out = new Uint8Array(Math.ceil(octets.length / BLOCK) * BLOCK);
  for (let i = 0; i < out.length; i++) out[i] = octets[i % octets.length];
  return out;
}
function addToBlocks(input, b) {
  for (let start = 0; start < input.length; start += BLOCK) {
    let carry = 1;
    for (let i = BLOCK - 1; i >= 0; i--) {
      carry += input[start + i] + b[i];
      input[start + i] = carry & 255;
      carry >>= 8;
    }
  }
}
async function deriveKey(hash, passphrase, salt, iterations, purpose, n) {
  const diversifier = new Uint8Array(BLOCK).fill(purpose);
  const input = concat(fill(salt), fill(utf16(passphrase + "\0")));
  let out = new Uint8Array(0);
  while (out.length < n) {
    let a = await digest(hash, concat(diversifier, input));
    for (let i = 1; i < iterations; i++) a = await digest(hash, a);
    out = concat(out, a);
    addToBlocks(input, fill(a).subarray(0, BLOCK));
  }
  return out.slice(0, n);
}
async function encryptModern(passphrase, plain) {
  const salt = random(16);
  const iv = random(16);
  const base = await crypto.subtle.importKey("raw", utf8(passphrase), "PBKDF2", false, ["deriveKey"]);
  const key = await crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: ITERATIONS },
    base,
    { name: "AES-CBC", length: 256 },
    false,
    ["encrypt"]
  );
  const derivation = sequence(
    oid(PBKDF2),
    sequence(
      octetString(salt),
      integer(ITERATIONS),
      sequence(oid(HMAC_SHA256), nothing())
    )
  );
  const cipher = sequence(oid(AES256_CBC), octetString(iv));
  return {
    algorithm: sequence(oid(PBES2), sequence(derivation, cipher)),
    data: new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, key, plain))
  };
}
async function encryptApple(passphrase, plain) {
  const salt = random(8);
  const key = await deriveKey("SHA-1", passphrase, salt, ITERATIONS_APPLE, 1, 24);
  const iv = await deriveKey("SHA-1", passphrase, salt, ITERATIONS_APPLE, 2, 8);
  return {
    algorithm: sequence(
      oid(PBE_SHA1_3DES),
      sequence(octetString(salt), integer(ITERATIONS_APPLE))
    ),
    data: tripleDesEncrypt(key, iv, plain)
  };
}
function bag(id, value, identity, keyId) {
  const attribute = (type, content) => sequence(oid(type), set(content));
  return sequence(
    oid(id),
    explicit(0, value),
    set(attribute(FRIENDLY_NAME, bmpString(identity.name)), attribute(LOCAL_KEY_ID, octetString(keyId)))
  );
}
async function macOf(strength, passphrase, content) {
  const hash = strength === "modern" ? "SHA-256" : "SHA-1";
  const iterations = strength === "modern" ? ITERATIONS : ITERATIONS_APPLE;
  const salt = random(strength === "modern" ? 16 : 8);
  const octets = await deriveKey(hash, passphrase, salt, iterations, 3, hash === "SHA-256" ? 32 : 20);
  const key = await crypto.subtle.importKey("raw", octets, { name: "HMAC", hash }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
  return sequence(
    sequence(sequence(oid(DIGESTS[hash]), nothing()), octetString(mac)),
    octetString(salt),
    integer(iterations)
  );
}
async function makePkcs12(identity, passphrase, strength) {
  const encrypt = strength === "modern" ? encryptModern : encryptApple;
  const keyId = await digest("SHA-1", identity.certificate);
  const certificate = sequence(oid(X509_CERTIFICATE), explicit(0, octetString(identity.certificate)));
  const certificates = await encrypt(passphrase, sequence(bag(CERT_BAG, certificate, identity, keyId)));
  const key = await encrypt(passphrase, identity.privateKey);
  const keys = sequence(
    bag(SHROUDED_KEY_BAG, sequence(key.algorithm, octetString(key.data)), identity, keyId)
  );
  const content = sequence(
    sequence(
      oid(ENCRYPTED_DATA),
      explicit(
        0,
        sequence(
          integer(0),
          sequence(oid(DATA), certificates.algorithm, implicit(0, certificates.data))
        )
      )
    ),
    sequence(oid(DATA), explicit(0, octetString(keys)))
  );
  return sequence(
    integer(3),
    sequence(oid(DATA), explicit(0, octetString(content))),
    await macOf(strength, passphrase, content)
  );
}
function makePassphrase() {
  const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  const letters = [...random(25)].map((octet) => alphabet[octet % 32]);
  return letters.join("").replace(/(.{5})(?=.)/g, "$1-");
}
const PREAUTH_LABEL = "IMAP waits for a login";
const PREAUTH_HINT = "For programs that do not expect to be logged in already, and fail when they are.";
const COMMANDS = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
  -days 36500 -subj /CN=mailkey -keyout key.pem -out cert.pem
openssl pkcs12 -export -inkey key.pem -in cert.pem -out key.p12`;
const KINDS = { "ecdsa-p256": "ECDSA P-256 (works everywhere)", ed25519: "Ed25519 (newer; Thunderbird cannot import it)" };
const grouped = (fingerprint) => fingerprint.replace(/(.{8})(?=.)/g, "$1 ");
const fileName = (name) => name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^-+|-+$/g, "") || "key";
function keyItem(key, account2, changed) {
  const titleId = newId("key");
  const name = h("input", { type: "text", value: key.Name, required: true, maxlength: 200 });
  const address2 = addressInput(account2, key.LoginAddress);
  const preauth = checkbox(PREAUTH_LABEL, PREAUTH_HINT, key.NoIMAPPreauth);
  const save = async () => {
    await updateTlsKey({
      ...key,
      Name: name.value,
      LoginAddress: address2.value,
      NoIMAPPreauth: preauth.input.checked
    });
    changed(`The key ${name.value} has been changed.`);
  };
  const remove = async () => {
    await removeTlsKey(key.Fingerprint);
    changed(`The key ${key.Name} has been removed.`);
  };
  return h(
    "li",
    { class: "card", "aria-labelledby": titleId },
    h("h3", { id: titleId }, key.Name),
    h(
      "dl",
      { class: "facts wide-last" },
      fact("Type", key.Type),
      fact("Logs in as", key.LoginAddress),
      fact("Added", time(key.Created, "")),
      fact("Last used", time(key.LastUsed, "never")),
      fact("IMAP", key.NoIMAPPreauth ? "waits for a login" : "logged in at once"),
      fact("Fingerprint", h("code", { class: "wrap" }, grouped(key.Fingerprint)))
    ),
    h(
      "details",
      {},
      h("summary", {}, "Change"),
      form(save, "Save", field("Name", name), field("Login address", address2), preauth.row)
    ),
    removeButton(
      `key ${key.Name}`,
      "Programs that use it can no longer log in. This cannot be undone: a new key has to be made then.",
      remove
    )
  );
}
function addressInput(account2, chosen) {
  const addresses = account2.Addresses.filter((address2) => !address2.startsWith("@"));
  if (!addresses.includes(chosen)) addresses.unshift(chosen);
  return h("select", {}, ...addresses.map((address2) => h("option", { value: address2, selected: address2 === chosen }, address2)));
}
function addForm(account2, changed) {
  const name = h("input", { type: "text", maxlength: 200 });
  const address2 = addressInput(account2, account2.LoginAddress);
  const text = h("textarea", {
    rows: 6,
    required: true,
    spellcheck: "false",
    class: "code",
    placeholder: "-----BEGIN CERTIFICATE-----"
  });
  const file = h("input", { type: "file", accept: ".pem,.crt,.cer,application/x-pem-file" });
  const preauth = checkbox(PREAUTH_LABEL, PREAUTH_HINT);
  const take = async (chosen) => {
    if (!chosen) return;
    text.value = chosen.size > 32768 ? "" : await chosen.text();
    announce(`${chosen.name} has been read.`);
  };
  file.addEventListener("change", () => void take(file.files?.[0]));
  const drop = h("div", { class: "drop" }, field(
    "Certificate",
    text,
    "PEM. Paste it, drop the file here, or choose it below. Only the public key in it counts, neither names nor dates."
  ));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    void take(event.dataTransfer?.files[0]);
  });
  return h(
    "details",
    { class: "card" },
    h("summary", {}, "Add a key that you have"),
    h("p", {}, "Make a key and a certificate with OpenSSL, and give only cert.pem to this page:"),
    h("div", { class: "commands" }, h("pre", { tabindex: 0, "aria-label": "Commands" }, h("code", {}, COMMANDS)), copyButton(() => COMMANDS, "Copy commands")),
    h("p", { class: "hint" }, "The second command makes the file that mail programs import. Apple’s programs need -legacy in it."),
    form(
      async () => {
        const key = await addTlsKey(address2.value, name.value, preauth.input.checked, text.value);
        text.value = name.value = file.value = "";
        changed(`The key ${key.Name} has been added.`);
      },
      "Add key",
      drop,
      field("File", file),
      field("Name", name, "When it is empty, the name in the certificate."),
      field("Login address", address2),
      preauth.row
    )
  );
}
function results(identity, account2, address2) {
  const passphrase = makePassphrase();
  const base = fileName(identity.name);
  const { Host, IMAPS, IMAP, Submissions, Submission } = account2.Services;
  const savePkcs12 = async (strength) => download(`${base}.p12`, "application/x-pkcs12", await makePkcs12(identity, passphrase, strength));
  const saveProfile = async () => download(`${base}.mobileconfig`, "application/x-apple-aspen-config", makeProfile({
    address: address2,
    name: identity.name,
    host: Host,
    imaps: IMAPS,
    imap: IMAP,
    submissions: Submissions,
    submission: Submission,
    pkcs12: await makePkcs12(identity, passphrase, "apple")
  }));
  const option = (label, hint, click) => {
    const id = newId("hint");
    return h("li", {}, h("button", { type: "button", "aria-describedby": id, click }, label), h("p", { class: "hint", id }, hint));
  };
  const title = h("h3", { tabindex: -1 }, `The key for ${identity.name} is ready`);
  setTimeout(() => title.focus());
  return h(
    "div",
    { class: "result" },
    title,
    h("p", {}, h("strong", {}, "Save it now."), " It was made in this browser, the server never has it, and it is gone when you leave this page."),
    h("p", {}, "Passphrase of the files, shown only here. The device asks for it once:"),
    h("div", { class: "row" }, h("output", { class: "code passphrase", "aria-label": "Passphrase" }, passphrase), copyButton(() => passphrase)),
    h(
      "ul",
      { class: "plain downloads" },
      option(
        "Save .p12",
        "For Thunderbird, FairEmail, K-9, Outlook and most others: import it as your certificate.",
        () => void savePkcs12("modern")
      ),
      option(
        "Save .p12 for Apple",
        "The same with the older ciphers that Apple’s importers read.",
        () => void savePkcs12("apple")
      ),
      option(
        "Save .mobileconfig",
        "For an iPhone, iPad or Mac: a profile with the key and the mail account. In Mail on a Mac choose “External (TLS Client Certificate)” as authentication.",
        () => void saveProfile()
      ),
      option(
        "Save .pem",
        "Certificate and private key without a passphrase, for godwit sendmail, mbsync, curl and scripts.",
        () => download(`${base}.pem`, "application/x-pem-file", identityPem(identity))
      )
    )
  );
}
function makeForm(account2, kinds, changed) {
  if (kinds.length === 0)
    return h(
      "section",
      { class: "card" },
      h("h2", {}, "Make a key for a device"),
      h("p", {}, "This browser makes keys only on pages that come over HTTPS.")
    );
  const name = h("input", { type: "text", required: true, maxlength: 60, placeholder: "Ann’s phone" });
  const address2 = addressInput(account2, account2.LoginAddress);
  const kind = h("select", {}, ...kinds.map((each) => h("option", { value: each }, KINDS[each])));
  const preauth = checkbox(PREAUTH_LABEL, PREAUTH_HINT);
  const place = h("div", {});
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Make a key for a device"),
    h("p", {}, "Each device gets a key of its own, and needs no password. The private key is made in this browser and never leaves it, except into the file that you save."),
    form(async () => {
      const identity = await makeIdentity(name.value.trim(), kind.value);
      await addTlsKey(address2.value, identity.name, preauth.input.checked, pem("CERTIFICATE", identity.certificate));
      place.replaceChildren(results(identity, account2, address2.value));
      name.value = "";
      changed(`The key for ${identity.name} has been made.`);
    }, "Make key", field("Name of the device", name), field("Login address", address2), field("Kind of key", kind), preauth.row),
    place
  );
}
async function keysPage() {
  const [account$1, kinds] = await Promise.all([account(), supportedKinds()]);
  const list = h("ul", { class: "plain cards" });
  const listTitle = h("h2", { tabindex: -1 }, "Keys");
  const show2 = async () => {
    const keys = await tlsKeys();
    list.replaceChildren(...keys.map((key) => keyItem(key, account$1, removed)));
    if (keys.length === 0) list.replaceChildren(h("li", { class: "quiet" }, "None"));
  };
  const changed = (text) => {
    announce(text);
    void show2();
  };
  const removed = (text) => {
    changed(text);
    listTitle.focus();
  };
  await show2();
  return h(
    "main",
    {},
    h("h1", {}, "TLS public keys"),
    h("p", {}, "Mail programs can log in with a key instead of a password. The server keeps its public half, and looks at nothing else of a certificate."),
    makeForm(account$1, kinds, changed),
    addForm(account$1, removed),
    h("section", {}, listTitle, list)
  );
}
function loginPage(done) {
  const address2 = h("input", { type: "email", name: "username", autocomplete: "username", required: true, autofocus: true });
  const password = h("input", { type: "password", name: "password", autocomplete: "current-password", required: true });
  address2.type = "text";
  address2.setAttribute("inputmode", "email");
  address2.setAttribute("autocapitalize", "none");
  address2.setAttribute("spellcheck", "false");
  return h(
    "main",
    { class: "login" },
    h("h1", {}, "Mail account"),
    form(
      async () => {
        await login(address2.value, password.value).catch((error) => {
          password.value = "";
          password.focus();
          throw error;
        });
        done();
      },
      "Log in",
      field("Email address", address2),
      field("Password", password)
    )
  );
}
function quota(account2) {
  const used = `${size(account2.BytesUsed)} in ${account2.Messages.toLocaleString()} ${account2.Messages === 1 ? "message" : "messages"}`;
  if (account2.BytesLimit === 0) return h("p", {}, used);
  const percent = Math.round(100 * account2.BytesUsed / account2.BytesLimit);
  return h(
    "div",
    {},
    h("p", {}, `${used}: ${percent} % of ${size(account2.BytesLimit)}`),
    h("progress", { max: account2.BytesLimit, value: account2.BytesUsed, "aria-label": "Space used" })
  );
}
function aliasItem(alias) {
  const members = alias.Members.join(", ") + (alias.MoreMembers ? ", and more" : "");
  return h(
    "li",
    {},
    h("strong", {}, alias.Address),
    h(
      "p",
      { class: "hint" },
      `Arrives at ${alias.SubscriptionAddress}. `,
      alias.AllowMsgFrom ? "You may send from it." : "You may not send from it."
    ),
    alias.ListMembers && h("details", {}, h("summary", {}, "Members"), h("p", {}, members))
  );
}
async function overviewPage() {
  const account$1 = await account();
  const service = (name, port, tls) => port > 0 && h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, account$1.Services.Host), h("td", {}, String(port)), h("td", {}, tls));
  return h(
    "main",
    {},
    h("h1", {}, "Overview"),
    h(
      "section",
      {},
      h("h2", {}, "Addresses"),
      h("ul", { class: "plain" }, ...account$1.Addresses.map((address2) => h("li", {}, address2.startsWith("@") ? `everything else ${address2}` : address2))),
      account$1.MoreAddresses && h("p", { class: "hint" }, "And more.")
    ),
    account$1.Aliases.length > 0 && h("section", {}, h("h2", {}, "Lists and aliases"), h("ul", { class: "plain" }, ...account$1.Aliases.map(aliasItem))),
    h("section", {}, h("h2", {}, "Space"), quota(account$1)),
    h(
      "section",
      {},
      h("h2", {}, "Settings for mail programs"),
      h("p", {}, `The user name is ${account$1.LoginAddress}.`),
      h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Settings for mail programs" }, h(
        "table",
        {},
        h("thead", {}, h("tr", {}, ...["Service", "Server", "Port", "Security"].map((name) => h("th", { scope: "col" }, name)))),
        h(
          "tbody",
          {},
          service("Reading (IMAP)", account$1.Services.IMAPS, "TLS"),
          service("Reading (IMAP)", account$1.Services.IMAP, "STARTTLS"),
          service("Sending (SMTP)", account$1.Services.Submissions, "TLS"),
          service("Sending (SMTP)", account$1.Services.Submission, "STARTTLS")
        )
      ))
    )
  );
}
function generatePassword() {
  const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.+!?=";
  const octets = crypto.getRandomValues(new Uint8Array(20));
  return [...octets].map((octet) => alphabet[octet % 64]).join("");
}
async function passwordPage() {
  const input = (autocomplete) => h("input", { type: "password", autocomplete, required: true });
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
        await setPassword(current.value, fresh.value);
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
      tools
    ),
    said
  );
}
const pages = {
  overview: { title: "Overview", make: overviewPage },
  password: { title: "Password", make: passwordPage },
  apps: { title: "App passwords", make: appPasswordsPage },
  keys: { title: "TLS public keys", link: "TLS keys", make: keysPage },
  attempts: { title: "Recent login attempts", link: "Logins", make: attemptsPage }
};
const root = document.getElementById("page");
let address = "";
let shown = 0;
function header(current) {
  const link = (name) => h("a", { href: `#${name}`, "aria-current": name === current ? "page" : void 0 }, pages[name].link ?? pages[name].title);
  const leave = async () => {
    await logout().catch(() => void 0);
    location.hash = "";
    showLogin();
  };
  return h(
    "header",
    {},
    h("a", { class: "skip", href: "#content", click: (event) => {
      event.preventDefault();
      root.querySelector("h1")?.focus();
    } }, "To the content"),
    h("nav", { "aria-label": "Pages" }, ...Object.keys(pages).map(link)),
    h("div", { class: "who" }, h("span", {}, address), h("button", { type: "button", class: "small", click: () => void leave() }, "Log out"))
  );
}
function showLogin() {
  shown++;
  forgetLogin();
  address = "";
  document.title = "Log in – Mail account";
  root.replaceChildren(loginPage(() => void show()));
  root.querySelector("input")?.focus();
}
function problem(error) {
  const text = error instanceof Error ? error.message : String(error);
  return h(
    "main",
    {},
    h("h1", {}, "That did not work"),
    h("p", { role: "alert" }, text),
    h("button", { type: "button", click: () => void show() }, "Try again")
  );
}
async function show(moved = false) {
  if (!loggedIn()) return showLogin();
  const turn = ++shown;
  const name = location.hash.slice(1) in pages ? location.hash.slice(1) : "overview";
  document.title = `${pages[name].title} – Mail account`;
  let content;
  try {
    address ||= (await account()).LoginAddress;
    content = await pages[name].make();
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
