// What every driver of a real BitTorrent client offers the end-to-end tests: one program, in a
// namespace of its own, that seeds or fetches one torrent.

import type { Host } from "../netns.ts";

export interface ClientOptions {
  host: Host;
  /** The path of the .torrent file. */
  torrent: string;
  /** Where the payload is, or will be. A client that finds it complete there seeds it. */
  directory: string;
  /** An empty directory for the client's own files. */
  state: string;
}

export interface Client extends AsyncDisposable {
  /** Resolves when the client itself says that it has the whole payload. */
  waitForPayload(timeoutMs: number): Promise<unknown>;
  /** Lets the client take its leave of the tracker, and end. */
  stop(): Promise<number>;
  /** What the client printed, for the message of a failing test. */
  readonly output: string;
}

/** The port every client listens on: each has a host to itself. */
export const CLIENT_PORT = 6881;
