// Files made for devices are opened by OpenSSL.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { webcrypto } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { build } from "esbuild";

globalThis.crypto ??= webcrypto; // Node.js 18

const directory = mkdtempSync(join(tmpdir(), "godwit-ui-"));
after(() => rmSync(directory, { recursive: true }));
await build({
  stdin: {
    contents: `export * from "./src/der"; export * from "./src/identity"; export * from "./src/pkcs12";
      export * from "./src/des"; export * from "./src/mobileconfig";`,
    resolveDir: new URL("..", import.meta.url).pathname,
  },
  bundle: true,
  format: "esm",
  outfile: join(directory, "ui.mjs"),
});
const ui = await import(join(directory, "ui.mjs"));

function openssl(...args) {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

const hex = (octets) => Buffer.from(octets).toString("hex");

test("DER", () => {
  assert.equal(hex(ui.integer(0)), "020100");
  assert.equal(hex(ui.integer(127)), "02017f");
  assert.equal(hex(ui.integer(128)), "02020080");
  assert.equal(hex(ui.integer(65536)), "0203010000");
  assert.equal(hex(ui.unsigned(Uint8Array.of(0, 0, 0x80))), "02020080");
  assert.equal(hex(ui.oid("1.2.840.113549.1.7.1")), "06092a864886f70d010701");
  assert.equal(hex(ui.oid("2.5.4.3")), "0603550403");
  assert.equal(hex(ui.octetString(new Uint8Array(127))).slice(0, 4), "047f");
  assert.equal(hex(ui.octetString(new Uint8Array(128))).slice(0, 6), "048180");
  assert.equal(hex(ui.octetString(new Uint8Array(256))).slice(0, 8), "04820100");
  assert.equal(hex(ui.set(ui.integer(2), ui.integer(1))), "3106020101020102");
  assert.equal(hex(ui.bmpString("aé")), "1e04006100e9");
});

test("triple DES", () => {
  const key = Buffer.from("0123456789abcdef23456789abcdef01456789abcdef0123", "hex");
  const iv = Buffer.from("f69f2445df4f9b17", "hex");
  for (const n of [0, 1, 7, 8, 9, 100]) {
    const plain = Buffer.alloc(n, "The quick brown fox");
    writeFileSync(join(directory, "plain"), plain);
    const expected = execFileSync("openssl", ["enc", "-des-ede3-cbc", "-K", hex(key), "-iv", hex(iv), "-in", join(directory, "plain")]);
    assert.equal(hex(ui.tripleDesEncrypt(key, iv, plain)), hex(expected));
  }
});

for (const kind of ["ecdsa-p256", "ed25519"]) {
  test(`certificate: ${kind}`, async () => {
    const identity = await ui.makeIdentity("Ann’s phone", kind);
    const file = join(directory, `${kind}.pem`);
    writeFileSync(file, ui.identityPem(identity));
    const text = openssl("x509", "-in", file, "-noout", "-text", "-nameopt", "utf8");
    assert.match(text, /Subject: CN ?= ?Ann’s phone/);
    assert.match(text, /TLS Web Client Authentication/);
    assert.match(text, /Not After : Dec 31 23:59:59 9999/);
    assert.match(openssl("verify", "-CAfile", file, "-purpose", "sslclient", "-partial_chain", file), /OK/);
    assert.equal(openssl("x509", "-in", file, "-noout", "-pubkey"), openssl("pkey", "-in", file, "-pubout"));
  });
  for (const strength of ["modern", "apple"]) {
    test(`PKCS#12: ${kind}, ${strength}`, async () => {
      const identity = await ui.makeIdentity("phone", kind);
      const passphrase = ui.makePassphrase();
      const file = join(directory, `${kind}-${strength}.p12`);
      assert.match(passphrase, /^([a-z2-9]{5}-){4}[a-z2-9]{5}$/);
      writeFileSync(file, await ui.makePkcs12(identity, passphrase, strength));
      const open = (...more) => openssl("pkcs12", "-in", file, "-passin", `pass:${passphrase}`, ...more);
      const legacy = strength === "apple" ? ["-legacy"] : [];
      const certificate = open(...legacy, "-nokeys");
      assert.ok(certificate.includes(ui.pem("CERTIFICATE", identity.certificate)));
      assert.match(certificate, /friendlyName: phone/);
      assert.ok(open(...legacy, "-nocerts", "-nodes").includes(ui.pem("PRIVATE KEY", identity.privateKey)));
      assert.throws(() => openssl("pkcs12", "-in", file, "-passin", "pass:wrong", "-nokeys", ...legacy));
      // What Thunderbird imports with; it knows no Ed25519 yet.
      if (kind === "ecdsa-p256") {
        const nss = mkdtempSync(join(directory, "nss-"));
        execFileSync("certutil", ["-N", "-d", nss, "--empty-password"]);
        execFileSync("pk12util", ["-i", file, "-d", nss, "-W", passphrase, "-K", ""]);
        assert.match(execFileSync("certutil", ["-L", "-d", nss], { encoding: "utf8" }), /phone +u,u,u/);
      }
    });
  }
}

test("Apple profile", () => {
  const profile = ui.makeProfile({
    address: "ann&bob@example.org", name: "Ann <phone>", host: "mail.example.org", imaps: 993, imap: 143,
    submissions: 465, submission: 587, pkcs12: Uint8Array.of(1, 2, 3),
  });
  writeFileSync(join(directory, "a.mobileconfig"), profile);
  const parsed = JSON.parse(execFileSync("python3", ["-c", `import plistlib, json, sys
p = plistlib.load(open(sys.argv[1], "rb"))
print(json.dumps(p, default=lambda b: b.hex()))`, join(directory, "a.mobileconfig")], { encoding: "utf8" }));
  const [identity, mail] = parsed.PayloadContent;
  assert.equal(identity.PayloadType, "com.apple.security.pkcs12");
  assert.equal(identity.PayloadContent, "010203");
  assert.equal(mail.EmailAddress, "ann&bob@example.org");
  assert.deepEqual([mail.IncomingMailServerPortNumber, mail.IncomingMailServerUseSSL], [993, true]);
  assert.deepEqual([mail.OutgoingMailServerPortNumber, mail.OutgoingMailServerUseSSL], [465, true]);
  assert.equal(new Set([parsed.PayloadUUID, identity.PayloadUUID, mail.PayloadUUID]).size, 3);
});
