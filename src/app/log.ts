// The tracker's log: events that an operator should see, as single lines on stderr. On a terminal a
// line begins with the program's name; elsewhere it is key=value, with the time. Workers pass their
// lines to the main thread. Events of single packets are counted instead.

import { isatty } from "node:tty";
import { standardError } from "./output.ts";
import { statusLine } from "./terminal/status-line.ts";
import { paint } from "./terminal/style.ts";
import type { WorkerMessage } from "./worker-thread.ts";

/** From the most to the least important. */
export const LOG_LEVELS = ["error", "warn", "info"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const STYLES = { error: "red", warn: "yellow", info: "plain" } as const;

declare const self: Worker;

let programName = "aquatic";
let lowest = LOG_LEVELS.indexOf("info");
const isTerminal = isatty(2);

/** Sets the program's name. `cli.ts` calls this once, before anything is logged. */
export function setLogName(name: string): void {
  programName = name;
}

/** From now on, only lines of this level, or a more important one, are written. */
export function setLogLevel(level: LogLevel): void {
  lowest = LOG_LEVELS.indexOf(level);
}

/** Whether lines of this level are written. */
export function isLogged(level: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) <= lowest;
}

/** Each writes one line, without waiting for its reader. */
export const log = {
  /** Something does not work, and stays so until the operator does something. */
  error: (message: string): void => write("error", message),
  /** The tracker serves, but not as it was configured or not everybody. */
  warn: (message: string): void => write("warn", message),
  info: (message: string): void => write("info", message),
};

/**
 * Writes one line to the person or script that called the program, whatever the level is: why it
 * cannot start, or how far it is.
 */
export function printLine(message: string): void {
  print(formatPlainLine(message));
}

/** One line of key=value, as journald, Loki and logfmt readers take it. */
export function formatLogLine(
  { level, program, time }: { level: LogLevel; program: string; time: Date },
  message: string,
): string {
  return `time=${time.toISOString()} level=${level} program=${program} msg=${quote(message)}\n`;
}

// ---------------------------------------------------------------------------------------------

standardError.describeLoss = (lines) =>
  format("warn", `${lines} lines were lost because nobody read them`);

function write(level: LogLevel, message: string): void {
  if (!Bun.isMainThread) {
    self.postMessage({ state: "logged", level, message } satisfies WorkerMessage<never>);
  } else if (isLogged(level)) {
    print(format(level, message));
  }
}

function format(level: LogLevel, message: string): string {
  if (isTerminal) return paint(STYLES[level], formatPlainLine(message));
  return formatLogLine({ level, program: programName, time: new Date() }, message);
}

/** Control characters become spaces. */
function formatPlainLine(message: string): string {
  return `${programName}: ${message.replace(/\p{Cc}+/gu, " ")}\n`;
}

function print(line: string): void {
  if (isTerminal) statusLine.writeAbove(() => standardError.write(line));
  else standardError.write(line);
}

// JSON leaves DEL, the control characters after it and two line separators as they are.
function quote(text: string): string {
  return JSON.stringify(text).replace(/[\x7f-\x9f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
