// What the system knows of this process: memory and open files. The files of /proc are opened at
// start-up, because a process that has changed its root directory cannot open them later.

import { fstatSync, openSync, readSync } from "node:fs";
import { readFileLimit } from "./file-limit.ts";

interface ProcessStats {
  /** Memory that the process occupies. */
  readonly residentBytes: number;
  /** Undefined if the system does not tell. */
  readonly openFiles: number | undefined;
  readonly maxFiles: number | undefined;
}

/** Reads the statistics of this process, again and again. */
class ProcessReader {
  readonly #status = tryOpen("/proc/self/status");
  readonly #files = tryOpen("/proc/self/fd");
  readonly #buffer = Buffer.alloc(8192);

  read(): ProcessStats {
    return {
      residentBytes: this.#readResident(),
      openFiles: this.#countFiles(),
      maxFiles: readFileLimit(),
    };
  }

  #readResident(): number {
    if (this.#status === undefined) return process.memoryUsage.rss();
    const bytes = readSync(this.#status, this.#buffer, 0, this.#buffer.length, 0);
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(this.#buffer.toString("latin1", 0, bytes))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  }

  // Since Linux 6.2, the size of the directory is the number of open files.
  #countFiles(): number | undefined {
    if (this.#files === undefined) return undefined;
    const { size } = fstatSync(this.#files);
    return size > 0 ? size : undefined;
  }
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined;
  }
}

/** This process. Imported, and so opened, before privileges are dropped. */
export const PROCESS = new ProcessReader();
