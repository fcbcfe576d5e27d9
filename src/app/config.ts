// Reads a tracker's configuration: a TOML file over the defaults of a schema. Runs once at start-up
// on the main thread; the result is plain data that can be posted to workers.

import { parse, TomlError } from "smol-toml";
import { isField, type Field, type Schema } from "./config-field.ts";
import { readKept } from "./kept-directory.ts";
import { StartupError } from "./startup-error.ts";
import { findNearest } from "./suggest.ts";

export type Config<S> = {
  readonly [K in keyof S]: S[K] extends Field<infer T> ? T : Config<S[K]>;
};

/** One line that names the file, the key or the line, and the values allowed there. */
export class ConfigError extends StartupError {
  override name = "ConfigError";
}

/** Reads the file at `path` over the defaults. Throws a ConfigError for any mistake. */
export function readConfig<S extends Schema>(schema: S, path: string): Config<S> {
  return parseConfig(schema, readText(path), path);
}

/** Reads `text` over the defaults. `fileName` begins the message of a ConfigError. */
export function parseConfig<S extends Schema>(
  schema: S,
  text: string,
  fileName: string,
): Config<S> {
  return readSection({ fileName, root: schema }, schema, parseToml(text, fileName), "");
}

export function defaultConfig<S extends Schema>(schema: S): Config<S> {
  const config: Record<string, unknown> = {};
  for (const [key, node] of Object.entries(schema)) {
    config[key] = isField(node) ? node.value : defaultConfig(node);
  }
  return config as Config<S>;
}

// ---------------------------------------------------------------------------------------------

type Table = Record<string, unknown>;

interface Source {
  readonly fileName: string;
  readonly root: Schema;
}

function readText(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readKept(path));
  } catch (error) {
    throw new ConfigError(`${path}: ${explainUnreadable(error)}`, { cause: error });
  }
}

function explainUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "no such file; -p prints one with every key";
  if (code === "EISDIR") return "is a directory, not a file";
  if (code === "EACCES") return "permission denied";
  return error instanceof TypeError ? "is not UTF-8 text" : `cannot be read: ${message}`;
}

function parseToml(text: string, fileName: string): Table {
  try {
    // Floats become numbers and integers become bigint, so that 1.0 differs from 1.
    return parse(text, { integersAsBigInt: true });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason] = error.message.replace("Invalid TOML document: ", "").split("\n");
    const place = `${fileName}: line ${error.line}, column ${error.column}`;
    throw new ConfigError(`${place}: ${reason}`, { cause: error });
  }
}

/** `path` is the section's own path: empty, or dotted with a dot at its end. */
function readSection<S extends Schema>(
  source: Source,
  section: S,
  table: Table,
  path: string,
): Config<S> {
  const config: Record<string, unknown> = { ...defaultConfig(section) };
  for (const [key, given] of Object.entries(table)) {
    const name = path + printKey(key);
    const refuse = (reason: string): never => {
      throw new ConfigError(`${source.fileName}: ${name}: ${reason}`);
    };
    if (!Object.hasOwn(section, key))
      return refuse(explainUnknown(source.root, section, path, key));
    const node = section[key];
    if (isField(node)) config[key] = node.read(given, refuse);
    else if (isTable(given)) config[key] = readSection(source, node, given, `${name}.`);
    else refuse(`must be a section, written [${name}]`);
  }
  return config as Config<S>;
}

/**
 * The likeliest mistakes are a key in the wrong section, then a misspelt key of this section, then
 * a misspelt key of any section.
 */
function explainUnknown(root: Schema, section: Schema, path: string, key: string): string {
  const names = listNames(root, "");
  const nearHere = findNearest(key, Object.keys(section));
  const near = findNearest(key, names.map(lastPart));
  const meant =
    nearHere !== undefined && near !== key
      ? [path + nearHere]
      : names.filter((name) => lastPart(name) === near);
  if (meant.length === 0) return `unknown key; allowed here: ${Object.keys(section).join(", ")}`;
  return `unknown key, did you mean ${meant.map((name) => `"${name}"`).join(" or ")}?`;
}

/** The dotted names of all keys and sections. */
function listNames(schema: Schema, path: string): string[] {
  return Object.entries(schema).flatMap(([key, node]) =>
    isField(node) ? [path + key] : [path + key, ...listNames(node, `${path}${key}.`)],
  );
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}

function printKey(key: string): string {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
}
