// The interface between a socket worker and its sockets. Each backend is a file in this directory;
// the same end-to-end tests run against all of them.

import type { SocketAddress } from "../../app/socket-address.ts";
import type { Bytes } from "../../memory/bytes.ts";

/** The backends: see bun-backend.ts and mmsg-backend.ts. */
export type BackendName = "bun" | "mmsg";

/** Settings of every backend. */
export interface SocketSettings {
  /** Maximum number of responses to collect before they go to the kernel. */
  readonly maxQueued: number;
  /** How long to wait for more requests after a batch that was not full; 0: never. */
  readonly batchWaitMicroseconds: number;
  /** The word in the control memory at which this worker sleeps. */
  readonly doorbell: number;
  /** The eventfd that wakes this worker from a poll; negative if there is none. */
  readonly wakeEvent: number;
  /** The memory of the channels to the request workers. */
  readonly channels: Bytes;
  /**
   * Takes over a changed configuration, and shows life. Called with the second of the clock before
   * each batch is read, and at least once a second.
   */
  readonly refresh: (now: number) => void;
}

/** The sockets of one worker, one for each listening address. */
export interface SocketBackend {
  /**
   * Binds the addresses. With `isDualStack`, the only address is `[::]`, and its socket accepts
   * IPv4 too. Rejects with the system's error.
   */
  open(addresses: readonly SocketAddress[], isDualStack: boolean): Promise<void>;
  /** The descriptors of the sockets, in the order of the addresses. */
  readonly fds: number[];
  /** The ports that were bound, in the order of the addresses. */
  readonly ports: number[];
  /** Requests receive buffers of `bytes` and returns the smallest size granted. */
  setReceiveBuffers(bytes: number): number;
  /** Serves until the tracker stops, then closes the sockets. */
  serve(): Promise<void>;
}
