// Drives aria2 for the end-to-end tests. aria2 uses UDP trackers only while its IPv4 DHT is on, and
// only through that socket, so it never reaches a tracker over IPv6 (1.36).

import { join } from "node:path";

import { startChild } from "../child.ts";
import { CLIENT_PORT, type Client, type ClientOptions } from "./client.ts";

export function startAria2({ host, torrent, directory, state }: ClientOptions): Client {
  const argv = [
    "aria2c",
    "--no-conf",
    "--enable-dht=true",
    "--enable-dht6=false",
    `--dht-file-path=${join(state, "dht.dat")}`,
    `--dht-listen-port=${CLIENT_PORT}`,
    `--listen-port=${CLIENT_PORT}`,
    "--bt-enable-lpd=false",
    "--enable-peer-exchange=false",
    "--check-integrity=true",
    "--seed-ratio=0.0",
    "--summary-interval=1",
    "--console-log-level=info",
    `--dir=${directory}`,
    torrent,
  ];
  const child = startChild(argv, { netns: host.netns, env: { HOME: state } });
  return {
    waitForPayload: (timeoutMs) => child.waitForLine(/^\[#\w+ SEED\(/, timeoutMs),
    stop: () => child.stop("SIGINT"),
    get output() {
      return child.stdout + child.stderr;
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
