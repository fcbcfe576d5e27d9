// What survives a restart of the UDP tracker: its swarms, and the keys of its connection ids, so
// that clients notice nothing. The entry calls this on the main thread.

import { closeSync, readFileSync, writeSync } from "node:fs";
import { awaitInterval, type BackgroundSettings } from "../app/background.ts";
import type { Clock } from "../app/clock.ts";
import { log } from "../app/log.ts";
import { SnapshotError, SnapshotReader } from "../app/snapshot-file.ts";
import {
  openState,
  openStateDirectory,
  renameState,
  replaceState,
  StateError,
} from "../app/state-directory.ts";
import { isClustered } from "../cluster/config.ts";
import { SnapshotDecoder } from "../swarm/snapshot.ts";
import { Table } from "../swarm/table.ts";
import type { UdpConfig } from "./config.ts";
import { printConnectionKeys, takeOverConnectionKeys } from "./connection-id.ts";
import type { Setup } from "./setup.ts";
import { Ownership } from "./handover.ts";
import { SNAPSHOT_FILE, type SnapshotAnswer, type SnapshotQuestion } from "./snapshot-question.ts";

const KEYS_FILE = "connection-keys";
/** What a file that cannot be used is renamed to, with this at its end. */
const ASIDE = ".unusable";
/**
 * Makes what was restored older than what other nodes have heard since, although ages are rounded.
 */
const CLUSTER_MARGIN_SECONDS = 2;
/** Time for the last snapshot when the tracker stops. */
const STOP_MILLISECONDS = 30_000;

/** The state directory of a tracker. */
export class Persistence {
  #keptKeys = "";

  private constructor(
    private readonly config: UdpConfig,
    private readonly directory: number,
    readonly ownership: Ownership,
  ) {}

  /** Throws a StartupError if the directory cannot be opened, or belongs to another process. */
  static async open(config: UdpConfig): Promise<Persistence> {
    const { handover, path } = config.persistence;
    const directory = openStateDirectory(path, "persistence.path");
    return new Persistence(config, directory, await Ownership.take(directory, path, handover));
  }

  /** What the snapshot worker is started with. */
  workerSetup({ tables }: Setup) {
    return {
      tables,
      directory: this.directory,
      isCompressed: this.config.persistence.compress,
    };
  }

  /** Takes over the connection keys that an earlier process has left, if they can be used. */
  restoreKeys(keys: Int32Array, clock: Clock): void {
    const { max_connection_age } = this.config.cleaning;
    try {
      const fd = openState(this.directory, KEYS_FILE);
      if (fd === undefined) return;
      const text = readFileSync(fd, "utf8");
      closeSync(fd);
      if (takeOverConnectionKeys(keys, max_connection_age, clock.wallTimeOf(0), text)) return;
      log.warn(`persistence.path: ${KEYS_FILE} cannot be used; connection ids begin anew`);
    } catch (error) {
      log.error(`persistence.path: cannot read ${(error as Error).message}`);
    }
  }

  /** Keeps the connection keys for the next process, if they have changed. */
  keepKeys(keys: Int32Array, clock: Clock): void {
    const { max_connection_age } = this.config.cleaning;
    const state = keys.join();
    if (state === this.#keptKeys) return;
    this.#keptKeys = state;
    const text = printConnectionKeys(keys, max_connection_age, clock.wallTimeOf(0));
    try {
      replaceState(this.directory, KEYS_FILE, (fd) => void writeSync(fd, text));
    } catch (error) {
      log.error(`persistence.path: cannot write ${(error as Error).message}`);
    }
  }

  /** Loads the swarms that an earlier process has left, before any worker serves. */
  restoreSwarms(tables: Setup["tables"], clock: Clock): void {
    const start = performance.now();
    let fd: number | undefined;
    try {
      fd = openState(this.directory, SNAPSHOT_FILE);
      if (fd === undefined) return;
      const reader = new SnapshotReader(fd);
      reader.verify();
      const margin = isClustered(this.config.cluster) ? CLUSTER_MARGIN_SECONDS : 0;
      const sinceThen = clock.wallTimeOf(clock.second) - reader.time + margin;
      const elapsed = Math.max(0, Math.round(sinceThen));
      const counts = this.#load(reader, tables, clock.second, elapsed);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      log.info(
        `${counts.peers} peers of ${counts.torrents} torrents have been restored in ${seconds} ` +
          `s; ${counts.expired} have expired since`,
      );
    } catch (error) {
      if (!(error instanceof SnapshotError || error instanceof StateError)) throw error;
      this.#setAside(error.message);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  /** Asks for a snapshot after each interval, and whenever a successor wants one, forever. */
  async keepSnapshots(
    settings: BackgroundSettings,
    ask: () => Promise<SnapshotAnswer>,
  ): Promise<never> {
    process.on("SIGUSR2", () => void ask().then(report));
    for (;;) {
      await awaitInterval(() => this.config.persistence.interval, settings);
      if (this.ownership.isOurs) report(await ask());
    }
  }

  /**
   * Asks for the last snapshot, once no worker serves any more. If another process has taken over,
   * the directory is its own.
   */
  async finish(ask: () => Promise<SnapshotAnswer>): Promise<void> {
    if (!this.ownership.isOurs) return;
    const late = Bun.sleep(STOP_MILLISECONDS).then(() => ({ problem: "the disk is too slow" }));
    report(await Promise.race([ask(), late]));
  }

  #load(reader: SnapshotReader, tables: Setup["tables"], now: number, elapsed: number) {
    const age = { now, elapsed, maxAge: this.config.cleaning.max_peer_age };
    const views = { 4: new Table(tables[4]), 16: new Table(tables[16]) };
    const decoders = {
      4: new SnapshotDecoder(views[4], age),
      16: new SnapshotDecoder(views[16], age),
    };
    for (const { kind, words } of reader.blocks()) {
      if (!decoders[kind as 4 | 16].read(words)) throw new SnapshotError("is damaged");
    }
    const restored = [decoders[4].restored, decoders[16].restored];
    return {
      peers: restored[0].peers + restored[1].peers,
      expired: restored[0].expired + restored[1].expired,
      torrents: views[4].torrentCount + views[16].torrentCount,
    };
  }

  #setAside(reason: string): void {
    const aside = `${SNAPSHOT_FILE}${ASIDE}`;
    try {
      renameState(this.directory, SNAPSHOT_FILE, aside);
    } catch (error) {
      log.error(`persistence.path: ${(error as Error).message}`);
    }
    log.error(
      `persistence.path: ${SNAPSHOT_FILE} ${reason}; it is kept as ${aside}, and no swarms are`,
    );
  }
}

/** The question for a snapshot of now. */
export function askForNow(clock: Clock): SnapshotQuestion {
  return { second: clock.second, time: clock.wallTimeOf(clock.second) };
}

function report(answer: SnapshotAnswer): void {
  if ("problem" in answer)
    log.error(`persistence.path: no snapshot was written: ${answer.problem}`);
}
