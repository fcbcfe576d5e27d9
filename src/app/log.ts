// The tracker's log: single lines on stderr that begin with the program's name. For events that an
// operator should see, from the main thread only. Events of single packets are counted instead.

import { standardError } from "./output.ts";

let programName = "aquatic";

/** Sets the name that begins every line. `cli.ts` calls this once, before anything is logged. */
export function setLogName(name: string): void {
  programName = name;
}

/** Writes one line to stderr without waiting for its reader. Control characters become spaces. */
export function log(message: string): void {
  standardError.write(`${programName}: ${message.replace(/\p{Cc}+/gu, " ")}\n`);
}
