// The flags of every program, and how a command line is read. citty describes and reads the flags;
// this module rejects the misspelt or incomplete ones that citty accepts. Called by `cli.ts`.

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

/** Further flags of one program, each given or not. */
export type Switches = Readonly<Record<string, { type: "boolean"; description: string }>>;

export interface Arguments {
  readonly args: ParsedArgs<typeof flags>;
  /** The names of the switches that were given. */
  readonly switches: ReadonlySet<string>;
}

/** Reads the arguments after the program's name. Throws a StartupError for a wrong one. */
export function readArguments(rawArgs: readonly string[], own: Switches = {}): Arguments {
  const known: Known = { ...own, ...flags };
  const seen = new Set<string>();
  for (const token of readTokens(rawArgs, known)) {
    if (token.kind === "positional") {
      throw refusal(`unexpected argument ${JSON.stringify(token.value)}`);
    }
    if (token.kind === "option") {
      checkOption(token, known);
      if (token.name === "config" && seen.has(token.name)) throw refusal("--config is given twice");
      seen.add(token.name);
    }
  }
  const args = parseArgs<typeof flags>([...rawArgs], { ...own, ...flags });
  return { args, switches: new Set([...seen].filter((name) => Object.hasOwn(own, name))) };
}

// ---------------------------------------------------------------------------------------------

type Known = Readonly<Record<string, { type: "string" | "boolean"; alias?: string }>>;
type Token = ReturnType<typeof readTokens>[number];

function readTokens(rawArgs: readonly string[], known: Known) {
  const options = Object.entries(known).map(([name, { type, alias }]) => {
    return [name, alias === undefined ? { type } : { type, short: alias }] as const;
  });
  return tokenize({
    args: [...rawArgs],
    options: Object.fromEntries(options),
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens;
}

function checkOption(option: Extract<Token, { kind: "option" }>, known: Known): void {
  const { name, rawName, value, inlineValue } = option;
  if (!Object.hasOwn(known, name)) throw refusal(explainUnknown(name, rawName, known));
  if (known[name].type === "boolean") {
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

function explainUnknown(name: string, rawName: string, known: Known): string {
  const nearest = name.length > 1 ? findNearest(name, Object.keys(known)) : undefined;
  const meant = nearest === undefined ? "" : `, did you mean --${nearest}?`;
  return `unknown option ${rawName}${meant}`;
}

function refusal(reason: string): StartupError {
  return new StartupError(`${reason} (see --help)`);
}
