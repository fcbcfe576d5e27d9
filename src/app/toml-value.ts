// Single TOML values as text: exactly, for the printed configuration, and in a few words, for the
// messages about a file that is refused.

/** A literal string where TOML allows one; else a basic string, whose escapes JSON's are among. */
export function printString(text: string): string {
  if (!/['\p{Cc}]/u.test(text)) return `'${text}'`;
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}

/** A value as smol-toml gives it, integers as bigint: short, and on one line. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return shorten(printString(value));
  if (typeof value === "bigint") return shorten(String(value));
  if (typeof value === "number") return describeFloat(value);
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  return value instanceof Date ? "a date or time" : "a table";
}

/** Keeps the point that made it a float: `1.0` is refused where `1` is allowed. */
function describeFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value).replace("Infinity", "inf").toLowerCase();
  return Number.isSafeInteger(value) ? `${value}.0` : String(value);
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
