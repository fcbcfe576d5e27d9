// Drives libtorrent through Debian's python3-libtorrent, for the end-to-end tests.

import { join } from "node:path";

import { startChild } from "../child.ts";
import { CLIENT_PORT, type Client, type ClientOptions } from "./client.ts";

/** The Python that Debian's package belongs to, whatever other ones are installed. */
export const PYTHON = "/usr/bin/python3";

const DRIVER = join(import.meta.dir, "libtorrent-client.py");

export function startLibtorrent({ host, torrent, directory }: ClientOptions): Client {
  const listen = `${host.ipv4}:${CLIENT_PORT},[${host.ipv6}]:${CLIENT_PORT}`;
  const child = startChild([PYTHON, DRIVER, torrent, directory, listen], { netns: host.netns });
  return {
    waitForPayload: (timeoutMs) => child.waitForLine(/"event": "finished"/, timeoutMs),
    stop: () => child.stop("SIGINT"),
    get output() {
      return child.stdout + child.stderr;
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
