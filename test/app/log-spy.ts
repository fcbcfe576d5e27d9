// Collects what is logged in this process instead of writing it, whether or not the tests run on a
// terminal.

import { spyOn } from "bun:test";
import { log, LOG_LEVELS } from "../../src/app/log.ts";

/** From now on, each logged line is added to `lines` as "level: message". */
export function collectLog(lines: string[]): Disposable {
  const spies = LOG_LEVELS.map((level) => {
    return spyOn(log, level).mockImplementation(
      (message) => void lines.push(`${level}: ${message}`),
    );
  });
  return { [Symbol.dispose]: () => spies.forEach((spy) => spy.mockRestore()) };
}
