// Datagrams for the fuzzer: from correct clients, from broken clients, and from attackers that know
// the protocol.

import type { Random } from "../../src/memory/random.ts";
import { buildAnnounce, buildConnect, buildScrape, PROTOCOL_ID } from "../support/bep15.ts";

/** Number of torrents that are announced. */
const TORRENTS = 24;

/** Generates datagrams: the same ones for the same random numbers. */
export class Datagrams {
  #last: Buffer = Buffer.alloc(0);

  constructor(private readonly random: Random) {}

  /** Returns the next datagram. `connectionId` is valid for its sender. */
  next(connectionId: bigint): Buffer {
    const { random } = this;
    const request = this.#request(connectionId);
    const datagram = random.below(4) === 0 ? this.#damage(request) : request;
    this.#last = datagram;
    return datagram;
  }

  #request(connectionId: bigint): Buffer {
    const { random } = this;
    const transactionId = random.next() >>> 0;
    const extra = random.below(8) === 0 ? this.#bytes(random.below(40)) : undefined;
    switch (random.below(10)) {
      case 0:
        return buildConnect({ transactionId, extra });
      case 1:
        return this.#scrape(connectionId, transactionId, extra);
      case 2:
        return this.#bytes(random.below(130));
      default:
        return this.#announce(connectionId, transactionId, extra);
    }
  }

  #announce(connectionId: bigint, transactionId: number, extra?: Buffer): Buffer {
    const { random } = this;
    return buildAnnounce({
      connectionId,
      transactionId,
      infoHash: this.#infoHash(),
      peerId: this.#bytes(20),
      downloaded: BigInt(random.below(1000)),
      left: this.#pick([0n, 0n, 1n, 1n << 32n, 1n << 63n, (1n << 64n) - 1n]),
      event: this.#pick([0, 0, 1, 2, 3, 3, 4, 7, random.next() >>> 0]),
      ip: this.#pick([0, random.next() >>> 0]),
      key: random.next() >>> 0,
      numwant: this.#pick([-1, 0, 1, 2, 5, 30, 1000, random.next()]),
      port: this.#pick([
        0,
        1,
        65535,
        1 + random.below(20),
        1 + random.below(20),
        random.below(65536),
      ]),
      extra,
    });
  }

  #scrape(connectionId: bigint, transactionId: number, extra?: Buffer): Buffer {
    const count = this.#pick([0, 1, 2, 5, 20]);
    const infoHashes = Array.from({ length: count }, () => this.#infoHash());
    return buildScrape({ connectionId, transactionId, infoHashes, extra });
  }

  // One large torrent, small ones, and sometimes one that nobody else uses.
  #infoHash(): Buffer {
    const { random } = this;
    if (random.below(30) === 0) return this.#bytes(20);
    return Buffer.alloc(20, random.below(2) === 0 ? 0 : random.below(TORRENTS));
  }

  #damage(request: Buffer): Buffer {
    const { random } = this;
    const datagram = Buffer.from(request);
    const offset = random.below(datagram.length + 1);
    switch (random.below(7)) {
      case 0:
        return datagram.subarray(0, offset);
      case 1:
        return Buffer.concat([datagram, this.#bytes(random.below(3000))]);
      case 2:
        // The header of one request with the rest of the previous one.
        return Buffer.concat([datagram.subarray(0, offset), this.#last.subarray(offset)]);
      case 3:
        if (datagram.length >= 12) datagram.writeUInt32BE(this.#pick([0, 1, 2, 3, 4]), 8);
        return datagram;
      case 4:
        if (datagram.length >= 8) datagram.writeBigUInt64BE(PROTOCOL_ID, 0);
        return datagram;
      case 5:
        datagram[offset] = random.next();
        return datagram;
      default:
        datagram[offset] ^= 1 << random.below(8);
        return datagram;
    }
  }

  #bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.random.next()));
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.random.below(values.length)];
  }
}
