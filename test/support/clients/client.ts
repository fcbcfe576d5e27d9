// The interface of every driver of a real BitTorrent client: one program, in a namespace of its
// own, that seeds or fetches one torrent.

import type { Host } from "../netns.ts";

export interface ClientOptions {
  host: Host;
  /** The path of the .torrent file. */
  torrent: string;
  /** The directory of the payload. A client that finds the payload complete there seeds it. */
  directory: string;
  /** An empty directory for the client's own files. */
  state: string;
}

export interface Client extends AsyncDisposable {
  /** Resolves when the client itself reports that it has the whole payload. */
  waitForPayload(timeoutMs: number): Promise<unknown>;
  /** Lets the client announce `stopped` and end. */
  stop(): Promise<number>;
  /** The client's output, for the message of a failing test. */
  readonly output: string;
}

/** The port of every client: each has a host of its own. */
export const CLIENT_PORT = 6881;
