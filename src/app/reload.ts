// Reads the configuration again at a signal: puts in force what may change, and logs what did.
// Called by the entries on the main thread.

import type { Schema } from "./config-field.ts";
import type { Config } from "./config.ts";
import type { LiveConfigWriter } from "./live-config.ts";
import { log, type LogLevel, setLogLevel } from "./log.ts";
import { StartupError } from "./startup-error.ts";

/** How to read a configuration again. */
export interface ConfigSource<S extends Schema> {
  /** Undefined if there is no file. Throws a StartupError for any mistake. */
  readonly reread: (() => Config<S>) | undefined;
  /** Live keys that need a restart if they are 0, because nothing was prepared for them. */
  readonly keepsZero?: readonly string[];
}

/**
 * Reads the file again, and applies its log level. If it has a mistake, logs it in one line, and
 * nothing changes.
 */
export function reloadConfig<S extends Schema>(
  live: LiveConfigWriter<S> & { readonly config: { readonly log_level: LogLevel } },
  { keepsZero, reread }: ConfigSource<S>,
): void {
  if (reread === undefined) return log.warn("there is no configuration file to reload");
  let next: Config<S>;
  try {
    next = reread();
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    log.error(`the configuration stays as it was: ${error.message}`);
    return;
  }
  const { applied, refused } = live.change(next, keepsZero);
  setLogLevel(live.config.log_level);
  if (applied.length > 0)
    log.info(`the configuration has been reloaded: ${applied.join(", ")} changed`);
  else log.info("the configuration has been reloaded: nothing has changed");
  if (refused.length > 0) log.warn(`restart the tracker to change ${refused.join(", ")}`);
}
