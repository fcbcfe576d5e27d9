// A finished release, unpacked and spoken to where nothing else is. Run by `test/release/run` and in CI,
// not by `bun test`: $AQUATIC_RELEASE is the directory of the release, or of a part of one.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { version } from "../../package.json" with { type: "json" };
import { targets } from "../../release/targets.ts";
import { countUnsignedPages } from "../../release/code-signature.ts";
import { buildAnnounce, parseResponse } from "../support/bep15.ts";
import { startBrowser } from "../support/browser.ts";
import { startTracker } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";

const release = resolve(process.env.AQUATIC_RELEASE ?? "dist/release");
const isDraft = process.env.AQUATIC_DRAFT !== undefined;

/** The most that a file of each kind may have, in MB. */
const BUDGET = { "tar.zst": 45, "tar.gz": 220, zip: 235, deb: 45 };

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-release-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function run(...argv: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(argv);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

/** Unpacks the archive of a target and returns its directory. */
function unpack(target: string, kind: string): string {
  const stem = `aquatic-${version}-${target}`;
  const into = join(directory, `${target}-${kind}`);
  if (existsSync(into)) return join(into, stem);
  mkdirSync(into);
  const archive = join(release, `${stem}.${kind}`);
  if (kind === "zip") run("python3", "-m", "zipfile", "-e", archive, into);
  else run("tar", "--no-same-owner", "-xf", archive, "-C", into);
  return join(into, stem);
}

function existing(name: string): boolean {
  return existsSync(join(release, `aquatic-${version}-${name}`));
}

test("SHA256SUMS has the right sum of every file", () => {
  const lines = readFileSync(join(release, "SHA256SUMS"), "utf8").trimEnd().split("\n");
  const listed = lines.map((line) => line.split("  "));
  expect(listed.map(([, name]) => name)).toEqual(
    Array.from(new Bun.Glob("aquatic*").scanSync(release)).toSorted(),
  );
  for (const [sum, name] of listed) {
    const data = readFileSync(join(release, name));
    expect(createHash("sha256").update(data).digest("hex")).toBe(sum);
  }
});

test.skipIf(isDraft)("every file is within its budget", () => {
  for (const name of new Bun.Glob("aquatic*").scanSync(release)) {
    const kind = Object.keys(BUDGET).find((end) => name.endsWith(`.${end}`)) as keyof typeof BUDGET;
    expect(statSync(join(release, name)).size / 1e6).toBeLessThan(BUDGET[kind]);
  }
});

for (const { name, archives } of targets) {
  const present = archives.filter((kind) => existing(`${name}.${kind}`));
  if (present.length < 2) continue;
  test(`the archives for ${name} hold the same files`, () => {
    run("diff", "-r", ...present.map((kind) => unpack(name, kind)));
  }, 120_000);
}

/** Announces twenty peers to the UDP tracker at the port. */
async function announce(port: number): Promise<void> {
  await using client = await openUdpClient({ address: "127.0.0.1", port });
  const connectionId = await client.connect();
  for (let peer = 1; peer <= 20; peer++) {
    const infoHash = Buffer.alloc(20, 7);
    const request = buildAnnounce({ connectionId, infoHash, port: peer, left: 1n });
    const response = parseResponse((await client.request(request))!, client.addressBytes);
    expect(response).toMatchObject({ leechers: peer, peers: { length: peer - 1 } });
  }
}

/** Lets one page fetch from another, which it finds by the WebTorrent tracker at the port. */
async function introduce(port: number): Promise<void> {
  const url = `ws://127.0.0.1:${port}/announce`;
  await using browser = await startBrowser();
  await using seeder = await browser.open();
  const { magnet, sha256 } = await seeder.call(
    "seed",
    await seeder.call("createClient"),
    300_000,
    url,
  );
  await using leecher = await browser.open();
  const result = await leecher.call("fetch", await leecher.call("createClient"), magnet, url);
  expect(result).toEqual({ sha256, wireTypes: ["webrtc"] });
}

const CONFIG = `socket_workers = 2
[network]
address = '127.0.0.1:0'
peer_announce_interval = 10
[privileges]
drop_privileges = true
chroot_path = '/empty'
user = 'nobody'
`;

/** A root directory with these files only, a user, and the configuration of both trackers. */
function makeRoot(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(directory, name);
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(source, join(root, path));
  }
  for (const path of ["empty", "etc", "proc"]) mkdirSync(join(root, path), { recursive: true });
  writeFileSync(join(root, "etc/passwd"), "nobody:x:65534:65534::/:/none\n");
  writeFileSync(join(root, "config.toml"), CONFIG);
  return root;
}

/** The command that runs a program in a root directory, where /proc is mounted: glibc reads it. */
function inRoot(root: string, ...argv: string[]): string[] {
  const script = 'mount -t proc proc "$1/proc" && exec chroot "$@"';
  return ["unshare", "--mount", "sh", "-c", script, "sh", root, ...argv];
}

/** Runs both trackers of an unpacked archive by a command, and speaks to them. */
async function serveBoth(command: (program: string) => string[]): Promise<void> {
  for (const program of ["udp", "ws"] as const) {
    const argv = command(`aquatic-${program}`);
    await using tracker = await startTracker({
      program,
      command: [...argv, "-c", "/config.toml"],
      cwd: "/",
    });
    const [port] = tracker.ports;
    if (program === "udp") await announce(port);
    else await introduce(port);
    const scheme = program === "udp" ? "udp" : "http";
    expect(run(...argv, "--health", `${scheme}://127.0.0.1:${port}`)).toBe("");
    expect(await tracker.stop()).toBe(0);
  }
}

