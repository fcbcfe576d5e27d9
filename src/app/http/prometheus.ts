// Writes series in the text format of Prometheus, version 0.0.4.

import type { Family, Sample } from "./series.ts";

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Returns the page /metrics. */
export function renderMetrics(families: readonly Family[]): string {
  return families.map(renderFamily).join("");
}

function renderFamily({ help, kind, name, samples }: Family): string {
  // Counters with the names of aquatic in Rust lack the suffix that Prometheus demands of a
  // counter.
  const type = kind === "counter" && !name.endsWith("_total") ? "untyped" : kind;
  const lines = samples.map((sample) => renderSample(name, sample));
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function renderSample(name: string, { labels, suffix = "", value }: Sample): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
  const braces = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
  return `${name}${suffix}${braces} ${value}\n`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
