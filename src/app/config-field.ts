// The kinds of values in a configuration file. Each field has a default, the prose for the printed
// file, and a function that reads a parsed TOML value or explains what is allowed. The schemas of
// the trackers consist of these fields; `config.ts` and `config-print.ts` walk them on the main
// thread at start-up.

import { describeValue } from "./toml-value.ts";

export type ConfigValue = number | boolean | string | readonly string[];

/** Stops reading the file. `reason` follows the name of the key. */
type Refuse = (reason: string) => never;

export interface Field<T extends ConfigValue> {
  readonly value: T;
  readonly prose: string;
  /** Whether the value may change while the tracker serves, see live-config.ts. */
  readonly isLive?: boolean;
  /** Whether the value must never be shown. */
  readonly isSecret?: boolean;
  /** Converts a value from smol-toml (integers are bigint) to the field's type, or refuses it. */
  readonly read: (given: unknown, refuse: Refuse) => T;
}

/** Fields by key, and sections by name. */
export interface Schema {
  readonly [key: string]: Field<ConfigValue> | Schema;
}

/** Tells a field from a section: only a field's `prose` is a string. */
export function isField(node: Field<ConfigValue> | Schema): node is Field<ConfigValue> {
  return typeof node.prose === "string";
}

/** An integer from `min` to `max`, both included and both safe integers. */
export function integer(field: {
  value: number;
  min: number;
  max: number;
  isLive?: boolean;
  prose: string;
}): Field<number> {
  const { value, min, max, isLive, prose } = field;
  const allowed = `an integer from ${min} to ${max}`;
  return {
    value,
    prose,
    isLive,
    read(given, refuse) {
      if (typeof given !== "bigint" || given < BigInt(min) || given > BigInt(max)) {
        return refuse(`must be ${allowed}, not ${describeValue(given)}`);
      }
      return Number(given);
    },
  };
}

export function boolean(field: { value: boolean; prose: string }): Field<boolean> {
  return {
    ...field,
    read(given, refuse) {
      if (typeof given === "boolean") return given;
      return refuse(`must be true or false, not ${describeValue(given)}`);
    },
  };
}

/**
 * A string without control characters. It may be empty only if the default is. `check` throws a
 * RangeError for a string that is not allowed, which says what is.
 */
export function string(field: {
  value: string;
  check?: (text: string) => void;
  isLive?: boolean;
  isSecret?: boolean;
  prose: string;
}): Field<string> {
  const { value, check = () => undefined, isLive, isSecret, prose } = field;
  const pattern = value === "" ? /^\P{Cc}*$/u : /^\P{Cc}+$/u;
  return {
    value,
    prose,
    isLive,
    isSecret,
    read(given, refuse) {
      if (typeof given === "string" && pattern.test(given)) {
        attemptOrRefuse(() => check(given), refuse);
        return given;
      }
      return refuse(`must be a string of printable characters, not ${describeValue(given)}`);
    },
  };
}

/** One of the strings in `among`. */
export function choice<const T extends string>(field: {
  value: NoInfer<T>;
  among: readonly T[];
  isLive?: boolean;
  prose: string;
}): Field<T> {
  const { value, among, isLive, prose } = field;
  const allowed = among.map(describeValue).join(" or ");
  return {
    value,
    prose,
    isLive,
    read(given, refuse) {
      const chosen = among.find((name) => name === given);
      if (chosen !== undefined) return chosen;
      return refuse(`must be ${allowed}, not ${describeValue(given)}`);
    },
  };
}

/**
 * A string, or an array of `min` (default 1) to `max` strings; always read as an array. `normalize`
 * returns the canonical spelling of a value, which finds duplicates, or throws a RangeError that
 * says what is allowed. Values keep the spelling of the file.
 */
export function strings(field: {
  value: readonly string[];
  min?: number;
  max: number;
  normalize: (text: string) => string;
  isSecret?: boolean;
  prose: string;
}): Field<readonly string[]> {
  const { value, min = 1, max, normalize, isSecret, prose } = field;
  return {
    value,
    prose,
    isSecret,
    read(given, refuse) {
      const texts: unknown[] = Array.isArray(given) ? given : [given];
      if (texts.length < min || texts.length > max) {
        return refuse(
          `must be a string or an array of ${min} to ${max} strings, not of ${texts.length}`,
        );
      }
      const seen = new Set<string>();
      return texts.map((text) => {
        if (typeof text !== "string") {
          return refuse(`must be a string or an array of strings, not ${describeValue(text)}`);
        }
        const canonical = attemptOrRefuse(() => normalize(text), refuse);
        if (seen.has(canonical))
          return refuse(`contains ${describeValue(isSecret ? canonical : text)} twice`);
        seen.add(canonical);
        return text;
      });
    },
  };
}

function attemptOrRefuse<T>(act: () => T, refuse: Refuse): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof RangeError) return refuse(error.message);
    throw error;
  }
}
