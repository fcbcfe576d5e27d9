// The requests of a load worker that wait for their answer, in slots: each socket has as many as
// its window is wide. A transaction id names the slot and how often it has been used, so that an
// answer finds its request without a search, and one to an earlier request is told from it.

/** The slot is free. */
const FREE = -1;

/** Answers to a transaction id that is none of the outstanding ones. */
const UNKNOWN = -1;
export const LATE = -2;

/** Slots of all sockets of a worker. */
export class Outstanding {
  /** CONNECT, ANNOUNCE, SCRAPE, or FREE. */
  readonly kind: Int8Array;
  /** The peer that announces, or the address that connects. */
  readonly subject: Uint32Array;
  /** When the request was sent, in milliseconds. */
  readonly sentAt: Float64Array;
  /** When it should have been. */
  readonly dueAt: Float64Array;
  /** Torrents of a scrape. */
  readonly torrents: Uint32Array;

  readonly #transaction: Int32Array;
  /** For each slot, which of its last 32 requests were given up: the latest in the lowest bit. */
  readonly #lost: Int32Array;
  /** A stack of free slots for each socket, and how many there are. */
  readonly #free: Int32Array;
  readonly #freeCount: Int32Array;
  readonly #slotBits: number;
  #count = 0;

  constructor(
    readonly sockets: number,
    readonly window: number,
    readonly torrentsPerScrape: number,
    /** Mixed into the transaction ids, so that they do not look like the numbers they are. */
    private readonly salt: number,
  ) {
    const slots = sockets * window;
    this.kind = new Int8Array(slots).fill(FREE);
    this.subject = new Uint32Array(slots);
    this.sentAt = new Float64Array(slots);
    this.dueAt = new Float64Array(slots);
    this.torrents = new Uint32Array(slots * torrentsPerScrape);
    this.#transaction = new Int32Array(slots);
    this.#lost = new Int32Array(slots);
    this.#free = Int32Array.from({ length: slots }, (_, slot) => slot);
    this.#freeCount = new Int32Array(sockets).fill(window);
    this.#slotBits = 32 - Math.clz32(slots - 1);
    // Slots count their uses from here on: 0 is no transaction.
    for (let slot = 0; slot < slots; slot++) this.#transaction[slot] = slot;
  }

  /** Requests that wait for their answer. */
  get count(): number {
    return this.#count;
  }

  /** How many more requests the socket may send. */
  room(socket: number): number {
    return this.#freeCount[socket];
  }

  /** Takes a free slot of the socket for a request; `transaction` tells its id. */
  take(socket: number, kind: number, subject: number, now: number, due: number): number {
    const left = --this.#freeCount[socket];
    const slot = this.#free[socket * this.window + left];
    this.kind[slot] = kind;
    this.subject[slot] = subject;
    this.sentAt[slot] = now;
    this.dueAt[slot] = due;
    this.#transaction[slot] = (this.#transaction[slot] + (1 << this.#slotBits)) | 0;
    this.#lost[slot] <<= 1;
    this.#count++;
    return slot;
  }

  /** The transaction id of the request in the slot, as a word of the packet. */
  transaction(slot: number): number {
    return this.#transaction[slot] ^ this.salt;
  }

  /** The slot of the request that `transaction`, received on `socket`, answers: or why not. */
  find(socket: number, transaction: number): number {
    const plain = transaction ^ this.salt;
    const slot = plain & ((1 << this.#slotBits) - 1);
    if (slot >= this.kind.length || Math.floor(slot / this.window) !== socket) return UNKNOWN;
    const uses = (this.#transaction[slot] - plain) >>> this.#slotBits;
    if (uses === 0 && this.kind[slot] !== FREE) return slot;
    const bit = uses < 32 ? 1 << uses : 0;
    if ((this.#lost[slot] & bit) === 0) return UNKNOWN;
    this.#lost[slot] ^= bit;
    return LATE;
  }

  /** Makes the slot free again. */
  release(slot: number): void {
    const socket = Math.floor(slot / this.window);
    this.kind[slot] = FREE;
    this.#free[socket * this.window + this.#freeCount[socket]++] = slot;
    this.#count--;
  }

  /** Gives up the requests sent before `time`: calls `lose` with each slot, then frees it. */
  loseBefore(time: number, lose: (slot: number) => void): void {
    const { kind, sentAt } = this;
    for (let slot = 0; slot < kind.length; slot++) {
      if (kind[slot] === FREE || sentAt[slot] >= time) continue;
      lose(slot);
      this.#lost[slot] |= 1;
      this.release(slot);
    }
  }
}
