// The archives of a release, read by the programs that its users have.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deb } from "../../release/archives/deb.ts";
import { compressGzip, compressZstd, tar } from "../../release/archives/tar.ts";
import { zip } from "../../release/archives/zip.ts";
import { PYTHON } from "../support/clients/libtorrent.ts";
import { testWith } from "../support/requirements.ts";

const SECONDS = Date.UTC(2026, 10, 29, 12, 34, 56) / 1000;

const files = [
  { path: "a/b/program", data: Buffer.from("#!/bin/sh\necho hello\n"), isExecutable: true },
  { path: "a/empty", data: Buffer.alloc(0) },
  { path: "a/grüße.txt", data: Buffer.from("grüße\n") },
  { path: "a/block", data: Buffer.alloc(512, "x") },
  { path: "a/odd", data: Buffer.alloc(1_000_001, "y") },
];

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-archives-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a command in the directory and returns its output. */
function run(...argv: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv, {
    cwd: directory,
    env: { ...process.env, TZ: "UTC", LC_ALL: "C.UTF-8" },
  });
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
  return stdout.toString();
}

function expectFilesIn(root: string): void {
  for (const { path, data, isExecutable } of files) {
    const file = join(directory, root, path);
    expect(readFileSync(file).equals(data)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(isExecutable ? 0o755 : 0o644);
    expect(statSync(file).mtimeMs).toBe(SECONDS * 1000);
  }
}

test("tar unpacks an archive, with owner, modes and times", async () => {
  writeFileSync(
    join(directory, "files.tar.gz"),
    await compressGzip(tar(files, SECONDS), "release"),
  );
  run("mkdir", "tar");
  run("tar", "--no-same-owner", "-xzf", "files.tar.gz", "-C", "tar");
  expectFilesIn("tar");
  const lines = run("tar", "-tvzf", "files.tar.gz").trimEnd().split("\n");
  expect(lines[0]).toMatch(/^drwxr-xr-x root\/root +0 2026-11-29 12:34 a\/$/);
  expect(lines[2]).toMatch(/^-rwxr-xr-x root\/root +21 2026-11-29 12:34 a\/b\/program$/);
  expect(lines).toHaveLength(2 + files.length);
});

test("an archive does not depend on when it was made, and zstd keeps it", async () => {
  const archive = tar(files, SECONDS);
  expect(archive.equals(tar(files, SECONDS))).toBe(true);
  const packed = await compressZstd(archive, "release");
  expect(packed.equals(await compressZstd(archive, "release"))).toBe(true);
  expect(Buffer.from(Bun.zstdDecompressSync(packed)).equals(archive)).toBe(true);
});

test("a path that tar cannot hold is refused", () => {
  const long = { path: "x".repeat(101), data: Buffer.alloc(0) };
  expect(() => tar([long], SECONDS)).toThrow("too long for a tar archive");
});

await testWith(["python3"], "Python's zipfile unpacks a zip archive", async () => {
  const archive = await zip(files, SECONDS, "release");
  expect(archive.equals(await zip(files, SECONDS, "release"))).toBe(true);
  writeFileSync(join(directory, "files.zip"), archive);
  const script = `
import zipfile
with zipfile.ZipFile("files.zip") as archive:
    assert archive.testzip() is None
    archive.extractall("zip")
    for info in archive.infolist():
        print(info.filename, oct(info.external_attr >> 16), *info.date_time)`;
  const printed = run(PYTHON, "-c", script).trimEnd().split("\n");
  expect(printed[0]).toBe("a/b/program 0o100755 2026 11 29 12 34 56");
  expect(printed[1]).toBe("a/empty 0o100644 2026 11 29 12 34 56");
  for (const { path, data } of files) {
    expect(readFileSync(join(directory, "zip", path)).equals(data)).toBe(true);
  }
});

await testWith(["dpkg-deb"], "dpkg-deb reads a package", async () => {
  const configuration = { path: "etc/x.toml", data: Buffer.from("# none\n") };
  const description = {
    fields: { Package: "x", Version: "1", Architecture: "all", Description: "one\n two" },
    scripts: { postinst: "#!/bin/sh\n" },
    files: [configuration, ...files],
  };
  const archive = await deb(description, SECONDS, "release");
  expect(archive.equals(await deb(description, SECONDS, "release"))).toBe(true);
  writeFileSync(join(directory, "x.deb"), archive);
  run("dpkg-deb", "-R", "x.deb", "deb");
  expectFilesIn("deb");
  expect(run("cat", "deb/DEBIAN/control")).toBe(
    "Package: x\nVersion: 1\nArchitecture: all\nInstalled-Size: 978\nDescription: one\n two\n",
  );
  expect(run("cat", "deb/DEBIAN/conffiles")).toBe("/etc/x.toml\n");
  expect(run("sh", "-c", "cd deb && md5sum -c --quiet DEBIAN/md5sums")).toBe("");
  expect(statSync(join(directory, "deb/DEBIAN/postinst")).mode & 0o777).toBe(0o755);
});
