// The block of lines that a tracker writes to a terminal when it starts to serve: what an operator
// wants to know first. Elsewhere, the log has its addresses.

import { version } from "../version.ts";
import { paint } from "./style.ts";

/** What a tracker says about itself. */
export interface StartFacts {
  /** Such as "1 socket worker (backend 'mmsg'), 1 request worker". */
  readonly workers: string;
  /** Such as "5,000,000 torrents". */
  readonly ceilings: readonly string[];
  /** The most memory that these can take. */
  readonly memory: readonly string[];
}

/** Where a tracker can be reached, and how it was started. */
export interface StartSituation {
  readonly urls: readonly string[];
  /** Of the operator's pages, if they are served. */
  readonly pagesUrl: string | undefined;
  readonly hasConfig: boolean;
}

/** Formats the block for a terminal of so many columns. Lines that are too long go on below. */
export function formatStartBlock(
  name: string,
  { ceilings, memory, workers }: StartFacts,
  { hasConfig, pagesUrl, urls }: StartSituation,
  columns: number,
  isColoured?: boolean,
): string {
  const rows: (readonly [label: string, lines: readonly string[]])[] = [
    ["listening on", urls],
    ["workers", [workers]],
    ["at most", ceilings],
    ["memory", memory],
    ["statistics on", pagesUrl === undefined ? [] : [pagesUrl]],
    ["change first", hasConfig ? [] : listFirstChanges(name)],
  ];
  const lines = rows.flatMap(([label, texts]) => {
    const wrapped = texts.flatMap((text) => wrap(text, columns - INDENT));
    return wrapped.map((text, index) => {
      const start = `  ${index === 0 ? label : ""}`.padEnd(INDENT);
      return paint("dim", start, isColoured) + text;
    });
  });
  return [paint("bold", `${name} ${version}`, isColoured), ...lines, ""].join("\n");
}

/** The bytes of all shared memory in `setup`. */
export function countShared(setup: unknown): number {
  if (setup instanceof SharedArrayBuffer) return setup.byteLength;
  if (typeof setup !== "object" || setup === null || ArrayBuffer.isView(setup)) return 0;
  return Object.values(setup).reduce((sum: number, part) => sum + countShared(part), 0);
}

/** The limits for one address that are set, in at most one line. */
export function describeAddressLimits(
  limits: readonly (readonly [limit: number, noun: string, unit?: string])[],
): string[] {
  const set = limits.filter(([limit]) => limit > 0);
  const list = set.map(([limit, noun, unit = ""]) => formatCount(limit, noun) + unit);
  return list.length > 0 ? [`${list.join(", ")} per address`] : [];
}

/** What access lists can take beside the rest, in at most one line. */
export function describeAccessLists(
  memory: SharedArrayBuffer,
  { mode }: { readonly mode: string },
): string[] {
  return mode === "off" ? [] : [`${formatBytes(memory.byteLength)} more for access lists`];
}

/** Such as "5,000,000 torrents", with a space at which no line is broken. */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString("en")}${NO_BREAK_SPACE}${noun}${count === 1 ? "" : "s"}`;
}

/** Such as "256 KiB" or "2.8 GiB". */
export function formatBytes(bytes: number): string {
  const [unit, name] = UNITS.find(([size]) => bytes >= size) ?? UNITS[UNITS.length - 1];
  const scaled = bytes / unit;
  return `${scaled.toFixed(scaled >= 10 || Number.isInteger(scaled) ? 0 : 1)} ${name}`;
}

// ---------------------------------------------------------------------------------------------

/** Columns of the labels, with the space around them. */
const INDENT = 17;

const NO_BREAK_SPACE = "\u00a0";

const UNITS = [
  [2 ** 30, "GiB"],
  [2 ** 20, "MiB"],
  [2 ** 10, "KiB"],
] as const;

/** The defaults serve this machine only. */
function listFirstChanges(name: string): string[] {
  const file = `${name}.toml`;
  return [
    "network.address, to serve other machines:",
    `${name} -p > ${file}`,
    `${name} -c ${file}`,
  ];
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else {
      lines.push(word);
    }
  }
  return lines.map((line) => line.replaceAll(NO_BREAK_SPACE, " "));
}
