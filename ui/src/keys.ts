// TLS public keys: what is there, adding one from a certificate, making one for a device.
import * as api from "./api";
import { announce, checkbox, copyButton, download, fact, field, form, h, newId, removeButton, time } from "./dom";
import { pem } from "./der";
import { identityPem, makeIdentity, supportedKinds, type Identity, type KeyKind } from "./identity";
import { makeProfile } from "./mobileconfig";
import { makePassphrase, makePkcs12, type Strength } from "./pkcs12";

const PREAUTH_LABEL = "IMAP waits for a login";
const PREAUTH_HINT = "For programs that do not expect to be logged in already, and fail when they are.";

const COMMANDS = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\
  -days 36500 -subj /CN=mailkey -keyout key.pem -out cert.pem
openssl pkcs12 -export -inkey key.pem -in cert.pem -out key.p12`;

const KINDS: Record<KeyKind, string> = { "ecdsa-p256": "ECDSA P-256 (works everywhere)", ed25519: "Ed25519 (newer; Thunderbird cannot import it)" };

/** In groups, so that people can compare it. */
const grouped = (fingerprint: string) => fingerprint.replace(/(.{8})(?=.)/g, "$1 ");

const fileName = (name: string) => name.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^-+|-+$/g, "") || "key";

// ---- the list ----

function keyItem(key: api.TlsKey, account: api.Account, changed: (text: string) => void): HTMLElement {
  const titleId = newId("key");
  const name = h("input", { type: "text", value: key.Name, required: true, maxlength: 200 });
  const address = addressInput(account, key.LoginAddress);
  const preauth = checkbox(PREAUTH_LABEL, PREAUTH_HINT, key.NoIMAPPreauth);
  const save = async () => {
    await api.updateTlsKey({
      ...key, Name: name.value, LoginAddress: address.value, NoIMAPPreauth: preauth.input.checked,
    });
    changed(`The key ${name.value} has been changed.`);
  };
  const remove = async () => {
    await api.removeTlsKey(key.Fingerprint);
    changed(`The key ${key.Name} has been removed.`);
  };
  return h(
    "li",
    { class: "card", "aria-labelledby": titleId },
    h("h3", { id: titleId }, key.Name),
    h("dl", { class: "facts wide-last" },
      fact("Type", key.Type),
      fact("Logs in as", key.LoginAddress),
      fact("Added", time(key.Created, "")),
      fact("Last used", time(key.LastUsed, "never")),
      fact("IMAP", key.NoIMAPPreauth ? "waits for a login" : "logged in at once"),
      fact("Fingerprint", h("code", { class: "wrap" }, grouped(key.Fingerprint)))),
    h("details", {}, h("summary", {}, "Change"),
      form(save, "Save", field("Name", name), field("Login address", address), preauth.row)),
    removeButton(`key ${key.Name}`,
      "Programs that use it can no longer log in. This cannot be undone: a new key has to be made then.", remove),
  );
}

function addressInput(account: api.Account, chosen: string): HTMLSelectElement {
  const addresses = account.Addresses.filter((address) => !address.startsWith("@"));
  if (!addresses.includes(chosen)) addresses.unshift(chosen);
  return h("select", {}, ...addresses.map((address) => h("option", { value: address, selected: address === chosen }, address)));
}

// ---- adding a certificate ----

function addForm(account: api.Account, changed: (text: string) => void): HTMLElement {
  const name = h("input", { type: "text", maxlength: 200 });
  const address = addressInput(account, account.LoginAddress);
  const text = h("textarea", { rows: 6, required: true, spellcheck: "false", class: "code",
    placeholder: "-----BEGIN CERTIFICATE-----" });
  const file = h("input", { type: "file", accept: ".pem,.crt,.cer,application/x-pem-file" });
  const preauth = checkbox(PREAUTH_LABEL, PREAUTH_HINT);
  const take = async (chosen: File | undefined) => {
    if (!chosen) return;
    text.value = chosen.size > 32768 ? "" : await chosen.text();
    announce(`${chosen.name} has been read.`);
  };
  file.addEventListener("change", () => void take(file.files?.[0]));
  const drop = h("div", { class: "drop" }, field("Certificate", text,
    "PEM. Paste it, drop the file here, or choose it below. Only the public key in it counts, neither names nor dates."));
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
  return h("details", { class: "card" }, h("summary", {}, "Add a key that you have"),
    h("p", {}, "Make a key and a certificate with OpenSSL, and give only cert.pem to this page:"),
    h("div", { class: "commands" }, h("pre", { tabindex: 0, "aria-label": "Commands" }, h("code", {}, COMMANDS)), copyButton(() => COMMANDS, "Copy commands")),
    h("p", { class: "hint" }, "The second command makes the file that mail programs import. Apple’s programs need -legacy in it."),
    form(async () => {
      const key = await api.addTlsKey(address.value, name.value, preauth.input.checked, text.value);
      text.value = name.value = file.value = "";
      changed(`The key ${key.Name} has been added.`);
    }, "Add key", drop, field("File", file), field("Name", name, "When it is empty, the name in the certificate."),
      field("Login address", address), preauth.row));
}

// ---- making one ----

function results(identity: Identity, account: api.Account, address: string): HTMLElement {
  const passphrase = makePassphrase();
  const base = fileName(identity.name);
  const { Host, IMAPS, IMAP, Submissions, Submission } = account.Services;
  const savePkcs12 = async (strength: Strength) =>
    download(`${base}.p12`, "application/x-pkcs12", await makePkcs12(identity, passphrase, strength));
  const saveProfile = async () =>
    download(`${base}.mobileconfig`, "application/x-apple-aspen-config", makeProfile({
      address, name: identity.name, host: Host, imaps: IMAPS, imap: IMAP, submissions: Submissions,
      submission: Submission, pkcs12: await makePkcs12(identity, passphrase, "apple"),
    }));
  const option = (label: string, hint: string, click: () => void) => {
    const id = newId("hint");
    return h("li", {}, h("button", { type: "button", "aria-describedby": id, click }, label), h("p", { class: "hint", id }, hint));
  };
  const title = h("h3", { tabindex: -1 }, `The key for ${identity.name} is ready`);
  setTimeout(() => title.focus());
  return h("div", { class: "result" }, title,
    h("p", {}, h("strong", {}, "Save it now."), " It was made in this browser, the server never has it, and it is gone when you leave this page."),
    h("p", {}, "Passphrase of the files, shown only here. The device asks for it once:"),
    h("div", { class: "row" }, h("output", { class: "code passphrase", "aria-label": "Passphrase" }, passphrase), copyButton(() => passphrase)),
    h("ul", { class: "plain downloads" },
      option("Save .p12", "For Thunderbird, FairEmail, K-9, Outlook and most others: import it as your certificate.",
        () => void savePkcs12("modern")),
      option("Save .p12 for Apple", "The same with the older ciphers that Apple’s importers read.",
        () => void savePkcs12("apple")),
      option("Save .mobileconfig", "For an iPhone, iPad or Mac: a profile with the key and the mail account. In Mail on a Mac choose “External (TLS Client Certificate)” as authentication.",
        () => void saveProfile()),
      option("Save .pem", "Certificate and private key without a passphrase, for godwit sendmail, mbsync, curl and scripts.",
        () => download(`${base}.pem`, "application/x-pem-file", identityPem(identity)))));
}

function makeForm(account: api.Account, kinds: KeyKind[], changed: (text: string) => void): HTMLElement {
  if (kinds.length === 0)
    return h("section", { class: "card" }, h("h2", {}, "Make a key for a device"),
      h("p", {}, "This browser makes keys only on pages that come over HTTPS."));
  const name = h("input", { type: "text", required: true, maxlength: 60, placeholder: "Ann’s phone" });
  const address = addressInput(account, account.LoginAddress);
  const kind = h("select", {}, ...kinds.map((each) => h("option", { value: each }, KINDS[each])));
  const preauth = checkbox(PREAUTH_LABEL, PREAUTH_HINT);
  const place = h("div", {});
  return h("section", { class: "card" }, h("h2", {}, "Make a key for a device"),
    h("p", {}, "Each device gets a key of its own, and needs no password. The private key is made in this browser and never leaves it, except into the file that you save."),
    form(async () => {
      const identity = await makeIdentity(name.value.trim(), kind.value as KeyKind);
      await api.addTlsKey(address.value, identity.name, preauth.input.checked, pem("CERTIFICATE", identity.certificate));
      place.replaceChildren(results(identity, account, address.value));
      name.value = "";
      changed(`The key for ${identity.name} has been made.`);
    }, "Make key", field("Name of the device", name), field("Login address", address), field("Kind of key", kind), preauth.row),
    place);
}

export async function keysPage(): Promise<HTMLElement> {
  const [account, kinds] = await Promise.all([api.account(), supportedKinds()]);
  const list = h("ul", { class: "plain cards" });
  const listTitle = h("h2", { tabindex: -1 }, "Keys");
  const show = async () => {
    const keys = await api.tlsKeys();
    list.replaceChildren(...keys.map((key) => keyItem(key, account, removed)));
    if (keys.length === 0) list.replaceChildren(h("li", { class: "quiet" }, "None"));
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
  return h("main", {}, h("h1", {}, "TLS public keys"),
    h("p", {}, "Mail programs can log in with a key instead of a password. The server keeps its public half, and looks at nothing else of a certificate."),
    makeForm(account, kinds, changed), addForm(account, removed),
    h("section", {}, listTitle, list));
}
