// About how many peers announce at each of the other nodes. A HyperLogLog (Flajolet et al., 2007)
// for each node and each eighth of max_peer_age has the peers that the node sent in that time;
// those of the last eight are merged to be counted. A node sends each of its peers at every
// announce, or once in such a time. Kept by the link thread.

/** The error is about 1.04 / √512, 5 %. */
const REGISTER_BITS = 9;
const REGISTERS = 1 << REGISTER_BITS;
/** Makes up for the bias of the harmonic mean. */
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

/** Parts of max_peer_age. */
const PERIODS = 8;
/** One more is the current one. */
const KEPT = PERIODS + 1;

/** The peers that one node has sent. */
interface Origin {
  readonly registers: Uint8Array;
  /** The period that each part of the registers is of. */
  readonly periods: Int32Array;
}

export class Origins {
  /** By the index of the node. */
  readonly #origins = new Map<number, Origin>();

  constructor(private maxPeerAge: number) {}

  configure(maxPeerAge: number): void {
    this.maxPeerAge = maxPeerAge;
  }

  /** Forgets what another node with this index has sent. */
  forget(index: number): void {
    this.#origins.delete(index);
  }

  /** A node has sent a peer with this hash at `second`. */
  add(index: number, hash: number, second: number): void {
    const origin = this.#origins.get(index) ?? this.#create(index);
    const period = this.#periodOf(second);
    const slot = slotOf(period);
    const base = slot << REGISTER_BITS;
    if (origin.periods[slot] !== period) {
      origin.periods[slot] = period;
      origin.registers.fill(0, base, base + REGISTERS);
    }
    const register = base + (hash >>> (32 - REGISTER_BITS));
    // Zeros before the first one in the other bits, counted from 1.
    const rank = Math.clz32((hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1))) + 1;
    if (rank > origin.registers[register]) origin.registers[register] = rank;
  }

  /** Estimates the peers that a node has sent and that have not expired at `second`. */
  count(index: number, second: number): number {
    const origin = this.#origins.get(index);
    if (origin === undefined) return 0;
    const current = this.#periodOf(second);
    let sum = 0;
    let empty = 0;
    for (let i = 0; i < REGISTERS; i++) {
      let rank = 0;
      for (let slot = 0; slot < KEPT; slot++) {
        if (current - origin.periods[slot] > PERIODS) continue;
        rank = Math.max(rank, origin.registers[(slot << REGISTER_BITS) + i]);
      }
      sum += 2 ** -rank;
      if (rank === 0) empty++;
    }
    const estimate = (ALPHA * REGISTERS * REGISTERS) / sum;
    // Few peers are counted by the registers that are still empty.
    const isFew = estimate < 2.5 * REGISTERS && empty > 0;
    return Math.round(isFew ? REGISTERS * Math.log(REGISTERS / empty) : estimate);
  }

  #create(index: number): Origin {
    const origin = {
      registers: new Uint8Array(KEPT * REGISTERS),
      periods: new Int32Array(KEPT).fill(-(2 ** 31)),
    };
    this.#origins.set(index, origin);
    return origin;
  }

  #periodOf(second: number): number {
    return Math.floor(second / Math.max(1, this.maxPeerAge / PERIODS));
  }
}

// Announces may be from before the start of this tracker, in a period below 0.
function slotOf(period: number): number {
  return ((period % KEPT) + KEPT) % KEPT;
}
