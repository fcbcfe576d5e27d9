// How a tracker shows on its terminal, if it has one, that it serves: the start-up block on
// standard error, and the status line on standard output. If only one of them is a terminal, the
// other one has the lines of a pipe. Called by app/tracker.ts on the main thread.

import { isatty } from "node:tty";
import { isLogged, log } from "../log.ts";
import { standardError } from "../output.ts";
import { writeInBackground } from "./job.ts";
import { formatStartBlock, type StartFacts, type StartSituation } from "./start-block.ts";
import { keepStatus, Status, type StatusSources } from "./status.ts";
import { statusLine } from "./status-line.ts";
import { canMoveCursor } from "./style.ts";

/** For a terminal that does not know its width. */
const USUAL_COLUMNS = 80;

/** Prepares the process for its terminals, before it writes anything. */
export function openTerminals(): void {
  if (isatty(1) || isatty(2)) writeInBackground();
}

/** Reports that the tracker serves, and where. */
export function reportStart(name: string, facts: StartFacts, situation: StartSituation): void {
  const { pagesUrl, urls } = situation;
  if (!isatty(2)) {
    if (pagesUrl !== undefined) log.info(`statistics on ${pagesUrl}`);
    for (const url of urls) log.info(`listening on ${url}`);
  } else if (isLogged("info")) {
    const columns = process.stderr.columns || USUAL_COLUMNS;
    standardError.write(formatStartBlock(name, facts, situation, columns));
  }
}

/** Whether statistics are one line in place. */
export function hasStatusLine(): boolean {
  return isatty(1) && canMoveCursor();
}

/** Keeps the status line from now on, while `isWanted` returns true. */
export function keepStatusLine(sources: StatusSources, isWanted: () => boolean): void {
  const readColumns = (): number => process.stdout.columns || USUAL_COLUMNS;
  keepStatus(statusLine, new Status(sources), isWanted, readColumns);
  process.on("exit", () => statusLine.end());
}
