// Formats single TOML values: exactly for the printed configuration, and briefly for error
// messages.

/**
 * A literal string if TOML allows one, otherwise a basic string, whose escapes include those of
 * JSON.
 */
export function printString(text: string): string {
  if (!/['\p{Cc}]/u.test(text)) return `'${text}'`;
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}

/** Describes a value from smol-toml (integers are bigint) briefly and on one line. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return shorten(printString(value));
  if (typeof value === "bigint") return shorten(String(value));
  if (typeof value === "number") return describeFloat(value);
  if (typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  return value instanceof Date ? "a date or time" : "a table";
}

/** Keeps the decimal point that makes it a float: `1.0` is refused where `1` is allowed. */
function describeFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value).replace("Infinity", "inf").toLowerCase();
  return Number.isSafeInteger(value) ? `${value}.0` : String(value);
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
