// The tracker's log: single lines on stderr, each led by the name of the program. For events an
// operator should see, from the main thread; what happens for each packet is counted elsewhere.

let programName = "aquatic";

/** Sets the name that leads every line. Called once by `cli.ts`, before anything is logged. */
export function setLogName(name: string): void {
  programName = name;
}

/** Writes one line to stderr: control characters in `message` become spaces. */
export function log(message: string): void {
  console.error(`${programName}: ${message.replace(/\p{Cc}+/gu, " ")}`);
}
