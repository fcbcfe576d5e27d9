// The tracker's log: single lines on stderr, each led by the name of the program. For events an
// operator should see, from the main thread; what happens for each packet is counted elsewhere.

import { standardError } from "./output.ts";

let programName = "aquatic";

/** Sets the name that leads every line. Called once by `cli.ts`, before anything is logged. */
export function setLogName(name: string): void {
  programName = name;
}

/** Writes one line to stderr, unless it would have to wait for its reader: control characters in `message` become spaces. */
export function log(message: string): void {
  standardError.write(`${programName}: ${message.replace(/\p{Cc}+/gu, " ")}\n`);
}
