// Drives transmission-cli for the end-to-end tests.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Child, startChild } from "../child.ts";
import { CLIENT_PORT, type Client, type ClientOptions } from "./client.ts";

const SETTINGS = {
  "dht-enabled": false,
  "lpd-enabled": false,
  "pex-enabled": false,
  "port-forwarding-enabled": false,
  "utp-enabled": false,
};

/** Runs the remaining arguments with the file named by the first one in place of /etc/hosts. */
const WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"';

export interface TransmissionOptions extends ClientOptions {
  /** Lines for /etc/hosts that only this client sees. */
  etcHosts: string;
}

/** The output for a torrent that has started. */
const STARTED = /^(Progress|Seeding)/;

const START_TIMEOUT_MS = 40_000;
const MAX_STARTS = 5;

/**
 * Starts the client, more than once if necessary: it checks its torrent every fifth of a second and
 * ends if the torrent is stopped. The torrent is stopped before it is verified, and again until it
 * starts. That takes moments, except on a busy machine.
 */
export async function startTransmission(options: TransmissionOptions): Promise<Client> {
  for (let starts = 1; ; starts++) {
    const child = spawn(options);
    try {
      await child.waitForLine(STARTED, START_TIMEOUT_MS);
      return asClient(child);
    } catch (error) {
      await child[Symbol.asyncDispose]();
      if (starts === MAX_STARTS) throw error;
    }
  }
}

function spawn(options: TransmissionOptions): Child {
  const { host, torrent, directory, state, etcHosts } = options;
  const hostsFile = join(state, "hosts");
  writeFileSync(hostsFile, etcHosts);
  writeFileSync(join(state, "settings.json"), JSON.stringify(SETTINGS));
  const flags = ["-g", state, "-w", directory, "-p", String(CLIENT_PORT), "-M"];
  const command = ["transmission-cli", ...flags, torrent];
  // `ip netns exec` gives each program its own mounts, so this one ends with the client.
  return startChild(["sh", "-c", WITH_HOSTS, hostsFile, ...command], {
    netns: host.netns,
    env: { HOME: state },
  });
}

function asClient(child: Child): Client {
  return {
    waitForPayload: (timeoutMs) => child.waitForLine(/^Seeding, uploading to/, timeoutMs),
    stop: () => child.stop("SIGINT"),
    get output() {
      return child.stdout + child.stderr;
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
