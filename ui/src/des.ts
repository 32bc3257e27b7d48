// Triple DES in CBC mode (FIPS 46-3), encryption only: for files that Apple's importers read. WebCrypto has none.
// Bits are numbered from 1 at the left, as in the standard; a block is an array of 64 of them.

const table = (text: string) => text.trim().split(/\s+/).map(Number);

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
   7 11 4 1 9 12 14 2 0 6 10 13 15 3 5 8 2 1 14 7 4 10 8 13 15 12 9 0 3 5 6 11`,
].map(table);

type Bits = number[];

const pick = (bits: Bits, places: number[]): Bits => places.map((place) => bits[place - 1]!);
const xor = (a: Bits, b: Bits): Bits => a.map((bit, i) => bit ^ b[i]!);
const toBits = (octets: Uint8Array): Bits => [...octets].flatMap((octet) => [7, 6, 5, 4, 3, 2, 1, 0].map((i) => (octet >> i) & 1));
const number = (bits: Bits) => bits.reduce((n, bit) => 2 * n + bit, 0);

function toOctets(bits: Bits): Uint8Array {
  return Uint8Array.from({ length: bits.length / 8 }, (_, i) => number(bits.slice(8 * i, 8 * i + 8)));
}

const FINAL = INITIAL.map((_, i) => INITIAL.indexOf(i + 1) + 1);

/** The keys of the sixteen rounds. */
function schedule(key: Uint8Array): Bits[] {
  const chosen = pick(toBits(key), CHOICE_1);
  let [c, d] = [chosen.slice(0, 28), chosen.slice(28)];
  return SHIFTS.map((shift) => {
    c = [...c.slice(shift), ...c.slice(0, shift)];
    d = [...d.slice(shift), ...d.slice(0, shift)];
    return pick([...c, ...d], CHOICE_2);
  });
}

function substitute(bits: Bits): Bits {
  return SUBSTITUTIONS.flatMap((box, i) => {
    const six = bits.slice(6 * i, 6 * i + 6);
    const value = box[number([six[0]!, six[5]!]) * 16 + number(six.slice(1, 5))]!;
    return [3, 2, 1, 0].map((place) => (value >> place) & 1);
  });
}

function block(input: Bits, keys: Bits[]): Bits {
  const first = pick(input, INITIAL);
  let [left, right] = [first.slice(0, 32), first.slice(32)];
  for (const key of keys) {
    [left, right] = [right, xor(left, pick(substitute(xor(pick(right, EXPANSION), key)), MIX))];
  }
  return pick([...right, ...left], FINAL);
}

/** key: 24 octets; iv: 8. The input is padded as in RFC 8018 6.1.1. */
export function tripleDesEncrypt(key: Uint8Array, iv: Uint8Array, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const padding = 8 - (plain.length % 8);
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
