// Drives libtorrent through Debian's python3-libtorrent, for the end-to-end tests.

import { join } from "node:path";

import { type Child, startChild } from "../child.ts";
import { CLIENT_PORT, type Client, type ClientOptions } from "./client.ts";

/** The Python of Debian's package, whatever others are installed. */
export const PYTHON = "/usr/bin/python3";

const DRIVER = join(import.meta.dir, "libtorrent-client.py");

/** The default of libtorrent. */
const NUM_WANT = 200;

/** `numWant` is the number of peers that it requests from the tracker. */
export function startLibtorrent(
  { host, torrent, directory }: Omit<ClientOptions, "state">,
  numWant = NUM_WANT,
): Client & Pick<Child, "waitForLine"> {
  const listen = `${host.ipv4}:${CLIENT_PORT},[${host.ipv6}]:${CLIENT_PORT}`;
  const argv = [PYTHON, DRIVER, torrent, directory, listen, String(numWant)];
  const child = startChild(argv, { netns: host.netns });
  return {
    waitForLine: (pattern, timeoutMs) => child.waitForLine(pattern, timeoutMs),
    waitForPayload: (timeoutMs) => child.waitForLine(/"event": "finished"/, timeoutMs),
    stop: () => child.stop("SIGINT"),
    get output() {
      return child.stdout + child.stderr;
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
