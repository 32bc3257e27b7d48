// PKCS#12 (RFC 7292): a file with a private key and its certificate, under a passphrase.
//
// "modern": PBES2 with AES-256 and an HMAC-SHA256 over all, which OpenSSL 3, NSS (Thunderbird), Android and Windows
// read. "apple": triple DES and SHA-1, the only ones that Apple's importers read in all versions. The passphrase made
// here has 125 bits, so the weaker derivation of the latter does not decide.
import * as der from "./der";
import { tripleDesEncrypt } from "./des";
import type { Identity } from "./identity";

export type Strength = "modern" | "apple";

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

const ITERATIONS = 10000;
const ITERATIONS_APPLE = 2048;
const BLOCK = 64; // octets of the digests' blocks

type Digest = keyof typeof DIGESTS;

const random = (n: number) => crypto.getRandomValues(new Uint8Array(n));

async function digest(hash: Digest, octets: der.Bytes): Promise<der.Bytes> {
  return new Uint8Array(await crypto.subtle.digest(hash, octets));
}

/** Repeated to a whole number of blocks. */
function fill(octets: Uint8Array): der.Bytes {
  const out = new Uint8Array(Math.ceil(octets.length / BLOCK) * BLOCK);
  for (let i = 0; i < out.length; i++) out[i] = octets[i % octets.length]!;
  return out;
}

/** Adds b + 1 to each block of `input`, as numbers. */
function addToBlocks(input: Uint8Array, b: Uint8Array): void {
  for (let start = 0; start < input.length; start += BLOCK) {
    let carry = 1;
    for (let i = BLOCK - 1; i >= 0; i--) {
      carry += input[start + i]! + b[i]!;
      input[start + i] = carry & 0xff;
      carry >>= 8;
    }
  }
}

/** RFC 7292 B.2. purpose: 1 a key, 2 an initial vector, 3 a key for the MAC. */
export async function deriveKey(
  hash: Digest,
  passphrase: string,
  salt: Uint8Array,
  iterations: number,
  purpose: number,
  n: number,
): Promise<der.Bytes> {
  const diversifier = new Uint8Array(BLOCK).fill(purpose);
  const input = der.concat(fill(salt), fill(der.utf16(passphrase + "\0")));
  let out: der.Bytes = new Uint8Array(0);
  while (out.length < n) {
    let a = await digest(hash, der.concat(diversifier, input));
    for (let i = 1; i < iterations; i++) a = await digest(hash, a);
    out = der.concat(out, a);
    addToBlocks(input, fill(a).subarray(0, BLOCK));
  }
  return out.slice(0, n);
}

interface Encrypted {
  algorithm: der.Bytes;
  data: der.Bytes;
}

/** RFC 8018 6.2 */
async function encryptModern(passphrase: string, plain: der.Bytes): Promise<Encrypted> {
  const salt = random(16);
  const iv = random(16);
  const base = await crypto.subtle.importKey("raw", der.utf8(passphrase), "PBKDF2", false, ["deriveKey"]);
  const key = await crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: ITERATIONS },
    base,
    { name: "AES-CBC", length: 256 },
    false,
    ["encrypt"],
  );
  const derivation = der.sequence(
    der.oid(PBKDF2),
    der.sequence(
      der.octetString(salt),
      der.integer(ITERATIONS),
      der.sequence(der.oid(HMAC_SHA256), der.nothing()),
    ),
  );
  const cipher = der.sequence(der.oid(AES256_CBC), der.octetString(iv));
  return {
    algorithm: der.sequence(der.oid(PBES2), der.sequence(derivation, cipher)),
    data: new Uint8Array(await crypto.subtle.encrypt({ name: "AES-CBC", iv }, key, plain)),
  };
}

/** RFC 7292 C */
async function encryptApple(passphrase: string, plain: der.Bytes): Promise<Encrypted> {
  const salt = random(8);
  const key = await deriveKey("SHA-1", passphrase, salt, ITERATIONS_APPLE, 1, 24);
  const iv = await deriveKey("SHA-1", passphrase, salt, ITERATIONS_APPLE, 2, 8);
  return {
    algorithm: der.sequence(
      der.oid(PBE_SHA1_3DES),
      der.sequence(der.octetString(salt), der.integer(ITERATIONS_APPLE)),
    ),
    data: tripleDesEncrypt(key, iv, plain),
  };
}

function bag(id: string, value: Uint8Array, identity: Identity, keyId: Uint8Array): der.Bytes {
  const attribute = (type: string, content: Uint8Array) => der.sequence(der.oid(type), der.set(content));
  return der.sequence(
    der.oid(id),
    der.explicit(0, value),
    der.set(attribute(FRIENDLY_NAME, der.bmpString(identity.name)), attribute(LOCAL_KEY_ID, der.octetString(keyId))),
  );
}

async function macOf(strength: Strength, passphrase: string, content: der.Bytes): Promise<der.Bytes> {
  const hash: Digest = strength === "modern" ? "SHA-256" : "SHA-1";
  const iterations = strength === "modern" ? ITERATIONS : ITERATIONS_APPLE;
  const salt = random(strength === "modern" ? 16 : 8);
  const octets = await deriveKey(hash, passphrase, salt, iterations, 3, hash === "SHA-256" ? 32 : 20);
  const key = await crypto.subtle.importKey("raw", octets, { name: "HMAC", hash }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
  return der.sequence(
    der.sequence(der.sequence(der.oid(DIGESTS[hash]), der.nothing()), der.octetString(mac)),
    der.octetString(salt),
    der.integer(iterations),
  );
}

export async function makePkcs12(identity: Identity, passphrase: string, strength: Strength): Promise<der.Bytes> {
  const encrypt = strength === "modern" ? encryptModern : encryptApple;
  const keyId = await digest("SHA-1", identity.certificate);
  const certificate = der.sequence(der.oid(X509_CERTIFICATE), der.explicit(0, der.octetString(identity.certificate)));
  const certificates = await encrypt(passphrase, der.sequence(bag(CERT_BAG, certificate, identity, keyId)));
  const key = await encrypt(passphrase, identity.privateKey);
  const keys = der.sequence(
    bag(SHROUDED_KEY_BAG, der.sequence(key.algorithm, der.octetString(key.data)), identity, keyId),
  );
  const content = der.sequence(
    der.sequence(
      der.oid(ENCRYPTED_DATA),
      der.explicit(
        0,
        der.sequence(
          der.integer(0),
          der.sequence(der.oid(DATA), certificates.algorithm, der.implicit(0, certificates.data)),
        ),
      ),
    ),
    der.sequence(der.oid(DATA), der.explicit(0, der.octetString(keys))),
  );
  return der.sequence(
    der.integer(3),
    der.sequence(der.oid(DATA), der.explicit(0, der.octetString(content))),
    await macOf(strength, passphrase, content),
  );
}

/** 25 letters and digits that are not taken for each other: 125 bits. */
export function makePassphrase(): string {
  const alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  const letters = [...random(25)].map((octet) => alphabet[octet % 32]);
  return letters.join("").replace(/(.{5})(?=.)/g, "$1-");
}
