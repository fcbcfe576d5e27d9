// Makes a release: for each system archives of all programs, for Debian packages of the trackers,
// and SHA256SUMS of all. The same commit and version of Bun give the same bytes.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../package.json" with { type: "json" };
import { deb } from "./archives/deb.ts";
import type { ArchiveFile } from "./archives/file.ts";
import { compressGzip, compressZstd, type Effort, tar } from "./archives/tar.ts";
import { zip } from "./archives/zip.ts";
import { countUnsignedPages, signCode } from "./code-signature.ts";
import { compile } from "./compile.ts";
import { checkMaintainer, describePackage } from "./debian-package.ts";
import { listFiles } from "./files.ts";
import { programs } from "./programs.ts";
import { readCommitTime } from "./revision.ts";
import type { Target } from "./targets.ts";
import { listPackages } from "./texts/notices.ts";

export interface ReleaseOptions {
  readonly effort: Effort;
  /** Of the Debian packages: a name and an address in angle brackets. */
  readonly maintainer: string;
}

/** Writes the files into `directory`, which is emptied first. */
export async function makeRelease(
  targets: readonly Target[],
  directory: string,
  options: ReleaseOptions,
): Promise<void> {
  checkMaintainer(options.maintainer);
  const seconds = readCommitTime();
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const sums: string[] = [];
  for (const target of targets) {
    const compiled = await compileAll(target, join(directory, target.name));
    for await (const { path, data } of pack(target, compiled, seconds, options)) {
      writeFileSync(join(directory, path), data);
      sums.push(`${createHash("sha256").update(data).digest("hex")}  ${path}\n`);
      console.log(`${path}: ${(data.length / 1e6).toFixed(1)} MB`);
    }
  }
  writeFileSync(join(directory, "SHA256SUMS"), sums.toSorted(byName).join(""));
}

// ---------------------------------------------------------------------------------------------

interface Compiled {
  /** With their paths in the archive. */
  readonly executables: readonly ArchiveFile[];
  /** The packages that are compiled into them. */
  readonly packages: readonly string[];
}

async function compileAll({ name, bun, suffix }: Target, directory: string): Promise<Compiled> {
  const executables: ArchiveFile[] = [];
  const inputs: string[] = [];
  for (const program of programs) {
    const outfile = join(directory, program.name + suffix);
    inputs.push(...(await compile(program, { bun, targetName: name, outfile })));
    const data = readFileSync(outfile);
    // The compiler signs for Apple silicon, but not for x64.
    if (bun.startsWith("bun-darwin") && countUnsignedPages(data) > 0) {
      signCode(data, program.name);
    }
    executables.push({ path: `bin/${program.name}${suffix}`, data, isExecutable: true });
  }
  rmSync(directory, { recursive: true });
  return { executables, packages: listPackages(inputs) };
}

async function* pack(
  target: Target,
  { executables, packages }: Compiled,
  seconds: number,
  { effort, maintainer }: ReleaseOptions,
): AsyncGenerator<ArchiveFile> {
  const stem = `aquatic-${version}-${target.name}`;
  const files = [...executables, ...listFiles(target, packages, seconds)].map((file) => ({
    ...file,
    path: `${stem}/${file.path}`,
  }));
  if (target.archives.includes("zip")) {
    yield { path: `${stem}.zip`, data: await zip(files, seconds, effort) };
  } else {
    const data = tar(files, seconds);
    const [zst, gz] = await Promise.all([compressZstd(data, effort), compressGzip(data, effort)]);
    yield { path: `${stem}.tar.zst`, data: zst };
    yield { path: `${stem}.tar.gz`, data: gz };
  }
  if (target.debian !== undefined) {
    const description = describePackage({
      architecture: target.debian,
      maintainer,
      executables,
      packages,
      seconds,
    });
    const path = `aquatic_${version}_${target.debian}.deb`;
    yield { path, data: await deb(description, seconds, effort) };
  }
}

function byName(a: string, b: string): number {
  return a.slice(64) < b.slice(64) ? -1 : 1;
}
