// The files of an archive beside its executables: documents, example configurations, man pages,
// completions, what Prometheus and Grafana need, and units of systemd.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../package.json" with { type: "json" };
import { printConfig } from "../src/app/config-print.ts";
import type { ArchiveFile } from "./archives/file.ts";
import { programs, trackers } from "./programs.ts";
import type { Target } from "./targets.ts";
import { completeForBash, completeForFish, completeForZsh } from "./texts/completions.ts";
import { makeManPage } from "./texts/man-page.ts";
import { makeNotices } from "./texts/notices.ts";

/** `packages` are those in the executables, and `seconds` is the time of the release. */
export function listFiles(
  { name, suffix }: Target,
  packages: readonly string[],
  seconds: number,
): ArchiveFile[] {
  return [
    textFile("README.md", readRelease(suffix === ".exe" ? "README-windows.md" : "README.md")),
    textFile("LICENSE", readRepository("LICENSE")),
    textFile("CHANGELOG.md", readRepository("CHANGELOG.md")),
    textFile("THIRD-PARTY-NOTICES.md", makeNotices(packages)),
    textFile("doc/aquatic-udp.md", readRepository("src/udp/README.md")),
    textFile("doc/aquatic-ws.md", readRepository("src/ws/README.md")),
    ...programs.map(({ name: program, schema }) =>
      textFile(`config/${program}.toml`, printConfig(schema)),
    ),
    ...listMonitoring(),
    ...(suffix === ".exe" ? [] : [...listManPages(seconds, "man/man1"), ...listCompletions()]),
    ...(name.startsWith("linux") ? listUnits("systemd", "/usr/local/bin") : []),
  ];
}

export function listManPages(seconds: number, directory: string, among = programs): ArchiveFile[] {
  const day = new Date(seconds * 1000).toISOString().slice(0, 10);
  return among.map((program) =>
    textFile(`${directory}/${program.name}.1`, makeManPage(program, version, day)),
  );
}

/** The units, for executables in the directory `bin`. */
export function listUnits(directory: string, bin: string): ArchiveFile[] {
  return trackers.map(({ name }) => {
    const text = readRelease(`${name}.service`).replace("@bin@", bin);
    return textFile(`${directory}/${name}.service`, text);
  });
}

export function readRelease(path: string): string {
  return readFileSync(join(import.meta.dir, "files", path), "utf8");
}

export function readRepository(path: string): string {
  return readFileSync(join(import.meta.dir, "..", path), "utf8");
}

export function textFile(path: string, text: string): ArchiveFile {
  return { path, data: Buffer.from(text) };
}

// ---------------------------------------------------------------------------------------------

function listMonitoring(): ArchiveFile[] {
  const names = [
    "README.md",
    "prometheus/scrape.yml",
    "prometheus/alerts.yml",
    "grafana/aquatic.json",
  ];
  return names.map((name) => textFile(`monitoring/${name}`, readRelease(`monitoring/${name}`)));
}

function listCompletions(): ArchiveFile[] {
  return programs.flatMap((program) => [
    textFile(`completions/bash/${program.name}`, completeForBash(program)),
    textFile(`completions/zsh/_${program.name}`, completeForZsh(program)),
    textFile(`completions/fish/${program.name}.fish`, completeForFish(program)),
  ]);
}
