// The command line of the trackers and their load testers: carries out each flag, and prints one
// line on stderr if start-up fails. The entries call this on the main thread.

import { stripVTControlCharacters } from "node:util";
import { defineCommand, renderUsage } from "citty";
import { listFlags, readArguments, type Switches } from "./arguments.ts";
import type { Schema } from "./config-field.ts";
import { defaultConfig, readConfig, type Config } from "./config.ts";
import { printConfig } from "./config-print.ts";
import { printLine, setLogName } from "./log.ts";
import { StartupError } from "./startup-error.ts";
import { describeVersion, version } from "./version.ts";

export interface Program<S extends Schema> {
  /** The name of the binary. It begins every line of the log. */
  readonly name: string;
  readonly description: string;
  readonly schema: S;
  /** Flags of this program alone. */
  readonly switches?: Switches;
  /** For trackers: carries out `--health URL`. Throws a StartupError if no tracker answers. */
  readonly checkHealth?: (url: string) => Promise<void>;
  /** Checks more of a configuration than its schema does. Throws a StartupError for any mistake. */
  readonly check?: (config: Config<S>) => void;
  /** Starts the program. A StartupError becomes one line and exit code 1. */
  readonly run: (config: Config<S>, start: Start<S>) => Promise<void>;
}

/** What a program learns from its command line besides its configuration. */
export interface Start<S extends Schema> {
  /** The names of the switches that were given. */
  readonly switches: ReadonlySet<string>;
  /**
   * Reads the configuration file again; undefined if there is none. Throws a ConfigError for any
   * mistake.
   */
  readonly reread?: () => Config<S>;
  /** The path of that file. */
  readonly path?: string;
}

/** Carries out the command line. Ends the process with code 1 if the program cannot start. */
export async function runCli<S extends Schema>(
  program: Program<S>,
  rawArgs: readonly string[] = process.argv.slice(2),
): Promise<void> {
  setLogName(program.name);
  try {
    await execute(program, rawArgs);
  } catch (error) {
    if (!(error instanceof StartupError)) throw error;
    printLine(error.message);
    // Workers may already be running and would keep the process alive, so the exit code alone is
    // not enough.
    process.exit(1);
  }
}

// ---------------------------------------------------------------------------------------------

async function execute<S extends Schema>(program: Program<S>, rawArgs: readonly string[]) {
  const { name, schema, run, checkHealth } = program;
  const { args, switches } = readArguments(rawArgs, program.switches, checkHealth !== undefined);
  const { config: path, health } = args;
  if (args.help) return console.log(await renderHelp(program));
  if (args.version) return console.log(describeVersion(name));
  if (args["print-config"]) return process.stdout.write(printConfig(schema));
  if (health !== undefined) return checkHealth?.(health);
  const reread = (): Config<S> => {
    return path === undefined ? defaultConfig(schema) : readConfig(schema, path);
  };
  if (args["check-config"]) {
    const config = reread();
    program.check?.(config);
    return console.log(`${path ?? "the default configuration"} is valid`);
  }
  if (path === undefined) return run(reread(), { switches });
  await run(reread(), { switches, reread, path });
}

/** citty colours its text even for pipes and files, and leaves blanks at the ends of lines. */
async function renderHelp<S extends Schema>(program: Program<S>): Promise<string> {
  const { name, description, switches, checkHealth } = program;
  const args = listFlags(switches, checkHealth !== undefined);
  const usage = await renderUsage(defineCommand({ meta: { name, description, version }, args }));
  const text = process.stdout.isTTY ? usage : stripVTControlCharacters(usage);
  return text.replace(/ +$/gm, "");
}
