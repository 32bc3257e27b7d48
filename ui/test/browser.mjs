// browser.mjs URL USER PASSWORD DIRECTORY: the account page in headless Chromium, as people use it. Leaves pictures and
// the files of a key in DIRECTORY, and prints a line for each thing that was seen to work.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, user, password, directory] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const faults = [];
const ok = (text) => console.log(`ok ${text}`);

async function open(options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, acceptDownloads: true, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().includes("status of 4")) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("blob:")) faults.push(`asked ${request.url()}`);
  });
  await page.goto(`${url}/account/`);
  return page;
}

async function login(page, word = password) {
  await page.getByLabel("Email address").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(word);
  await page.keyboard.press("Enter");
}

async function picture(page, name) {
  await page.screenshot({ path: join(directory, `${name}.png`), fullPage: true });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name}: ${wide} pixels too wide`);
}

/** Every control has a name, and one heading is the title. */
async function labelled(page, name) {
  const nameless = await page.evaluate(() => {
    const named = (e) => e.labels?.length || e.getAttribute("aria-label") || e.textContent.trim();
    const twice = [...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i);
    return [...document.querySelectorAll("button, input, select, textarea, a")].filter((e) => !named(e))
      .map((e) => e.outerHTML).concat(twice);
  });
  assert.deepEqual(nameless, [], name);
  assert.equal(await page.locator("h1").count(), 1, name);
}

const openssl = (...args) => execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

async function save(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: button, exact: true }).click()]);
  const path = join(directory, download.suggestedFilename());
  await download.saveAs(path);
  return path;
}

async function loginWorks(page) {
  await picture(page, "login");
  await labelled(page, "login");
  await login(page, "not the password");
  await page.getByRole("alert").filter({ hasText: "Wrong address or password" }).waitFor();
  assert.equal(await page.getByLabel("Password", { exact: true }).evaluate((e) => e === document.activeElement), true);
  await login(page);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByText(user).first().waitFor();
  await labelled(page, "overview");
  ok("login, also with a wrong password");
}

async function keyWorks(page) {
  await page.getByRole("link", { name: "TLS keys" }).click();
  await page.getByRole("heading", { name: "TLS public keys" }).waitFor();
  await labelled(page, "keys");
  await page.getByLabel("Name of the device").fill("Ann’s phone");
  await page.getByRole("button", { name: "Make key" }).click();
  const passphrase = await page.getByLabel("Passphrase").textContent();
  await page.getByText("has been made").waitFor({ state: "attached" });
  await picture(page, "key-made");
  await labelled(page, "key made");
  const p12 = await save(page, "Save .p12");
  const certificate = openssl("pkcs12", "-in", p12, "-passin", `pass:${passphrase}`, "-nokeys");
  const apple = openssl("pkcs12", "-legacy", "-in", await save(page, "Save .p12 for Apple"), "-passin",
    `pass:${passphrase}`, "-nodes");
  const pem = readFileSync(await save(page, "Save .pem"), "utf8");
  const block = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/;
  assert.equal(block.exec(certificate)[0], block.exec(pem)[0]);
  assert.equal(block.exec(apple)[0], block.exec(pem)[0]);
  const profile = readFileSync(await save(page, "Save .mobileconfig"), "utf8");
  assert.match(profile, /com\.apple\.mail\.managed/);
  const fingerprint = await page.locator("dd code").first().textContent();
  const der = execFileSync("openssl", ["x509", "-pubkey", "-noout"], { input: pem });
  const spki = execFileSync("openssl", ["pkey", "-pubin", "-outform", "DER"], { input: der });
  const hash = execFileSync("openssl", ["dgst", "-sha256", "-binary"], { input: spki });
  assert.equal(fingerprint.replaceAll(" ", ""), hash.toString("base64url"));
  ok("a key made here opens with OpenSSL, and its fingerprint is the server's");
}

async function listWorks(page) {
  const card = page.getByRole("listitem").filter({ hasText: "Ann’s phone" }).filter({ has: page.locator("dl") });
  await card.getByText("Change").click();
  await card.getByLabel("Name").fill("Ann’s telephone");
  await card.getByLabel("IMAP waits for a login").check();
  await card.getByRole("button", { name: "Save" }).click();
  const renamed = page.getByRole("listitem").filter({ hasText: "Ann’s telephone" }).filter({ has: page.locator("dl") });
  await renamed.getByText("waits for a login", { exact: true }).waitFor();
  await page.getByText("Add a key that you have").click();
  await picture(page, "keys");
  await page.getByLabel("Certificate").fill("nonsense");
  await page.getByRole("button", { name: "Add key" }).click();
  await page.getByRole("alert").filter({ hasText: "PEM" }).waitFor();
  execFileSync("openssl", ["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=laptop", "-keyout",
    join(directory, "key.pem"), "-out", join(directory, "cert.pem")], { stdio: "ignore" });
  await page.getByLabel("File").setInputFiles(join(directory, "cert.pem"));
  await page.waitForFunction(() => document.querySelector("textarea").value.includes("BEGIN CERTIFICATE"));
  await page.getByRole("button", { name: "Add key" }).click();
  await page.getByRole("heading", { name: "laptop" }).waitFor();
  ok("a certificate added from a file, a key renamed");
  for (const name of ["Ann’s telephone", "laptop"]) {
    await page.getByRole("button", { name: `Remove the key ${name}` }).click();
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("button", { name: `Remove the key ${name}` }).click();
    if (name === "laptop") await picture(page, "remove");
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name }).waitFor({ state: "detached" });
  }
  ok("keys removed after a question");
}

async function appPasswordWorks(page) {
  await page.getByRole("link", { name: "App passwords" }).click();
  await page.getByRole("heading", { name: "App passwords", level: 1 }).waitFor();
  await page.getByLabel("Name of the program or device").fill("printer");
  await page.getByLabel("Reading").uncheck();
  await page.getByRole("button", { name: "Make app password" }).click();
  const word = await page.getByLabel("App password", { exact: true }).textContent();
  assert.match(word, /^[a-z0-9-]{16,}$/i);
  await page.getByRole("heading", { name: "printer", exact: true }).waitFor();
  await labelled(page, "app passwords");
  await picture(page, "apps");
  await page.getByRole("button", { name: "Remove the app password printer" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("heading", { name: "printer", exact: true }).waitFor({ state: "detached" });
  ok("an app password made and removed, and this login went on");
}

async function attemptsWork(page) {
  await page.getByRole("link", { name: "Logins" }).click();
  await page.getByRole("heading", { name: "Wrong password" }).waitFor();
  await page.getByRole("heading", { name: "Logged in" }).waitFor();
  await labelled(page, "attempts");
  await picture(page, "attempts");
  ok("attempts to log in are shown");
}

async function passwordWorks(page) {
  await page.getByRole("link", { name: "Password", exact: true }).click();
  await page.getByRole("heading", { name: "Password", exact: true }).waitFor();
  await labelled(page, "password");
  await page.getByLabel("Current password").fill("wrong password");
  await page.getByRole("button", { name: "Generate a password" }).click();
  await picture(page, "password");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByRole("alert").filter({ hasText: "The current password is wrong" }).waitFor();
  await page.getByLabel("Current password").fill(password);
  await page.getByLabel("New password again").fill("something else");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByRole("alert").filter({ hasText: "not the same" }).waitFor();
  for (const label of ["New password", "New password again"])
    await page.getByLabel(label, { exact: true }).fill(`${password} two`);
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("The password has been changed").first().waitFor();
  ok("the password changed");
}

/** Without a mouse: from the top of the page to a page and out. */
async function keyboardWorks(page) {
  await page.reload();
  await page.getByRole("heading", { name: "Password", exact: true }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Password" }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "To the content");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Overview");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1");
  await page.getByRole("button", { name: "Log out" }).focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("Email address").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("name")), "username");
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  ok("by keyboard");
}

/** Other windows: dark, and as wide as a phone. */
async function picturesOf(kind, options, word) {
  const page = await open(options);
  await picture(page, `login-${kind}`);
  await login(page, word);
  for (const [link, title, heading = link] of [["Overview", "overview"], ["Password", "password"], ["App passwords", "apps"],
    ["TLS keys", "keys", "TLS public keys"], ["Logins", "attempts", "Recent login attempts"]]) {
    await page.getByRole("link", { name: link, exact: true }).click();
    await page.getByRole("heading", { name: heading, level: 1, exact: true }).waitFor();
    if (title === "keys") {
      await page.getByLabel("Name of the device").fill(`${kind} ${"nobreak".repeat(7)}`);
      await page.getByRole("button", { name: "Make key" }).click();
      await page.getByLabel("Passphrase").waitFor();
    }
    await picture(page, `${title}-${kind}`);
  }
  await page.context().close();
}

try {
  const page = await open();
  await loginWorks(page);
  await picture(page, "overview");
  await keyWorks(page);
  await listWorks(page);
  await appPasswordWorks(page);
  await attemptsWork(page);
  await passwordWorks(page);
  await keyboardWorks(page);
  const two = `${password} two`;
  await picturesOf("dark", { colorScheme: "dark" }, two);
  await picturesOf("phone", { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 }, two);
  await picturesOf("phone-dark", { viewport: { width: 320, height: 640 }, colorScheme: "dark" }, two);
  ok("dark and narrow windows");
  assert.deepEqual(faults, []);
  ok("no fault in the console, nothing asked elsewhere");
} finally {
  await browser.close();
}
