// Limits of one client address, over all workers: connections, peers, and messages a second. An
// IPv6 client can choose addresses from a whole /64, so a /64 counts as one address. The address is
// that behind trusted proxies (see client-address.ts). 0 means no limit.

import { CountingSketch, SKETCH_WORDS } from "../memory/counting-sketch.ts";
import { halfSipHash13 } from "../memory/hash.ts";
import { TOKEN, TOKEN_BUCKET_WORDS, TokenBuckets } from "../memory/token-buckets.ts";

export interface AddressLimitSettings {
  readonly max_connections_per_ip: number;
  readonly max_peers_per_ip: number;
  readonly max_messages_per_second: number;
}

/** What a worker needs to view the counts. */
export interface AddressLimitsMemory {
  readonly buffer: SharedArrayBuffer;
  /** Two random words. */
  readonly key: Int32Array;
}

/**
 * An address may send the messages of so many seconds at once, as all clients do after a restart.
 */
const BURST_SECONDS = 40;

const CONNECTIONS = 0;
const PEERS = SKETCH_WORDS;
const TOKENS = 2 * SKETCH_WORDS;

/** Reserves the counts. The memory is used as addresses appear. */
export function allocateAddressLimits(key: Int32Array): AddressLimitsMemory {
  return { buffer: new SharedArrayBuffer((TOKENS + TOKEN_BUCKET_WORDS) * 4), key };
}

/** One thread's view of the counts. */
export class AddressLimits {
  readonly #key: Int32Array;
  readonly #connections: CountingSketch;
  readonly #peers: CountingSketch;
  readonly #messages: TokenBuckets;

  constructor(
    memory: AddressLimitsMemory,
    /** May change at any time. */
    private readonly settings: AddressLimitSettings,
  ) {
    const words = new Int32Array(memory.buffer);
    const rate = settings.max_messages_per_second;
    this.#key = memory.key;
    this.#connections = new CountingSketch(words, CONNECTIONS);
    this.#peers = new CountingSketch(words, PEERS);
    this.#messages = new TokenBuckets(words.subarray(TOKENS), rate, rate * BURST_SECONDS);
  }

  /**
   * Returns what stands for an address of four words (see readAddressWords) in the other functions.
   */
  hash(address: Int32Array): number {
    const isIpv4 = address[0] === 0 && address[1] === 0;
    return halfSipHash13(this.#key, 0, address, isIpv4 ? 2 : 0, 2);
  }

  /** Whether the address may open another connection. */
  hasRoom(hash: number): boolean {
    const max = this.settings.max_connections_per_ip;
    return max === 0 || this.#connections.count(hash) < max;
  }

  addConnection(hash: number): void {
    this.#connections.add(hash, Infinity);
  }

  removeConnection(hash: number): void {
    this.#connections.remove(hash);
  }

  /** Counts a peer. Returns false, and does not count it, if the address has as many as it may. */
  addPeer(hash: number): boolean {
    return this.#peers.add(hash, this.settings.max_peers_per_ip || Infinity);
  }

  removePeer(hash: number): void {
    this.#peers.remove(hash);
  }

  /** Counts a message at second `now`. Returns one of TOKEN. */
  takeMessage(hash: number, now: number): number {
    const rate = this.settings.max_messages_per_second;
    if (rate === 0) return TOKEN.taken;
    this.#messages.rate = rate;
    this.#messages.burst = rate * BURST_SECONDS;
    return this.#messages.take(hash, now);
  }
}
