// The ids that the load tester plays with. Each is made of numbers, so that its receiver computes
// whose it is. Info hashes and offer ids are those numbers encrypted: 20 bytes that look random, as
// a browser's are. Peer ids are webtorrent's: `-WW0208-` and 12 characters of base64.
//
//   info hash   torrent
//   peer id     connection life
//   offer id    connection announce life index
//
// The life of a connection counts how often it has been opened again.

export const ID_BYTES = 20;

/** Numbers of connections fit into 25 bits. */
export const MOST_CONNECTIONS = 2 ** 25;

/** The bytes of an id, and the same memory as words. */
export class Id {
  readonly bytes = new Uint8Array(ID_BYTES);
  readonly words = new Int32Array(this.bytes.buffer);
}

/** Numbers that are read from an id; `connection` is -1 if the id is not the load tester's. */
export interface OfferName {
  connection: number;
  life: number;
  announce: number;
  index: number;
}

/** How numbers become info hashes and offer ids, and are read again. */
export interface Ids {
  writeInfoHash(id: Id, torrent: number): void;
  /** The torrent of an info hash; -1 if there is none. */
  readInfoHash(id: Id): number;
  writeOfferId(id: Id, offer: OfferName): void;
  readOfferId(id: Id, name: OfferName): void;
}

// --- random bytes --------------------------------------------------------------------------------

const INFO_HASH_MARK = 0x1f0ba54;
const OFFER_MARK = 0x0ffe41d;

/** Ids of 20 bytes that look random. */
export class RandomIds implements Ids {
  readonly #key: number;

  constructor(seed: number) {
    this.#key = mix(seed + 1);
  }

