// Prints the rows of a comparison as a table for the README.

import { describeTrouble, type Row } from "./comparison.ts";

export interface Column {
  readonly title: string;
  readonly text: (row: Row, rows: readonly Row[]) => string;
}

/** Prints a table; a column about what went wrong is its last. */
export function printTable(title: string, rows: readonly Row[], columns: readonly Column[]): void {
  const titles = columns.map((column) => column.title);
  console.log(`\n| ${[title, ...titles, "trouble in all rounds"].join(" | ")} |`);
  console.log(`|---|${"--:|".repeat(titles.length)}---|`);
  for (const row of rows) {
    const cells = columns.map((column) => column.text(row, rows));
    const last = describeTrouble(row.trouble) || "none";
    console.log(`| ${[row.contestant, ...cells, last].join(" | ")} |`);
  }
}

/** The median of a figure, divided by `unit`, with so many decimals. */
export function figure(title: string, name: string, decimals = 0, unit = 1): Column {
  return {
    title,
    text: ({ figures }) => format((figures[name]?.median ?? 0) / unit, decimals),
  };
}

/** What a row comes to, compared with the row of another contestant. */
export function ratio(
  title: string,
  other: string,
  value: (row: Row) => number,
  decimals = 2,
): Column {
  return {
    title,
    text(row, rows) {
      const reference = rows.find(({ contestant }) => contestant === other);
      return reference === undefined ? "" : format(value(row) / value(reference), decimals);
    },
  };
}

const medianOf =
  (name: string) =>
  ({ figures }: Row): number =>
    figures[name].median;

/**
 * Rate and CPU time of a contestant, and the latter to that of `others`; `unit` is what is counted.
 */
export function costs(unit: string, others: readonly string[], decimals: number): Column[] {
  return [
    figure(`${unit}s/s`, "rate"),
    figure("CPU s/s", "cpuShare", 2),
    figure(`CPU µs per ${unit}`, "cpu", decimals),
    ...others.map((other) => ratio(`to ${other}`, other, medianOf("cpu"))),
    figure("load tester's CPU s/s", "loadCpuShare", 2),
  ];
}

export function format(value: number, decimals = 0): string {
  return value.toLocaleString("en", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}
