// What the status line says (status-line.ts): how the tracker does at this second, from the
// counters. Main thread only.

import { CounterGains, sumCounter } from "../counters.ts";
import { COUNTER, type Counter } from "../metrics.ts";
import type { StatusLine } from "./status-line.ts";
import { paint } from "./style.ts";

const DRAW_MILLISECONDS = 1000;

/** What a status is made of. */
export interface StatusSources {
  readonly counters: SharedArrayBuffer;
  readonly tables: readonly { readonly torrentCount: number; readonly peerCount: number }[];
  /** Reasons for requests that were not served. */
  readonly faults: readonly (readonly [name: string, counter: Counter])[];
  /** Whether clients have connections. */
  readonly hasConnections: boolean;
}

/** Turns the sources into one line of text. */
export class Status {
  readonly #gains: CounterGains;

  constructor(private readonly sources: StatusSources) {
    this.#gains = new CounterGains(sources.counters);
  }

  /**
   * Describes the `seconds` since the last call, `uptime` seconds after the start. Leaves out what
   * does not fit the columns, from the end.
   */
  describe(seconds: number, uptime: number, columns: number, isColoured?: boolean): string {
    const { counters, faults, hasConnections, tables } = this.sources;
    const rate = (counter: Counter): string => compact(this.#gains.take(counter) / seconds);
    const sum = (key: "torrentCount" | "peerCount"): string => {
      return compact(tables.reduce((total, table) => total + table[key], 0));
    };
    const [requests, responses] = [rate(COUNTER.requests), rate(COUNTER.responses)];
    const [bitsIn, bitsOut] = [COUNTER.bytesIn, COUNTER.bytesOut].map((counter) => {
      return compact((this.#gains.take(counter) * 8) / seconds);
    });
    const unserved = faults.reduce((total, [, counter]) => total + this.#gains.take(counter), 0);
    const parts = [
      `up ${formatUptime(uptime)}`,
      `${requests} req/s`,
      `${responses} resp/s`,
      `in ${bitsIn} out ${bitsOut} bit/s`,
      ...(hasConnections
        ? [`${compact(sumCounter(counters, COUNTER.connections))} connections`]
        : []),
      `${sum("peerCount")} peers`,
      `${sum("torrentCount")} torrents`,
    ];
    // In front of what may be left out.
    const warning = unserved > 0 ? `${compact(unserved / seconds)} not served/s` : "";
    if (warning !== "") parts.splice(3, 0, warning);
    return fit(parts, columns)
      .map((part) => paint(part === warning ? "yellow" : "plain", part, isColoured))
      .join("  ");
  }
}

/** Draws the status now and every second, forever, while `isWanted` returns true. */
export function keepStatus(
  line: StatusLine,
  status: Status,
  isWanted: () => boolean,
  readColumns: () => number,
): void {
  let last = performance.now();
  const draw = (): void => {
    const now = performance.now();
    const seconds = Math.max(1, (now - last) / 1000);
    last = now;
    const text = status.describe(seconds, now / 1000, readColumns());
    if (isWanted()) line.draw(text);
    else line.erase();
  };
  draw();
  setInterval(draw, DRAW_MILLISECONDS);
}

// ---------------------------------------------------------------------------------------------

/** As many parts as fit, with two spaces between them; a part of the first one if that does not. */
function fit(parts: readonly string[], columns: number): string[] {
  // Text in the last column makes some terminals begin a new line.
  const width = columns - 1;
  let length = -2;
  const fitting = parts.filter((part) => (length += part.length + 2) <= width);
  return fitting.length > 0 ? fitting : [parts[0].slice(0, width)];
}

const UNITS = ["", "k", "M", "G", "T"] as const;

/** Two or three digits, such as 0, 7.5, 12, 999, 1.2k, 12k. */
export function compact(value: number): string {
  let [scaled, unit] = [value, 0];
  while (Number(scaled.toFixed(0)) >= 1000 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit++;
  }
  const isWhole = Number.isInteger(scaled) && unit === 0;
  return scaled.toFixed(isWhole || Number(scaled.toFixed(1)) >= 10 ? 0 : 1) + UNITS[unit];
}

/** Such as 0:07, 59:59, 1:00:00, 3d 4:05:06. */
export function formatUptime(seconds: number): string {
  const whole = Math.floor(seconds);
  const [days, hours] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24];
  const two = (value: number): string => String(value % 60).padStart(2, "0");
  const [minutes, rest] = [Math.floor(whole / 60) % 60, two(whole)];
  if (days > 0) return `${days}d ${hours}:${two(minutes)}:${rest}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
