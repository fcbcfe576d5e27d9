// The flags of both trackers, and the reading of a command line into them. citty describes the
// flags and reads them; what it lets through, misspelt or incomplete, is refused here. Called by
// `cli.ts`.

import { parseArgs as tokenize } from "node:util";
import { parseArgs, type ParsedArgs } from "citty";
import { StartupError } from "./startup-error.ts";
import { findNearest } from "./suggest.ts";

export const flags = {
  config: {
    type: "string",
    alias: "c",
    valueHint: "PATH",
    description: "Read the configuration from a TOML file, laid over the defaults",
  },
  "print-config": {
    type: "boolean",
    alias: "p",
    description: "Print the default configuration and exit",
  },
  help: { type: "boolean", alias: "h", description: "Print this help and exit" },
  version: { type: "boolean", alias: "v", description: "Print the version and exit" },
} as const;

/** Reads the arguments after the program's name; throws a StartupError for a wrong one. */
export function readArguments(rawArgs: readonly string[]): ParsedArgs<typeof flags> {
  const seen = new Set<string>();
  for (const token of readTokens(rawArgs)) {
    if (token.kind === "positional") {
      throw refusal(`unexpected argument ${JSON.stringify(token.value)}`);
    }
    if (token.kind === "option") {
      checkOption(token);
      if (token.name === "config" && seen.has(token.name)) throw refusal("--config is given twice");
      seen.add(token.name);
    }
  }
  return parseArgs<typeof flags>([...rawArgs], flags);
}

// ---------------------------------------------------------------------------------------------

type Token = ReturnType<typeof readTokens>[number];

function readTokens(rawArgs: readonly string[]) {
  const options = Object.entries(flags).map(([name, { type, alias }]) => {
    return [name, { type, short: alias }] as const;
  });
  return tokenize({
    args: [...rawArgs],
    options: Object.fromEntries(options),
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

function checkOption(option: Extract<Token, { kind: "option" }>): void {
  const { name, rawName, value, inlineValue } = option;
  if (!isFlag(name)) throw refusal(explainUnknown(name, rawName));
  if (flags[name].type === "boolean") {
    if (value !== undefined) throw refusal(`${rawName} takes no value`);
    return;
  }
  // A path that starts with a dash can still be given as --config=-PATH or -c ./-PATH.
  const isMissing = !value || (!inlineValue && value.startsWith("-"));
  if (isMissing) throw refusal(`${rawName} needs a path after it`);
  if (inlineValue && !rawName.startsWith("--") && value.startsWith("=")) {
    throw refusal(`write ${rawName} PATH or --${name}=PATH`);
  }
}

function isFlag(name: string): name is keyof typeof flags {
  return Object.hasOwn(flags, name);
}

function explainUnknown(name: string, rawName: string): string {
  const nearest = name.length > 1 ? findNearest(name, Object.keys(flags)) : undefined;
  const meant = nearest === undefined ? "" : `, did you mean --${nearest}?`;
  return `unknown option ${rawName}${meant}`;
}

function refusal(reason: string): StartupError {
  return new StartupError(`${reason} (see --help)`);
}