  writeInfoHash(id: Id, torrent: number): void {
    const { words } = id;
    words[0] = torrent;
    words[1] = words[2] = words[3] = 0;
    words[4] = INFO_HASH_MARK;
    encrypt(words, this.#key);
  }

  readInfoHash(id: Id): number {
    const words = decrypt(id.words, this.#key);
    const isOurs = (words[1] | words[2] | words[3]) === 0 && words[4] === INFO_HASH_MARK;
    return isOurs && words[0] >= 0 ? words[0] : -1;
  }

  writeOfferId(id: Id, { announce, connection, index, life }: OfferName): void {
    const { words } = id;
    words[0] = connection;
    words[1] = announce;
    words[2] = life;
    words[3] = index;
    words[4] = OFFER_MARK;
    encrypt(words, this.#key);
  }

  readOfferId(id: Id, name: OfferName): void {
    const words = decrypt(id.words, this.#key);
    name.announce = words[1];
    name.life = words[2];
    name.index = words[3];
    const isOurs = words[4] === OFFER_MARK && (words[1] | words[2] | words[3]) >= 0;
    name.connection = isOurs ? words[0] : -1;
  }
}

// An unbalanced Feistel network: in each of two rounds, every word in turn takes up the one before
// it. After the second, each bit depends on all. Unrolled: this runs for every message.
function encrypt(words: Int32Array, key: number): void {
  let [a, b, c, d, e] = [words[0], words[1], words[2], words[3], words[4]];
  a ^= mix(e ^ key);
  b ^= mix(a ^ (key + 1));
  c ^= mix(b ^ (key + 2));
  d ^= mix(c ^ (key + 3));
  e ^= mix(d ^ (key + 4));
  a ^= mix(e ^ (key + 5));
  b ^= mix(a ^ (key + 6));
  c ^= mix(b ^ (key + 7));
  d ^= mix(c ^ (key + 8));
  e ^= mix(d ^ (key + 9));
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
  words[4] = e;
}

const DECRYPTED = new Int32Array(5);

// The result lives until the next call.
function decrypt(words: Int32Array, key: number): Int32Array {
  let [a, b, c, d, e] = [words[0], words[1], words[2], words[3], words[4]];
  e ^= mix(d ^ (key + 9));
  d ^= mix(c ^ (key + 8));
  c ^= mix(b ^ (key + 7));
  b ^= mix(a ^ (key + 6));
  a ^= mix(e ^ (key + 5));
  DECRYPTED[4] = e ^= mix(d ^ (key + 4));
  DECRYPTED[3] = d ^= mix(c ^ (key + 3));
  DECRYPTED[2] = c ^= mix(b ^ (key + 2));
  DECRYPTED[1] = b ^= mix(a ^ (key + 1));
  DECRYPTED[0] = a ^ mix(e ^ key);
  return DECRYPTED;
}

// A permutation of 32-bit words in which every bit of the input changes half of the output: Chris
// Wellons' lowbias32.
function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return mixed ^ (mixed >>> 16);
}

// --- peer ids ------------------------------------------------------------------------------------

const PEER = Buffer.from("-WW0208-");
const BASE64 = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
/** By character: its number, or 255. */
const SIXTH = new Uint8Array(256).fill(255);
BASE64.forEach((character, number) => (SIXTH[character] = number));
const PEER_KEY = 0x5eed;

/** Writes the peer id of a connection in one of its lives. */
export function writePeerId({ bytes }: Id, connection: number, life: number): void {
  const right = life ^ mix(connection ^ PEER_KEY);
  const left = connection ^ mix(right);
  const check = mix(left ^ right);
  bytes.set(PEER);
  // 72 bits: of the words 30, 30 and 4, and 8 to check them by.
  writeSixths(bytes, 8, left >>> 2, 5);
  writeSixths(bytes, 13, right >>> 2, 5);
  writeSixths(bytes, 18, ((left & 3) << 10) | ((right & 3) << 8) | (check & 255), 2);
}

/** Reads connection and life of a peer id. */
export function readPeerId({ bytes }: Id, name: OfferName): void {
  name.connection = -1;
  for (let i = 0; i < PEER.length; i++) if (bytes[i] !== PEER[i]) return;
  const last = readSixths(bytes, 18, 2);
  const left = (readSixths(bytes, 8, 5) << 2) | ((last >>> 10) & 3);
  const right = (readSixths(bytes, 13, 5) << 2) | ((last >>> 8) & 3);
  if ((mix(left ^ right) & 255) !== (last & 255)) return;
  const connection = left ^ mix(right);
  name.life = right ^ mix(connection ^ PEER_KEY);
  if (name.life >= 0 && connection >= 0) name.connection = connection;
}

function writeSixths(bytes: Uint8Array, at: number, number: number, count: number): void {
  let rest = number;
  for (let i = at + count - 1; i >= at; i--) {
    bytes[i] = BASE64[rest & 63];
    rest >>>= 6;
  }
}

function readSixths(bytes: Uint8Array, at: number, count: number): number {
  let number = 0;
  for (let i = at; i < at + count; i++) number = (number << 6) | SIXTH[bytes[i]];
  return number;
}

// --- ASCII ---------------------------------------------------------------------------------------

const INFO_HASH = Buffer.from("aquatic-ws-load");
const OFFER = Buffer.from("of");

/**
 * Ids of 20 ASCII characters: digits of base 32 after a prefix. No browser sends such ids, and a
 * tracker that handles text as strings spends far less on them.
 */
export class AsciiIds implements Ids {
  writeInfoHash({ bytes }: Id, torrent: number): void {
    bytes.set(INFO_HASH);
    writeDigits(bytes, 15, 5, torrent);
  }

  readInfoHash({ bytes }: Id): number {
    return hasPrefix(bytes, INFO_HASH) ? readDigits(bytes, 15, 5) : -1;
  }

  writeOfferId({ bytes }: Id, { announce, connection, index, life }: OfferName): void {
    bytes.set(OFFER);
    writeDigits(bytes, 2, 5, connection);
    writeDigits(bytes, 7, 5, life);
    writeDigits(bytes, 12, 6, announce);
    writeDigits(bytes, 18, 2, index);
  }

  readOfferId({ bytes }: Id, name: OfferName): void {
    name.life = readDigits(bytes, 7, 5);
    name.announce = readDigits(bytes, 12, 6);
    name.index = readDigits(bytes, 18, 2);
    const isOurs = hasPrefix(bytes, OFFER) && (name.life | name.announce | name.index) >= 0;
    name.connection = isOurs ? readDigits(bytes, 2, 5) : -1;
  }
}

function hasPrefix(bytes: Uint8Array, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}

function writeDigits(bytes: Uint8Array, at: number, digits: number, number: number): void {
  let rest = number;
  for (let i = at + digits - 1; i >= at; i--) {
    const digit = rest & 31;
    bytes[i] = digit < 10 ? 48 + digit : 87 + digit;
    rest >>>= 5;
  }
}

function readDigits(bytes: Uint8Array, at: number, digits: number): number {
  let number = 0;
  for (let i = at; i < at + digits; i++) {
    const digit = bytes[i] < 58 ? bytes[i] - 48 : bytes[i] - 87;
    if (digit < 0 || digit > 31) return -1;
    number = (number << 5) | digit;
  }
  return number;
}
