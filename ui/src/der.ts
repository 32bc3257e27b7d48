// Writing DER (X.690), as much of it as certificates and PKCS#12 need.

export type Bytes = Uint8Array<ArrayBuffer>;

export function concat(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text) as Bytes;
}

function tlv(tag: number, content: Uint8Array): Bytes {
  const length: number[] = [];
  if (content.length < 128) {
    length.push(content.length);
  } else {
    for (let n = content.length; n > 0; n = Math.floor(n / 256)) length.unshift(n % 256);
    length.unshift(0x80 | length.length);
  }
  return concat(Uint8Array.of(tag, ...length), content);
}

export const sequence = (...parts: Uint8Array[]) => tlv(0x30, concat(...parts));
export const octetString = (content: Uint8Array) => tlv(0x04, content);
export const bitString = (content: Uint8Array, unused = 0) => tlv(0x03, concat(Uint8Array.of(unused), content));
export const utf8String = (text: string) => tlv(0x0c, utf8(text));
export const generalizedTime = (text: string) => tlv(0x18, utf8(text));
export const utcTime = (text: string) => tlv(0x17, utf8(text));
export const nothing = () => Uint8Array.of(0x05, 0x00) as Bytes;
export const yes = () => Uint8Array.of(0x01, 0x01, 0xff) as Bytes;
export const explicit = (tag: number, content: Uint8Array) => tlv(0xa0 | tag, content);
export const implicit = (tag: number, content: Uint8Array) => tlv(0x80 | tag, content);

/** DER wants the elements in the order of their octets. */
export function set(...parts: Uint8Array[]): Bytes {
  const order = (a: Uint8Array, b: Uint8Array) => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
    return a.length - b.length;
  };
  return tlv(0x31, concat(...[...parts].sort(order)));
}

/** A number that is not negative, from its octets. */
export function unsigned(octets: Uint8Array): Bytes {
  let at = 0;
  while (at < octets.length - 1 && octets[at] === 0) at++;
  const rest = octets.subarray(at);
  return tlv(0x02, rest[0]! & 0x80 ? concat(Uint8Array.of(0), rest) : rest);
}

export function integer(value: number): Bytes {
  const octets: number[] = [];
  do {
    octets.unshift(value % 256);
    value = Math.floor(value / 256);
  } while (value > 0);
  return unsigned(Uint8Array.from(octets));
}

export function oid(text: string): Bytes {
  const [first, second, ...rest] = text.split(".").map(Number);
  const octets: number[] = [];
  for (let arc of [first! * 40 + second!, ...rest]) {
    const group = [arc % 128];
    for (arc = Math.floor(arc / 128); arc > 0; arc = Math.floor(arc / 128)) group.unshift(0x80 | (arc % 128));
    octets.push(...group);
  }
  return tlv(0x06, Uint8Array.from(octets));
}

/** UTF-16, big-endian: names and passwords in PKCS#12. */
export function utf16(text: string): Bytes {
  const out = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) new DataView(out.buffer).setUint16(2 * i, text.charCodeAt(i));
  return out;
}
export const bmpString = (text: string) => tlv(0x1e, utf16(text));

export function base64(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return btoa(text);
}

export function pem(label: string, octets: Uint8Array): string {
  const lines = base64(octets).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
