// What a socket worker asks of its sockets, however they are driven. Each backend is a file beside
// this one, and one test-suite runs against all.

import type { SocketAddress } from "../../app/socket-address.ts";
import type { Bytes } from "../../memory/bytes.ts";

/** The backends: see bun-backend.ts and mmsg-backend.ts. */
export type BackendName = "bun" | "mmsg";

/** What every backend is told. */
export interface SocketSettings {
  /** Most responses collected before they go to the kernel. */
  readonly maxQueued: number;
  /** The word in the control memory at which this worker sleeps. */
  readonly doorbell: number;
  /** The eventfd that wakes this worker from a poll; negative where there is none. */
  readonly wakeEvent: number;
  /** The memory of the channels to the request workers. */
  readonly channels: Bytes;
}

/** The sockets of one worker, one for each listening address. */
export interface SocketBackend {
  /**
   * Binds the addresses. `isDualStack`: the only one is `[::]`, and takes IPv4 as well. Rejects
   * with the system's error.
   */
  open(addresses: readonly SocketAddress[], isDualStack: boolean): Promise<void>;
  /** The ports bound, in the order of the addresses. */
  readonly ports: number[];
  /** Asks for receive buffers of `bytes` and returns the least that was granted. */
  setReceiveBuffers(bytes: number): number;
  /** Serves until told to stop, then closes the sockets. */
  serve(): Promise<void>;
}
