// Writes Debian packages: an ar archive of two tar archives, what dpkg reads and what it installs
// (deb(5)). Needs the command xz, because Debian's own tools do not accept zstd in packages.

import { createHash } from "node:crypto";
import type { ArchiveFile } from "./file.ts";
import { compressGzip, type Effort, tar } from "./tar.ts";

export interface DebianPackage {
  /** The fields of the control file, but for Installed-Size. */
  readonly fields: Readonly<Record<string, string>>;
  /** Maintainer scripts by name: `postinst` and the like. */
  readonly scripts: Readonly<Record<string, string>>;
  readonly files: readonly ArchiveFile[];
}

/** `seconds` is the time of all files. Files below etc/ are configuration files. */
export async function deb(
  { fields, scripts, files }: DebianPackage,
  seconds: number,
  effort: Effort,
): Promise<Buffer> {
  const control: ArchiveFile[] = [
    text("control", printControl(fields, files)),
    text("conffiles", listConfigurationFiles(files)),
    text("md5sums", listSums(files)),
    ...Object.entries(scripts).map(([name, script]) => ({
      ...text(name, script),
      isExecutable: true,
    })),
  ];
  return ar(
    [
      text("debian-binary", "2.0\n"),
      { path: "control.tar.gz", data: await compressGzip(tar(control, seconds, "./"), effort) },
      { path: "data.tar.xz", data: await compressXz(tar(files, seconds, "./"), effort) },
    ],
    seconds,
  );
}

// ---------------------------------------------------------------------------------------------

function printControl(fields: DebianPackage["fields"], files: readonly ArchiveFile[]): string {
  const bytes = files.reduce((sum, { data }) => sum + data.length, 0);
  const all = { ...fields, "Installed-Size": String(Math.ceil(bytes / 1024)) };
  // Description has more than one line, and ends the file.
  const { Description, ...others } = { Description: "", ...all };
  return Object.entries({ ...others, Description })
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}

function listConfigurationFiles(files: readonly ArchiveFile[]): string {
  return files
    .filter(({ path }) => path.startsWith("etc/"))
    .map(({ path }) => `/${path}\n`)
    .join("");
}

function listSums(files: readonly ArchiveFile[]): string {
  return files
    .filter(({ path }) => !path.startsWith("etc/"))
    .map(({ path, data }) => `${createHash("md5").update(data).digest("hex")}  ${path}\n`)
    .join("");
}

/** The common variant of ar: a line of 60 characters before each file, files at even offsets. */
function ar(files: readonly ArchiveFile[], seconds: number): Buffer {
  const parts: Uint8Array[] = [Buffer.from("!<arch>\n")];
  for (const { path, data } of files) {
    const columns = [path.padEnd(16), String(seconds).padEnd(12), "0     0     100644  "];
    parts.push(Buffer.from(`${columns.join("")}${String(data.length).padEnd(10)}\`\n`), data);
    if (data.length % 2 === 1) parts.push(Buffer.from("\n"));
  }
  return Buffer.concat(parts);
}

function text(path: string, content: string): ArchiveFile {
  return { path, data: Buffer.from(content) };
}

/**
 * With one dictionary for both programs, which hold the same runtime. One thread: the same bytes.
 */
async function compressXz(data: Uint8Array, effort: Effort): Promise<Buffer> {
  const preset = effort === "draft" ? 0 : 1;
  const argv = ["xz", "--threads=1", `--lzma2=preset=${preset},dict=128MiB`, "--stdout"];
  const xz = Bun.spawn(argv, { stdin: data, stdout: "pipe", stderr: "inherit" });
  const packed = Buffer.from(await xz.stdout.bytes());
  if ((await xz.exited) !== 0) throw new Error("xz failed");
  return packed;
}
