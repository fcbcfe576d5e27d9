// HalfSipHash with a 32-bit result over whole 32-bit words: the variant of SipHash for 32-bit
// arithmetic, by Aumasson and Bernstein. Clients choose the input, so every hash has a secret key.
// Safe on any thread; allocates nothing.

// Each function is one loop with its round written out. A final round equals a round over a zero
// word, so the loop simply continues over zeros. A shared body with the number of rounds as a
// parameter is a third slower; unrolling by hand gains nothing.

/**
 * HalfSipHash-1-3 of the `count` words at `words[word]`. Use it for hash tables, where clients
 * never see the hash. The key is `key[keyWord]` and the word after it. Words are hashed as
 * little-endian bytes. Returns 32 bits as a signed integer.
 */
export function halfSipHash13(
  key: Int32Array,
  keyWord: number,
  words: Int32Array,
  word: number,
  count: number,
): number {
  let v0 = key[keyWord];
  let v1 = key[keyWord + 1];
  let v2 = v0 ^ 0x6c796765;
  let v3 = v1 ^ 0x74656462;

  // The length block holds the length in bytes, modulo 256, in its highest byte.
  const lengthBlock = count << 26;
  for (let i = 0; i < count + 4; i++) {
    const block = i < count ? words[word + i] : i === count ? lengthBlock : 0;
    v3 ^= block;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= block;
    if (i === count) v2 ^= 0xff;
  }
  return v1 ^ v3;
}

/**
 * HalfSipHash-2-4 of the `count` words at `words[word]`. Use it for values that clients see and
 * must not be able to forge. The arguments and the result are those of `halfSipHash13`.
 */
export function halfSipHash24(
  key: Int32Array,
  keyWord: number,
  words: Int32Array,
  word: number,
  count: number,
): number {
  let v0 = key[keyWord];
  let v1 = key[keyWord + 1];
  let v2 = v0 ^ 0x6c796765;
  let v3 = v1 ^ 0x74656462;

  const lengthBlock = count << 26;
  // Two rounds per block, so two zero blocks are the four final rounds.
  for (let i = 0; i < count + 3; i++) {
    const block = i < count ? words[word + i] : i === count ? lengthBlock : 0;
    v3 ^= block;
    for (let round = 0; round < 2; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= block;
    if (i === count) v2 ^= 0xff;
  }
  return v1 ^ v3;
}

/**
 * HalfSipHash-1-3 with a result of 64 bits, written to `output[0]` and `output[1]`, for values that
 * must not collide. The other arguments are those of `halfSipHash13`.
 */
export function halfSipHash13Wide(
  key: Int32Array,
  keyWord: number,
  words: Int32Array,
  word: number,
  count: number,
  output: Int32Array,
): void {
  let v0 = key[keyWord];
  let v1 = key[keyWord + 1] ^ 0xee;
  let v2 = key[keyWord] ^ 0x6c796765;
  let v3 = key[keyWord + 1] ^ 0x74656462;

  const lengthBlock = count << 26;
  // Three final rounds for each half of the result.
  for (let i = 0; i < count + 7; i++) {
    const block = i < count ? words[word + i] : i === count ? lengthBlock : 0;
    v3 ^= block;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= block;
    if (i === count) v2 ^= 0xee;
    else if (i === count + 3) {
      output[0] = v1 ^ v3;
      v1 ^= 0xdd;
    }
  }
  output[1] = v1 ^ v3;
}

/**
 * A cheap keyed hash of the `count` words at `words[word]`, for a choice of counters whose hash and
 * whose effect no client sees. Each word is mixed with the key by the finalizer of MurmurHash3, so
 * it costs a tenth of halfSipHash13; a client that saw hashes could find collisions.
 */
export function mixWords(
  key: Int32Array,
  keyWord: number,
  words: Int32Array,
  word: number,
  count: number,
): number {
  const secret = key[keyWord + 1];
  let hash = key[keyWord];
  for (let i = 0; i < count; i++) {
    hash ^= words[word + i];
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ secret ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash;
}
