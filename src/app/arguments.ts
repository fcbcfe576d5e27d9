// The flags of every program, and how a command line is read. citty describes and reads the flags;
// this module rejects the misspelt or incomplete ones that citty accepts. Called by `cli.ts`.

import { parseArgs as tokenize } from "node:util";
import { parseArgs, type ParsedArgs } from "citty";
import { StartupError } from "./startup-error.ts";
import { findNearest } from "./suggest.ts";

const flags = {
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
  "check-config": {
    type: "boolean",
    description: "Check the configuration, without starting, and exit",
  },
  help: { type: "boolean", alias: "h", description: "Print this help and exit" },
  version: { type: "boolean", alias: "v", description: "Print the version and exit" },
} as const;

/** The flag of programs that can ask a running tracker whether it answers. */
const healthFlag = {
  health: {
    type: "string",
    valueHint: "URL",
    description: "Ask the tracker at URL whether it answers; if not, exit with code 1",
  },
} as const;

/** Further flags of one program, each given or not. */
export type Switches = Readonly<Record<string, { type: "boolean"; description: string }>>;

export interface Arguments {
  readonly args: ParsedArgs<typeof flags & typeof healthFlag>;
  /** The names of the switches that were given. */
  readonly switches: ReadonlySet<string>;
}

/** The flags of a program, in the order of its help. */
export function listFlags(own: Switches = {}, hasHealth = false) {
  return { ...flags, ...(hasHealth ? healthFlag : {}), ...own };
}

/**
 * Reads the arguments after the program's name, which may be those of `listFlags`. Throws a
 * StartupError for a wrong one.
 */
export function readArguments(
  rawArgs: readonly string[],
  own: Switches = {},
  hasHealth = false,
): Arguments {
  const known: Known = listFlags(own, hasHealth);
  const seen = new Set<string>();
  for (const token of readTokens(rawArgs, known)) {
    if (token.kind === "positional") {
      throw refusal(`unexpected argument ${JSON.stringify(token.value)}`);
    }
    if (token.kind === "option") {
      checkOption(token, known);
      const isTwice = known[token.name].type === "string" && seen.has(token.name);
      if (isTwice) throw refusal(`--${token.name} is given twice`);
      seen.add(token.name);
    }
  }
  const args = parseArgs<typeof flags & typeof healthFlag>([...rawArgs], {
    ...own,
    ...flags,
    ...healthFlag,
  });
  return { args, switches: new Set([...seen].filter((name) => Object.hasOwn(own, name))) };
}

// ---------------------------------------------------------------------------------------------

type Known = Readonly<
  Record<string, { type: "string" | "boolean"; alias?: string; valueHint?: string }>
>;
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
  const { type, valueHint } = known[name];
  if (type === "boolean") {
    if (value !== undefined) throw refusal(`${rawName} takes no value`);
    return;
  }
  // A path that starts with a dash can still be given as --config=-PATH or -c ./-PATH.
  const isMissing = !value || (!inlineValue && value.startsWith("-"));
  const kind = valueHint === "URL" ? "URL" : "path";
  if (isMissing) throw refusal(`${rawName} needs a ${kind} after it`);
  if (inlineValue && !rawName.startsWith("--") && value.startsWith("=")) {
    throw refusal(`write ${rawName} ${valueHint} or --${name}=${valueHint}`);
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
