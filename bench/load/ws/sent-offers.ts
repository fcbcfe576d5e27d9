// The latest announces of each connection of a worker, and which of their offers were answered. An
// entry is taken again after RING announces; answers that come still later are late.

/** Announces of a connection that are remembered. */
const RING = 64;
/** Words of an entry that tell which of its offers were answered. */
const ANSWERED_WORDS = 2;

/** What becomes of an answer. */
export const ANSWER = { first: 0, second: 1, late: 2 } as const;

export class SentOffers {
  readonly #sentAt: Float64Array;
  readonly #answered: Int32Array;

  constructor(connections: number) {
    this.#sentAt = new Float64Array(connections * RING);
    this.#answered = new Int32Array(connections * RING * ANSWERED_WORDS);
  }

  /** Notes that connection `index` sends announce number `announce`, or should have, at `time`. */
  note(index: number, announce: number, time: number): void {
    const place = placeOf(index, announce);
    this.#sentAt[place] = time;
    for (let i = 0; i < ANSWERED_WORDS; i++) this.#answered[place * ANSWERED_WORDS + i] = 0;
  }

  /** When that was; `announce` is one of the last RING. */
  sentAt(index: number, announce: number): number {
    return this.#sentAt[placeOf(index, announce)];
  }

  /** Notes an answer to offer number `offer` of an announce, when `announces` have been sent. */
  answer(index: number, announce: number, offer: number, announces: number): number {
    if (announces - announce > RING) return ANSWER.late;
    const word = placeOf(index, announce) * ANSWERED_WORDS + (offer >>> 5);
    const bit = 1 << (offer & 31);
    if ((this.#answered[word] & bit) !== 0) return ANSWER.second;
    this.#answered[word] |= bit;
    return ANSWER.first;
  }
}

function placeOf(index: number, announce: number): number {
  return index * RING + (announce % RING);
}
