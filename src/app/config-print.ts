// Prints the defaults of a schema as TOML, each key below its prose: the output of `-p`. Called by
// `cli.ts` on the main thread.

import { isField, type ConfigValue, type Field, type Schema } from "./config-field.ts";
import { printString } from "./toml-value.ts";

/** The defaults as a TOML file that reads back to the same values. Ends with a line feed. */
export function printConfig(schema: Schema): string {
  return `${printSection(schema, "").join("\n")}\n`;
}

/**
 * Keys come before sections, whatever the schema's order, because a TOML section has no end marker.
 */
function printSection(schema: Schema, path: string): string[] {
  const fields: string[] = [];
  const sections: string[] = [];
  for (const [key, node] of Object.entries(schema)) {
    if (isField(node)) fields.push(...(fields.length > 0 ? [""] : []), ...printField(key, node));
    else sections.push("", `[${path}${key}]`, ...printSection(node, `${path}${key}.`));
  }
  return [...fields, ...sections];
}

function printField(key: string, field: Field<ConfigValue>): string[] {
  const prose = field.prose.split("\n").map((line) => `# ${line}`);
  return [...prose, `${key} = ${printValue(field.value)}`];
}

function printValue(value: ConfigValue): string {
  if (typeof value === "string") return printString(value);
  if (typeof value !== "object") return String(value);
  return value.length === 1 ? printString(value[0]) : `[${value.map(printString).join(", ")}]`;
}