function describeBuild(name: string, target: string): string {
  const commit = run("git", "-C", import.meta.dir, "rev-parse", "--short=12", "HEAD").trim();
  const mark = run("git", "-C", import.meta.dir, "status", "--porcelain") === "" ? "" : "+";
  return `${name} ${version} (commit ${commit}${mark}, ${target}, Bun ${Bun.version})\n`;
}

const native = `linux-${process.arch}`;
describe.skipIf(!existing(`${native}.tar.zst`))(`in a root of glibc only, ${native}`, () => {
  let root: string;
  beforeAll(() => {
    const bin = join(unpack(native, "tar.zst"), "bin");
    const programs = Array.from(new Bun.Glob("*").scanSync(bin));
    // Lines such as "libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)".
    const libraries = [...run("ldd", join(bin, "aquatic-udp")).matchAll(/(\/\S+) \(/g)];
    root = makeRoot("glibc", {
      ...Object.fromEntries(programs.map((name) => [`bin/${name}`, join(bin, name)])),
      ...Object.fromEntries(libraries.map(([, path]) => [path, path])),
    });
  });

  test("every program names its build", () => {
    for (const name of [
      "aquatic-udp",
      "aquatic-ws",
      "aquatic-udp-load-test",
      "aquatic-ws-load-test",
    ]) {
      expect(run(...inRoot(root, `/bin/${name}`), "--version")).toBe(describeBuild(name, native));
    }
  });

  test("both trackers serve", async () => {
    await serveBoth((program) => inRoot(root, `/bin/${program}`));
  }, 60_000);

  test("the load testers measure both trackers", async () => {
    for (const program of ["udp", "ws"] as const) {
      await using tracker = await startTracker({
        program,
        command: inRoot(root, `/bin/aquatic-${program}`, "-c", "/config.toml"),
      });
      const key = program === "udp" ? "server_address = '" : "server_url = 'ws://";
      const config = `${key}127.0.0.1:${tracker.ports[0]}'\nduration = 1\n`;
      writeFileSync(join(root, "load.toml"), config);
      const tester = `/bin/aquatic-${program}-load-test`;
      const report = JSON.parse(run(...inRoot(root, tester, "-c", "/load.toml", "--json")));
      expect(Object.keys(report).length).toBeGreaterThan(3);
      await tracker.stop();
    }
  }, 60_000);
});

// Debian's C library of another processor, and its emulator.
const QEMU = "/usr/bin/qemu-aarch64-static";
const ARM64_ROOT = "/usr/aarch64-linux-gnu";
const hasArm64 = existing("linux-arm64.tar.zst") && existsSync(QEMU) && existsSync(ARM64_ROOT);
describe.skipIf(!hasArm64)("emulated, linux-arm64", () => {
  test("both trackers serve", async () => {
    const bin = join(unpack("linux-arm64", "tar.zst"), "bin");
    const root = makeRoot("arm64", { qemu: QEMU });
    run("cp", "-rL", join(ARM64_ROOT, "lib"), bin, root);
    const command = (program: string) => inRoot(root, "/qemu", `/bin/${program}`);
    expect(run(...command("aquatic-udp"), "--version")).toBe(
      describeBuild("aquatic-udp", "linux-arm64"),
    );
    await serveBoth(command);
  }, 120_000);
});

// `test/release/run` makes this root of musl and libstdc++.
const muslRoot = process.env.AQUATIC_MUSL_ROOT ?? "";
const hasMusl = existing("linux-x64-musl.tar.zst") && existsSync(muslRoot);
describe.skipIf(!hasMusl)("in a root of musl only, linux-x64-musl", () => {
  test("both trackers serve", async () => {
    const bin = join(unpack("linux-x64-musl", "tar.zst"), "bin");
    const root = makeRoot("musl", {});
    run("cp", "-rL", `${muslRoot}/lib`, bin, root);
    const command = (program: string) => inRoot(root, `/bin/${program}`);
    expect(run(...command("aquatic-ws"), "--version")).toBe(
      describeBuild("aquatic-ws", "linux-x64-musl"),
    );
    await serveBoth(command);
  }, 60_000);
});

for (const name of ["macos-arm64", "macos-x64"]) {
  test.skipIf(!existing(`${name}.tar.zst`))(
    `every page of the programs for ${name} is signed`,
    () => {
      const bin = join(directory, `${name}-tar.zst`, `aquatic-${version}-${name}`, "bin");
      const programs = Array.from(new Bun.Glob("*").scanSync(bin));
      expect(programs).toHaveLength(4);
      for (const program of programs) {
        expect(countUnsignedPages(readFileSync(join(bin, program)))).toBe(0);
      }
    },
    60_000,
  );
}

// `test/release/run` installs wine, and compiles the one library that Debian's wine lacks.
const wine = process.env.AQUATIC_WINE ?? "";
describe.skipIf(!existing("windows-x64.zip") || wine === "")("under wine, windows-x64", () => {
  test("both trackers serve", async () => {
    const bin = join(unpack("windows-x64", "zip"), "bin");
    copyFileSync(process.env.AQUATIC_WINE_LIBRARY!, join(bin, "bcryptprimitives.dll"));
    const config = join(bin, "config.toml");
    writeFileSync(config, "socket_workers = 2\n[network]\naddress = '127.0.0.1:0'\n");
    for (const program of ["udp", "ws"] as const) {
      const env = { WINEPREFIX: join(directory, "wine"), WINEDEBUG: "-all" };
      const argv = [wine, join(bin, `aquatic-${program}.exe`)];
      await using tracker = await startTracker({
        program,
        command: [...argv, "-c", config],
        cwd: bin,
        env,
      });
      if (program === "udp") await announce(tracker.ports[0]);
      else await introduce(tracker.ports[0]);
    }
  }, 120_000);
});
