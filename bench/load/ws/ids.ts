// The ids that the load tester plays with: 20 ASCII characters each, made of numbers, so that
// whoever receives one can compute whose it is. Digits are of base 32, as parseInt(…, 32) reads.
//
//   info hash   aquatic-ws-load torrent                          15 + 5
//   peer id     -AQ0001-ld      connection life                  10 + 5 + 5
//   offer id    of              connection life announce index    2 + 5 + 5 + 6 + 2
//
// The life of a connection is how often it has been opened again.

export const ID_BYTES = 20;

/** How many numbers each width can tell. */
export const MOST_CONNECTIONS = 2 ** 25;

const INFO_HASH = "aquatic-ws-load";
const PEER = "-AQ0001-ld";
const OFFER = "of";

const DIGITS = "0123456789abcdefghijklmnopqrstuv";
const DIGIT = Uint8Array.from(DIGITS, (digit) => digit.charCodeAt(0));
/** By character: its number, or 255. */
const NUMBER = new Uint8Array(256).fill(255);
DIGIT.forEach((character, number) => (NUMBER[character] = number));

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const INFO_HASH_BYTES = encode(INFO_HASH);
const PEER_BYTES = encode(PEER);
const OFFER_BYTES = encode(OFFER);

/** Numbers that are read from an id; `connection` -1 where it is none of the load tester's. */
export interface OfferName {
  connection: number;
  life: number;
  announce: number;
  index: number;
}

export function writeInfoHash(bytes: Uint8Array, at: number, torrent: number): void {
  bytes.set(INFO_HASH_BYTES, at);
  writeNumber(bytes, at + 15, 5, torrent);
}

export function writePeerId(bytes: Uint8Array, at: number, connection: number, life: number): void {
  bytes.set(PEER_BYTES, at);
  writeNumber(bytes, at + 10, 5, connection);
  writeNumber(bytes, at + 15, 5, life);
}

export function writeOfferId(bytes: Uint8Array, at: number, offer: OfferName): void {
  bytes.set(OFFER_BYTES, at);
  writeNumber(bytes, at + 2, 5, offer.connection);
  writeNumber(bytes, at + 7, 5, offer.life);
  writeNumber(bytes, at + 12, 6, offer.announce);
  writeNumber(bytes, at + 18, 2, offer.index);
}

/** The torrent of an info hash; -1 for one of no torrent. */
export function readInfoHash(bytes: Uint8Array, at: number): number {
  return hasPrefix(bytes, at, INFO_HASH_BYTES) ? readNumber(bytes, at + 15, 5) : -1;
}

/** Reads connection and life of a peer id. */
export function readPeerId(bytes: Uint8Array, at: number, name: OfferName): void {
  const life = readNumber(bytes, at + 15, 5);
  name.connection =
    life >= 0 && hasPrefix(bytes, at, PEER_BYTES) ? readNumber(bytes, at + 10, 5) : -1;
  name.life = life;
}

/** Reads all that an offer id tells. */
export function readOfferId(bytes: Uint8Array, at: number, name: OfferName): void {
  name.life = readNumber(bytes, at + 7, 5);
  name.announce = readNumber(bytes, at + 12, 6);
  name.index = readNumber(bytes, at + 18, 2);
  const isWhole = (name.life | name.announce | name.index) >= 0;
  name.connection =
    isWhole && hasPrefix(bytes, at, OFFER_BYTES) ? readNumber(bytes, at + 2, 5) : -1;
}

/** The info hash of a torrent as text. */
export function infoHashText(torrent: number): string {
  const bytes = new Uint8Array(ID_BYTES);
  writeInfoHash(bytes, 0, torrent);
  return new TextDecoder().decode(bytes);
}

// ---------------------------------------------------------------------------------------------

function hasPrefix(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
  return true;
}

function writeNumber(bytes: Uint8Array, at: number, digits: number, number: number): void {
  let rest = number;
  for (let i = at + digits - 1; i >= at; i--) {
    bytes[i] = DIGIT[rest & 31];
    rest >>>= 5;
  }
}

function readNumber(bytes: Uint8Array, at: number, digits: number): number {
  let number = 0;
  let all = 0;
  for (let i = at; i < at + digits; i++) {
    const digit = NUMBER[bytes[i]];
    all |= digit;
    number = (number << 5) | digit;
  }
  return all < 32 ? number : -1;
}
