// Starts a tracker as a user would, as a program with a configuration file, and waits until it logs
// that it is listening.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { type Child, startChild } from "./child.ts";

export interface TrackerOptions {
  /** The tracker; aquatic-udp by default. */
  program?: Program;
  /**
   * By default the binary in $AQUATIC_UDP or $AQUATIC_WS, otherwise the source, run by this Bun.
   */
  command?: string[];
  /** TOML, written to a file that is passed with `-c`. */
  config?: string;
  /** Further arguments, after `-c`. */
  args?: string[];
  env?: Record<string, string>;
  netns?: string;
  cwd?: string;
  /** How many files it may have open. */
  maxFiles?: number;
}

type Program = "udp" | "ws";

/** For loads that come from few addresses: a section that no other `[limits]` may follow. */
export const NO_ADDRESS_LIMITS = {
  udp: "[limits]\nmax_peers_per_ip = 0\nmax_requests_per_ip_per_second = 0\n",
  ws: "[limits]\nmax_connections_per_ip = 0\nmax_peers_per_ip = 0\nmax_messages_per_second = 0\n",
} as const;

export interface Tracker extends Child {
  /** The port of each configured address, in their order. */
  readonly ports: number[];
  /** Overwrites the configuration file. */
  rewriteConfig(config: string): void;
}

const START_TIMEOUT_MS = 15_000;
const LISTENING = / program=aquatic-(?:udp|ws) msg="listening on .*:(\d+)"$/gm;

/** Rejects with the tracker's output if it ends, or takes too long, before it listens. */
export async function startTracker(options: TrackerOptions = {}): Promise<Tracker> {
  const { child, cleanUp, configPath } = spawnTracker(options);
  try {
    const count = countAddresses(options.config);
    await child.waitForOutput(() => listeningPorts(child.stderr).length >= count, START_TIMEOUT_MS);
  } catch (error) {
    await cleanUp();
    throw error;
  }
  const ports = listeningPorts(child.stderr);
  // Not a spread: the child's getters must keep returning its current output.
  return Object.create(child, {
    ports: { value: ports },
    rewriteConfig: { value: (config: string) => writeFileSync(configPath, config) },
    [Symbol.asyncDispose]: { value: cleanUp },
  });
}

/** Runs a tracker that ends on its own: a wrong configuration, `-p`, `-h`. */
export async function runTracker(
  options: TrackerOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { child, cleanUp } = spawnTracker(options);
  const kill = setTimeout(cleanUp, START_TIMEOUT_MS);
  const code = await child.exited;
  clearTimeout(kill);
  await cleanUp();
  return { code, stdout: child.stdout, stderr: child.stderr };
}

/** The tracker's command line without its arguments, see `TrackerOptions.command`. */
export function trackerCommand(program: Program): string[] {
  const binary = process.env[`AQUATIC_${program.toUpperCase()}`];
  if (binary) return [resolve(binary)];
  return [process.execPath, "run", resolve(import.meta.dir, `../../src/${program}.ts`)];
}

function spawnTracker(options: TrackerOptions) {
  const { program = "udp" } = options;
  const directory = mkdtempSync(join(tmpdir(), `aquatic-${program}-`));
  const configPath = join(directory, "config.toml");
  if (options.config !== undefined) writeFileSync(configPath, options.config);
  const configArgs = options.config === undefined ? [] : ["-c", configPath];
  const argv = [
    ...(options.command ?? trackerCommand(program)),
    ...configArgs,
    ...(options.args ?? []),
  ];
  const limited =
    options.maxFiles === undefined
      ? argv
      : ["sh", "-c", `ulimit -n ${options.maxFiles} && exec "$@"`, "sh", ...argv];
  const child = startChild(limited, options);
  const cleanUp = async () => {
    await child[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  };
  return { child, cleanUp, configPath };
}

function countAddresses(config = ""): number {
  const { network } = Bun.TOML.parse(config) as { network?: { address?: string | string[] } };
  return Array.isArray(network?.address) ? network.address.length : 1;
}

function listeningPorts(stderr: string): number[] {
  return [...stderr.matchAll(LISTENING)].map((match) => Number(match[1]));
}
