// Makes the man page of a program from its flags and its configuration.

import { isField, type Schema } from "../../src/app/config-field.ts";
import { printConfig } from "../../src/app/config-print.ts";
import type { Flag, Program } from "../programs.ts";

/** A page of section 1, in man(7). `day` is ISO 8601. */
export function makeManPage(program: Program, version: string, day: string): string {
  const { name, description, schema, flags, isTracker } = program;
  const lines = [
    `.TH ${name.toUpperCase()} 1 ${day} "aquatic ${version}" "User Commands"`,
    ".SH NAME",
    `${escape(name)} \\- ${escape(lowerFirst(description))}`,
    ".SH SYNOPSIS",
    `.B ${escape(name)}`,
    ...Object.entries(flags).map(([flag, about]) => `[${spellFlag(flag, about).at(-1)}]`),
    ".SH DESCRIPTION",
    ...(isTracker ? describeTracker(name) : describeLoadTester(name)),
    ".SH OPTIONS",
    ...Object.entries(flags).flatMap(([flag, about]) => [
      ".TP",
      spellFlag(flag, about).join(", "),
      `${escape(about.description)}.`,
    ]),
    ".SH CONFIGURATION",
    "A TOML file.",
    "Every key is optional; these are the keys and their defaults.",
    ...describeSection(schema, ""),
    ...(isTracker ? describeSignals(name) : []),
    ".SH EXIT STATUS",
    "0, or 1 after an error that one line on standard error explains.",
    ".SH SEE ALSO",
    `.BR ${escape(name.startsWith("aquatic-udp") ? "aquatic-ws" : "aquatic-udp")} (1)`,
  ];
  return `${lines.join("\n")}\n`;
}

// ---------------------------------------------------------------------------------------------

/** `-c PATH` and `--config PATH`, in man(7). */
function spellFlag(flag: string, { alias, valueHint }: Flag): string[] {
  const value = valueHint === undefined ? "" : ` \\fI${valueHint}\\fR`;
  const names = [...(alias === undefined ? [] : [`-${alias}`]), `--${flag}`];
  return names.map((name) => `\\fB${escape(name)}\\fR${value}`);
}

function describeTracker(name: string): string[] {
  return [
    "It listens on 127.0.0.1:3000 unless configured otherwise.",
    "To serve other machines, write the defaults to a file, set",
    "\\fBnetwork.address\\fR in it, and start the tracker with that file:",
    ".PP",
    ".EX",
    `${escape(`${name} -p > ${name}.toml`)}`,
    `${escape(`${name} -c ${name}.toml`)}`,
    ".EE",
  ];
}

function describeLoadTester(name: string): string[] {
  const what = name === "aquatic-udp-load-test" ? "server_address" : "server_url";
  return [
    "It sends requests to a tracker, as fast as the tracker answers or at a rate,",
    "checks every response, and prints a report.",
    `The tracker is that of \\fB${escape(what)}\\fR.`,
  ];
}

function describeSignals(name: string): string[] {
  return [
    ".SH SIGNALS",
    ".TP",
    "SIGINT, SIGTERM",
    "End the tracker with exit status 0.",
    ".TP",
    "SIGHUP, SIGUSR1",
    `Read the configuration${name === "aquatic-ws" ? " and the certificate" : ""} again.`,
    "Nothing is interrupted.",
  ];
}

/** Keys come before sections, as in the printed configuration. */
function describeSection(schema: Schema, path: string): string[] {
  const keys: string[] = [];
  const sections: string[] = [];
  for (const [key, node] of Object.entries(schema)) {
    if (isField(node)) {
      const line = printConfig({ [key]: node })
        .trimEnd()
        .split("\n")
        .at(-1)!;
      keys.push(".TP", `\\fB${escape(line)}\\fR`, ...node.prose.split("\n").map(escape));
    } else {
      sections.push(`.SS [${path}${key}]`, ...describeSection(node, `${path}${key}.`));
    }
  }
  return [...keys, ...sections];
}

/** A backslash, a hyphen and a quotation mark, and a dot at the start, mean something to man(7). */
function escape(text: string): string {
  const plain = text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq");
  return plain.startsWith(".") ? `\\&${plain}` : plain;
}

function lowerFirst(text: string): string {
  return text[0].toLowerCase() + text.slice(1);
}
