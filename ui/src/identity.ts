// A key for a device, and the self-signed certificate that carries its public half. Only the public key counts for
// logins; the certificate is there because TLS and mail programs want one.
import * as der from "./der";

export interface Identity {
  name: string;
  privateKey: der.Bytes; // PKCS#8
  certificate: der.Bytes;
}

export type KeyKind = "ecdsa-p256" | "ed25519";

const algorithms: Record<KeyKind, EcKeyGenParams | { name: string }> = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256" },
  ed25519: { name: "Ed25519" },
};

const signatures: Record<KeyKind, string> = { "ecdsa-p256": "1.2.840.10045.4.3.2", ed25519: "1.3.101.112" };

/** The kinds of keys that this browser makes. */
export async function supportedKinds(): Promise<KeyKind[]> {
  const found: KeyKind[] = [];
  if (!globalThis.crypto?.subtle) return found;
  for (const kind of Object.keys(algorithms) as KeyKind[]) {
    try {
      await crypto.subtle.generateKey(algorithms[kind], false, ["sign", "verify"]);
      found.push(kind);
    } catch {
      // Not this one.
    }
  }
  return found;
}

/** RFC 5280 4.1: everything but the signature. */
function toBeSigned(name: string, kind: KeyKind, publicKey: Uint8Array): der.Bytes {
  const serial = crypto.getRandomValues(new Uint8Array(16));
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const who = der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.utf8String(name))));
  const extension = (id: string, critical: boolean, value: Uint8Array) =>
    der.sequence(der.oid(id), ...(critical ? [der.yes()] : []), der.octetString(value));
  return der.sequence(
    der.explicit(0, der.integer(2)),
    der.unsigned(serial),
    der.sequence(der.oid(signatures[kind])),
    who,
    // RFC 5280 4.1.2.5: no well-defined end. Keys end when they are removed from the account.
    der.sequence(der.utcTime("200101000000Z"), der.generalizedTime("99991231235959Z")),
    who,
    publicKey,
    der.explicit(
      3,
      der.sequence(
        extension("2.5.29.19", true, der.sequence()),
        extension("2.5.29.15", true, der.bitString(Uint8Array.of(0x80), 7)),
        extension("2.5.29.37", false, der.sequence(der.oid("1.3.6.1.5.5.7.3.2"))),
      ),
    ),
  );
}

/** WebCrypto gives r and s side by side; RFC 3279 2.2.3 wants two numbers. */
function ecdsaSignature(raw: Uint8Array): der.Bytes {
  const half = raw.length / 2;
  return der.sequence(der.unsigned(raw.subarray(0, half)), der.unsigned(raw.subarray(half)));
}

export async function makeIdentity(name: string, kind: KeyKind): Promise<Identity> {
  const subtle = crypto.subtle;
  const pair = (await subtle.generateKey(algorithms[kind], true, ["sign", "verify"])) as CryptoKeyPair;
  const publicKey = new Uint8Array(await subtle.exportKey("spki", pair.publicKey));
  const content = toBeSigned(name, kind, publicKey);
  const how = kind === "ed25519" ? { name: "Ed25519" } : { name: "ECDSA", hash: "SHA-256" };
  const raw = new Uint8Array(await subtle.sign(how, pair.privateKey, content));
  const signature = kind === "ed25519" ? raw : ecdsaSignature(raw);
  return {
    name,
    privateKey: new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey)),
    certificate: der.sequence(content, der.sequence(der.oid(signatures[kind])), der.bitString(signature)),
  };
}

export function identityPem(identity: Identity): string {
  return der.pem("CERTIFICATE", identity.certificate) + der.pem("PRIVATE KEY", identity.privateKey);
}
