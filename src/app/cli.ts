// The command line of the trackers and their load testers: carries out each flag, and prints one
// line on stderr if start-up fails. The entries call this on the main thread.

import { stripVTControlCharacters } from "node:util";
import { defineCommand, renderUsage } from "citty";
import { version } from "../../package.json" with { type: "json" };
import { flags, readArguments, type Switches } from "./arguments.ts";
import type { Schema } from "./config-field.ts";
import { defaultConfig, readConfig, type Config } from "./config.ts";
import { printConfig } from "./config-print.ts";
import { log, setLogName } from "./log.ts";
import { StartupError } from "./startup-error.ts";

export interface Program<S extends Schema> {
  /** The name of the binary. It begins every line of the log. */
  readonly name: string;
  readonly description: string;
  readonly schema: S;
  /** Flags of this program alone. */
  readonly switches?: Switches;
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
    log(error.message);
    // Workers may already be running and would keep the process alive, so the exit code alone is
    // not enough.
    process.exit(1);
  }
}

// ---------------------------------------------------------------------------------------------

async function execute<S extends Schema>(program: Program<S>, rawArgs: readonly string[]) {
  const { args, switches } = readArguments(rawArgs, program.switches);
  if (args.help) return console.log(await renderHelp(program));
  if (args.version) return console.log(`${program.name} ${version}`);
  if (args["print-config"]) return process.stdout.write(printConfig(program.schema));
  const { schema, run } = program;
  const path = args.config;
  if (path === undefined) return run(defaultConfig(schema), { switches });
  const reread = (): Config<S> => readConfig(schema, path);
  await run(reread(), { switches, reread });
}

/** citty colours its text even for pipes and files, and leaves blanks at the ends of lines. */
async function renderHelp<S extends Schema>(program: Program<S>): Promise<string> {
  const { name, description, switches } = program;
  const usage = await renderUsage(
    defineCommand({ meta: { name, description, version }, args: { ...flags, ...switches } }),
  );
  const text = process.stdout.isTTY ? usage : stripVTControlCharacters(usage);
  return text.replace(/ +$/gm, "");
}
