// A seeder and a fetcher, both real clients, which move a payload from one to the other. The
// end-to-end tests run many pairs at once against one tracker.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Child } from "../child.ts";
import type { Host } from "../netns.ts";
import type { Requirement } from "../requirements.ts";
import { type Torrent, writeTorrentFile } from "../torrent.ts";
import { startAria2 } from "./aria2.ts";
import type { Client } from "./client.ts";
import { startLibtorrent } from "./libtorrent.ts";
import { startTransmission } from "./transmission.ts";

type Program = "libtorrent" | "aria2" | "transmission";
type Role = "seeder" | "fetcher";

export interface Pair {
  seeder: Program;
  fetcher: Program;
  /** The family of the tracker's address, and so of the peers' addresses. */
  family: "IPv4" | "IPv6";
  /** The client that announces first, so that the other finds it. */
  first: Role;
}

export interface Stage {
  hosts: Record<Role | "tracker", Host>;
  port: number;
  tracker: Child;
  torrent: Torrent;
  /** Created by `movePayload`. */
  directory: string;
  /** `swarm-watch.ts`, watching the torrent. */
  watch: Child;
}

const NEEDS = {
  libtorrent: "python3-libtorrent",
  aria2: "aria2",
  transmission: "transmission-cli",
} satisfies Record<Program, Requirement>;

/** A client whose first attempt fails on a busy machine may wait a minute before the next. */
const TIMEOUT_MS = 120_000;

export function describePair({ seeder, fetcher, family, first }: Pair): string {
  return `${seeder} to ${fetcher} over ${family}, the ${first} first`;
}

export function requirementsOf({ seeder, fetcher }: Pair): Requirement[] {
  return [...new Set([NEEDS[seeder], NEEDS[fetcher]])];
}

/**
 * Starts the clients one after the other. Waits until both have the payload and the tracker counts
 * two seeders, stops both, and waits until it counts none. Returns the payload that the fetcher
 * wrote.
 */
export async function movePayload(pair: Pair, stage: Stage): Promise<Buffer> {
  const { torrent, watch } = stage;
  const waitForSwarm = (counts: string) =>
    watch.waitForLine(new RegExp(`^${torrent.infoHash.toString("hex")} ${counts}$`), TIMEOUT_MS);

  const second: Role = pair.first === "seeder" ? "fetcher" : "seeder";
  await using early = await startClient(pair, pair.first, stage);
  await orShow(
    waitForSwarm(pair.first === "seeder" ? "seeders 1 leechers 0" : "seeders 0 leechers 1"),
    stage,
    early,
  );
  await using late = await startClient(pair, second, stage);
  const fetcher = pair.first === "fetcher" ? early : late;
  await orShow(fetcher.waitForPayload(TIMEOUT_MS), stage, early, late);
  await orShow(waitForSwarm("seeders 2 leechers 0"), stage, early, late);
  const payload = readFileSync(join(stage.directory, "fetcher", torrent.name));
  await Promise.all([early.stop(), late.stop()]);
  await orShow(waitForSwarm("seeders 0 leechers 0"), stage, early, late);
  return payload;
}

async function startClient(pair: Pair, role: Role, stage: Stage): Promise<Client> {
  const { torrent } = stage;
  const program = pair[role];
  const directory = join(stage.directory, role);
  const state = join(stage.directory, `${role}-state`);
  mkdirSync(directory, { recursive: true });
  mkdirSync(state);
  if (role === "seeder") writeFileSync(join(directory, torrent.name), torrent.payload);
  const torrentPath = join(stage.directory, `${role}.torrent`);
  writeFileSync(torrentPath, writeTorrentFile(torrent, announceUrl(pair, program, stage)));

  const options = { host: stage.hosts[role], torrent: torrentPath, directory, state };
  switch (program) {
    case "libtorrent":
      return startLibtorrent(options);
    case "aria2":
      return startAria2(options);
    case "transmission":
      return startTransmission({ ...options, etcHosts: `${stage.hosts.tracker.ipv6} tracker\n` });
  }
}

/**
 * Transmission 3.00 accepts no IPv6 address in brackets for a UDP tracker, but it accepts a name.
 */
function announceUrl({ family }: Pair, program: Program, { hosts, port }: Stage): string {
  const { ipv4, ipv6 } = hosts.tracker;
  const bracketed = program === "transmission" ? "tracker" : `[${ipv6}]`;
  return `udp://${family === "IPv4" ? ipv4 : bracketed}:${port}/announce`;
}

/** Adds the output of the tracker and the clients to the message of a failure. */
async function orShow<T>(
  promise: Promise<T>,
  { tracker }: Stage,
  ...clients: Client[]
): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    const outputs = [tracker.stdout, tracker.stderr, ...clients.map(({ output }) => output)];
    const tails = outputs.map((output) => output.slice(-3000));
    throw new Error([String(error), ...tails].join("\n---\n"), { cause: error });
  }
}
