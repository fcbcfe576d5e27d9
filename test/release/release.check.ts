// A finished release, unpacked and spoken to where nothing else is. Run by `test/release/run` and
// in CI, not by `bun test`: $AQUATIC_RELEASE is the directory of the release, or of a part of one.

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
import { join, resolve } from "node:path";
import { version } from "../../package.json" with { type: "json" };
import { programs, trackers } from "../../release/programs.ts";
import { targets } from "../../release/targets.ts";
import { countUnsignedPages } from "../../release/code-signature.ts";
import { buildAnnounce, parseResponse } from "../support/bep15.ts";
import { startBrowser } from "../support/browser.ts";
import { startChild } from "../support/child.ts";
import { startTracker } from "../support/tracker.ts";
import { openUdpClient } from "../support/udp-client.ts";
import { copyInto, inRoot, listLibraries, makeRoot, run } from "./root.ts";

const release = resolve(process.env.AQUATIC_RELEASE ?? "dist/release");
const isDraft = process.env.AQUATIC_DRAFT !== undefined;

/** The most that each file may have, in MB: some 2 % more than it had in version 1.0.0. */
const BUDGET: Readonly<Record<string, number>> = {
  "aquatic-linux-x64.tar.zst": 43,
  "aquatic-linux-x64.tar.gz": 214,
  "aquatic-linux-arm64.tar.zst": 42.5,
  "aquatic-linux-arm64.tar.gz": 216,
  "aquatic-linux-x64-musl.tar.zst": 41,
  "aquatic-linux-x64-musl.tar.gz": 201,
  "aquatic-linux-arm64-musl.tar.zst": 40.5,
  "aquatic-linux-arm64-musl.tar.gz": 202,
  "aquatic-macos-arm64.tar.zst": 32.5,
  "aquatic-macos-arm64.tar.gz": 171,
  "aquatic-macos-x64.tar.zst": 35.2,
  "aquatic-macos-x64.tar.gz": 181,
  "aquatic-windows-x64.zip": 228,
  "aquatic_amd64.deb": 43.5,
  "aquatic_arm64.deb": 40,
};

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-release-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

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
    const megabytes = statSync(join(release, name)).size / 1e6;
    const budget = BUDGET[name.replace(/[-_]\d+\.\d+\.\d+/, "")];
    expect({ name, isWithin: megabytes <= budget }).toEqual({ name, isWithin: true });
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

interface System {
  readonly target: string;
  /** What a root directory of this system has beside the programs. */
  readonly fill: (root: string, bin: string) => void;
  /** In the root directory, if the processor is another. */
  readonly emulator?: string;
  readonly isHere: boolean;
}

const QEMU = "/usr/bin/qemu-aarch64-static";
// Debian's C library for another processor.
const ARM64_ROOT = "/usr/aarch64-linux-gnu";
// `test/release/run` makes these roots of musl and libstdc++, one for each processor.
const muslRoots = process.env.AQUATIC_MUSL_ROOTS ?? "";

const systems: readonly System[] = [
  {
    target: "linux-x64",
    fill: (root, bin) => copyInto(root, listLibraries(join(bin, "aquatic-udp"))),
    isHere: true,
  },
  {
    target: "linux-arm64",
    fill: (root) => run("cp", "-rL", join(ARM64_ROOT, "lib"), root),
    emulator: QEMU,
    isHere: existsSync(QEMU) && existsSync(ARM64_ROOT),
  },
  {
    target: "linux-x64-musl",
    fill: (root) => run("cp", "-rL", join(muslRoots, "x64/lib"), root),
    isHere: muslRoots !== "",
  },
  {
    target: "linux-arm64-musl",
    fill: (root) => run("cp", "-rL", join(muslRoots, "arm64/lib"), root),
    emulator: QEMU,
    isHere: muslRoots !== "" && existsSync(QEMU),
  },
];

