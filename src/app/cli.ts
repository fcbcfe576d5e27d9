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
  /**
   * Starts the program, with the names of the switches that were given. A StartupError becomes one
   * line and exit code 1.
   */
  readonly run: (config: Config<S>, switches: ReadonlySet<string>) => Promise<void>;
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
  const { config } = args;
  await run(config === undefined ? defaultConfig(schema) : readConfig(schema, config), switches);
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
