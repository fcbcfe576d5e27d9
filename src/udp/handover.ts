// Restarts without a gap: a tracker takes over from one that still runs with the same state
// directory. The old one writes a snapshot when it is asked to (SIGUSR2). The new one loads it,
// binds the same ports, serves, and then stops the old one, which answers what has arrived, and
// leaves the directory to its successor.

import { closeSync, fstatSync, readFileSync, writeSync } from "node:fs";
import { log } from "../app/log.ts";
import { StartupError } from "../app/startup-error.ts";
import { lockState, openState, replaceState, StateError } from "../app/state-directory.ts";
import { SNAPSHOT_FILE } from "./snapshot-question.ts";

/** The file with the number of the process that the directory belongs to. */
const OWNER_FILE = "owner";

/** Written by root, perhaps, and read by the user that the tracker has become. */
const OWNER_MODE = 0o644;

const POLL_MILLISECONDS = 20;
/** Time for the old tracker to write its snapshot, and to end. */
const PATIENCE_MILLISECONDS = 30_000;

/** The process that a state directory belongs to. */
export class Ownership {
  /** The process to take over from; 0 if there is none. */
  #predecessor = 0;

  private constructor(private readonly directory: number) {}

  /**
   * Takes a directory that no other process has. If one has it, and `isHandover`, waits for its
   * snapshot. Throws a StartupError that names the key otherwise.
   */
  static async take(directory: number, path: string, isHandover: boolean): Promise<Ownership> {
    const ownership = new Ownership(directory);
    if (lockState(directory)) {
      ownership.#begin(path);
      return ownership;
    }
    const owner = ownership.#readOwner();
    if (!isHandover || owner === 0) {
      throw new StartupError(
        `persistence.path: ${JSON.stringify(path)} is in use by process ${owner}; stop it, or ` +
          "set persistence.handover",
      );
    }
    ownership.#predecessor = owner;
    await ownership.#awaitSnapshot(owner);
    return ownership;
  }

  /** Whether another process serves at the same addresses. */
  get isShared(): boolean {
    return this.#predecessor !== 0;
  }

  /** Whether the directory still belongs to this process. */
  get isOurs(): boolean {
    return this.#readOwner() === process.pid;
  }

  /** This process serves: the directory is its own from here on, and the old process may end. */
  async complete(): Promise<void> {
    if (this.#predecessor === 0) return;
    this.#writeOwner();
    signal(this.#predecessor, "SIGTERM");
    const isOver = await poll(() => lockState(this.directory));
    if (isOver) log.info(`process ${this.#predecessor} has handed over`);
    else log.warn(`process ${this.#predecessor} was told to stop, but still runs`);
  }

  #begin(path: string): void {
    try {
      this.#writeOwner();
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
      throw new StartupError(`persistence.path: cannot write ${path}/${error.message}`);
    }
  }

  async #awaitSnapshot(owner: number): Promise<void> {
    const before = this.#snapshotNumber();
    const isAsked = signal(owner, "SIGUSR2");
    if (isAsked && (await poll(() => this.#snapshotNumber() !== before))) return;
    throw new StartupError(`persistence.handover: process ${owner} has written no snapshot`);
  }

  // A new file has another number than the one that it replaces.
  #snapshotNumber(): number {
    const fd = openState(this.directory, SNAPSHOT_FILE);
    if (fd === undefined) return 0;
    const { ino } = fstatSync(fd);
    closeSync(fd);
    return ino;
  }

  #writeOwner(): void {
    const write = (fd: number): void => void writeSync(fd, String(process.pid));
    replaceState(this.directory, OWNER_FILE, write, OWNER_MODE);
  }

  #readOwner(): number {
    const fd = openState(this.directory, OWNER_FILE);
    if (fd === undefined) return 0;
    const text = readFileSync(fd, "latin1");
    closeSync(fd);
    return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  }
}

function signal(pid: number, name: "SIGTERM" | "SIGUSR2"): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function poll(isOver: () => boolean): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  while (!isOver()) {
    if (performance.now() > deadline) return false;
    await Bun.sleep(POLL_MILLISECONDS);
  }
  return true;
}
