// Which offers are answered: a random choice that sender and receiver of an offer both compute, so
// that the sender knows how many answers to expect.

import type { OfferName } from "./ids.ts";

export class AnswerChoice {
  readonly #below: number;

  constructor(
    probability: number,
    private readonly seed: number,
  ) {
    this.#below = probability * 2 ** 32;
  }

  isAnswered({ announce, connection, index, life }: OfferName): boolean {
    let hash = Math.imul(connection ^ (life << 16) ^ this.seed, 0x9e3779b1);
    hash ^= announce * 64 + index;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) >>> 0 < this.#below;
  }

  /** How many of the first `offers` of an announce are; `name` is written over. */
  countAnswered(name: OfferName, offers: number): number {
    if (this.#below === 2 ** 32) return offers;
    let count = 0;
    for (let index = 0; index < offers; index++) {
      name.index = index;
      if (this.isAnswered(name)) count++;
    }
    return count;
  }
}
