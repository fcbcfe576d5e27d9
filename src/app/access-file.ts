// Reads an access list from its file: an info hash in hexadecimal on each line, and comments from
// "#" to the end of the line. Bad lines are logged by number and skipped. Reads in pieces, so that
// the main thread's clock and signals go on while a long list is read.

import { closeSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { AccessListWriter, AccessMode } from "../swarm/access-list.ts";
import { INFO_HASH_WORDS } from "../swarm/layout.ts";
import { openKept } from "./kept-directory.ts";
import { log } from "./log.ts";
import { StartupError } from "./startup-error.ts";

const KEY = "access_list.path";

/** Bytes that are read before others get their turn: some milliseconds of work. */
const PIECE_BYTES = 1 << 18;
/** Bad lines that are logged one by one. */
const MAX_LOGGED = 5;
/** A longer line is bad, however it goes on. */
const MAX_LINE_BYTES = 4096;

const HASH_BYTES = INFO_HASH_WORDS * 4;
const HASH_DIGITS = HASH_BYTES * 2;
const LINE_FEED = 10;
const COMMENT = 35;
const SPACE = 32;

/** The value of each hexadecimal digit by its character code, 16 for anything else. */
const NIBBLES = new Uint8Array(256).fill(16);
for (let i = 0; i < 16; i++) {
  NIBBLES[i.toString(16).charCodeAt(0)] = i;
  NIBBLES[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

export interface AccessListSettings {
  readonly mode: AccessMode;
  readonly path: string;
}

/**
 * Puts the list of these settings in force. Throws a StartupError if the file cannot be read or has
 * too many info hashes; the list before stays in force then.
 */
export async function loadAccessList(
  list: AccessListWriter,
  { mode, path }: AccessListSettings,
): Promise<void> {
  if (mode === "off") {
    list.begin(0);
    return list.commit("off");
  }
  if (path === "") throw new StartupError(`${KEY}: is missing`);
  const hashes = await readHashes(path);
  if (hashes.count > list.maxHashes) {
    throw new StartupError(`${KEY}: ${path} has more than ${list.maxHashes} info hashes`);
  }
  list.begin(hashes.count);
  for (let i = 0; i < hashes.count; i++) {
    list.add(hashes.words, i * INFO_HASH_WORDS);
    if (i % 10_000 === 9_999) await setImmediate();
  }
  list.commit(mode);
}

/** Loads the list again. Logs one line; if the file cannot be used, the old list stays in force. */
export async function reloadAccessList(
  list: AccessListWriter,
  settings: AccessListSettings,
): Promise<void> {
  if (settings.mode === "off" && list.size === 0) return loadAccessList(list, settings);
  try {
    await loadAccessList(list, settings);
    log.info(`the access list has been reloaded: ${settings.mode}, ${list.size} info hashes`);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    log.error(`the access list stays as it was: ${error.message}`);
  }
}

// ---------------------------------------------------------------------------------------------

/** Info hashes one after the other, with room for more. */
class Hashes {
  words = new Int32Array(1024 * INFO_HASH_WORDS);
  count = 0;
  bytes = new Uint8Array(this.words.buffer);

  /** The byte at which another one may be written. */
  makeRoom(): number {
    const end = this.count * HASH_BYTES;
    if (end + HASH_BYTES > this.bytes.length) {
      const words = new Int32Array(this.words.length * 2);
      words.set(this.words);
      this.words = words;
      this.bytes = new Uint8Array(words.buffer);
    }
    return end;
  }
}

async function readHashes(path: string): Promise<Hashes> {
  const hashes = new Hashes();
  const problems = new Problems(path);
  const piece = Buffer.alloc(MAX_LINE_BYTES + PIECE_BYTES);
  const fd = attempt(path, () => openKept(path));
  try {
    let line = 1;
    // Bytes of an unfinished line at the start of the piece.
    let kept = 0;
    for (;;) {
      const read = attempt(path, () => readSync(fd, piece, kept, PIECE_BYTES, null));
      const end = kept + read;
      let start = 0;
      for (;;) {
        let stop = piece.indexOf(LINE_FEED, start);
        if (stop < 0 || stop >= end) {
          if (read > 0) break;
          stop = end;
        }
        if (!readLine(piece, start, stop, hashes)) problems.note(line);
        line++;
        start = stop + 1;
        if (start > end) break;
      }
      if (read === 0) break;
      kept = Math.min(MAX_LINE_BYTES, end - start);
      piece.copyWithin(0, start, start + kept);
      await setImmediate();
    }
  } finally {
    closeSync(fd);
  }
  problems.conclude();
  return hashes;
}

// Returns false if the line is neither empty, nor a comment, nor an info hash.
function readLine(text: Uint8Array, start: number, stop: number, hashes: Hashes): boolean {
  let first = start;
  while (first < stop && text[first] <= SPACE) first++;
  if (first === stop || text[first] === COMMENT) return true;
  if (first + HASH_DIGITS > stop) return false;
  const at = hashes.makeRoom();
  for (let i = 0; i < HASH_BYTES; i++) {
    const high = NIBBLES[text[first + i * 2]];
    const low = NIBBLES[text[first + i * 2 + 1]];
    if ((high | low) > 15) return false;
    hashes.bytes[at + i] = (high << 4) | low;
  }
  let rest = first + HASH_DIGITS;
  while (rest < stop && text[rest] <= SPACE) rest++;
  if (rest < stop && text[rest] !== COMMENT) return false;
  hashes.count++;
  return true;
}

class Problems {
  #count = 0;

  constructor(private readonly path: string) {}

  note(line: number): void {
    this.#count++;
    if (this.#count > MAX_LOGGED) return;
    log.warn(
      `${KEY}: ${this.path}: line ${line}: is no info hash of 40 hexadecimal digits; skipped`,
    );
  }

  conclude(): void {
    const more = this.#count - MAX_LOGGED;
    if (more > 0) log.warn(`${KEY}: ${this.path}: ${more} more bad lines; skipped`);
  }
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: "does not exist",
      EACCES: "cannot be read: permission denied",
      EISDIR: "is a directory",
    };
    const reason = reasons[code ?? ""] ?? `cannot be read (${code})`;
    throw new StartupError(`${KEY}: ${JSON.stringify(path)} ${reason}`);
  }
}