describe.each(systems.filter(({ target }) => existing(`${target}.tar.zst`)))(
  "alone with its C library, $target",
  ({ target, fill, emulator, isHere }) => {
    let root: string;
    beforeAll(() => {
      if (!isHere) return;
      root = join(directory, `root-${target}`);
      const bin = join(unpack(target, "tar.zst"), "bin");
      makeRoot(root, emulator === undefined ? {} : { emulator });
      run("cp", "-r", bin, root);
      fill(root, bin);
      writeFileSync(join(root, "config.toml"), CONFIG);
    });

    const command = (program: string) => {
      const argv = emulator === undefined ? [] : ["/emulator"];
      return inRoot(root, ...argv, `/bin/${program}`);
    };

    test.skipIf(!isHere)("every program names its build", () => {
      for (const { name } of programs) {
        expect(run(...command(name), "--version")).toBe(describeBuild(name, target));
      }
    });

    test.skipIf(!isHere)("both trackers serve", () => serveBoth(command), 120_000);

    test.skipIf(!isHere)(
      "the load testers measure both trackers",
      async () => {
        for (const program of ["udp", "ws"] as const) {
          await using tracker = await startTracker({
            program,
            command: [...command(`aquatic-${program}`), "-c", "/config.toml"],
          });
          const key = program === "udp" ? "server_address = '" : "server_url = 'ws://";
          const config = `${key}127.0.0.1:${tracker.ports[0]}'\nduration = 1\n`;
          writeFileSync(join(root, "load.toml"), config);
          const tester = command(`aquatic-${program}-load-test`);
          const report = JSON.parse(run(...tester, "-c", "/load.toml", "--json"));
          expect(Object.keys(report).length).toBeGreaterThan(3);
          await tracker.stop();
        }
      },
      300_000,
    );
  },
);

for (const { name, debian } of targets) {
  const path = join(release, `aquatic_${version}_${debian}.deb`);
  if (!existsSync(path)) continue;
  test(`the package for ${debian} holds the trackers of the archive`, () => {
    const into = join(directory, `deb-${debian}`);
    run("dpkg-deb", "-x", path, into);
    const installed = Array.from(new Bun.Glob("*").scanSync(join(into, "usr/bin")));
    expect(installed.toSorted()).toEqual(trackers.map((tracker) => tracker.name));
    for (const program of installed) {
      run("cmp", join(into, "usr/bin", program), join(unpack(name, "tar.zst"), "bin", program));
    }
  }, 60_000);
}

const rcodesign = Bun.which("rcodesign");
for (const name of ["macos-arm64", "macos-x64"].filter((name) => existing(`${name}.tar.zst`))) {
  const listPrograms = () => {
    const bin = join(unpack(name, "tar.zst"), "bin");
    return programs.map((program) => join(bin, program.name));
  };

  test(`every page of the programs for ${name} is signed`, () => {
    for (const path of listPrograms()) expect(countUnsignedPages(readFileSync(path))).toBe(0);
  }, 60_000);

  test.skipIf(rcodesign === null)(
    `rcodesign misses nothing in the programs for ${name} but a certificate`,
    () => {
      for (const path of listPrograms()) {
        const { stdout } = Bun.spawnSync([rcodesign!, "verify", path]);
        expect(stdout.toString()).toBe("no cryptographic signature present\n");
      }
    },
    60_000,
  );
}

// `test/release/run` installs wine, and compiles the one library that Debian's wine lacks.
const wine = process.env.AQUATIC_WINE ?? "";
describe.skipIf(!existing("windows-x64.zip") || wine === "")("under wine, windows-x64", () => {
  let bin: string;
  let env: Record<string, string>;
  beforeAll(() => {
    bin = join(unpack("windows-x64", "zip"), "bin");
    copyFileSync(process.env.AQUATIC_WINE_LIBRARY!, join(bin, "bcryptprimitives.dll"));
    env = { WINEPREFIX: join(directory, "wine"), WINEDEBUG: "-all" };
  });

  test("every program names its build", async () => {
    for (const { name } of programs) {
      const command = [wine, join(bin, `${name}.exe`), "--version"];
      await using child = startChild(command, { env });
      expect(await child.exited).toBe(0);
      expect(child.stdout).toBe(describeBuild(name, "windows-x64"));
    }
  }, 120_000);

  test("both trackers serve", async () => {
    const config = join(bin, "config.toml");
    writeFileSync(config, "socket_workers = 2\n[network]\naddress = '127.0.0.1:0'\n");
    for (const program of ["udp", "ws"] as const) {
      const command = [wine, join(bin, `aquatic-${program}.exe`), "-c", config];
      await using tracker = await startTracker({ program, command, cwd: bin, env });
      if (program === "udp") await announce(tracker.ports[0]);
      else await introduce(tracker.ports[0]);
    }
  }, 120_000);
});
