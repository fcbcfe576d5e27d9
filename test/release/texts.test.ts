// What is generated for a release beside the executables.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkMaintainer,
  DEFAULT_MAINTAINER,
  describePackage,
  type PackageOptions,
} from "../../release/debian-package.ts";
import { listFiles, listUnits } from "../../release/files.ts";
import { programs, trackers } from "../../release/programs.ts";
import { targets } from "../../release/targets.ts";
import {
  completeForBash,
  completeForFish,
  completeForZsh,
} from "../../release/texts/completions.ts";
import { makeManPage } from "../../release/texts/man-page.ts";
import { listPackages, makeNotices } from "../../release/texts/notices.ts";
import { isField, type Schema } from "../../src/app/config-field.ts";
import { parseConfig } from "../../src/app/config.ts";

const named = programs.map((program) => [program.name, program] as const);

function countKeys(schema: Schema): number {
  return Object.values(schema).reduce(
    (sum: number, node) => sum + (isField(node) ? 1 : countKeys(node)),
    0,
  );
}

test.each(named)("the man page of %s has every flag and every key", (name, program) => {
  const page = makeManPage(program, "1.2.3", "2026-11-29");
  expect(page).toStartWith(`.TH ${name.toUpperCase()} 1 2026-11-29 "aquatic 1.2.3"`);
  for (const flag of Object.keys(program.flags)) {
    expect(page).toContain(`\\fB\\-\\-${flag.replaceAll("-", "\\-")}\\fR`);
  }
  const keys = page.match(/^\.TP\n\\fB\w+ = .+\\fR$/gm);
  expect(keys).toHaveLength(countKeys(program.schema));
  // A line of text is no request, and everything that looks like one is.
  for (const line of page.split("\n").filter((text) => /^[.']/.test(text))) {
    expect(line).toMatch(/^\.(?:TH|SH|SS|TP|PP|EX|EE|B|BR)\b/);
  }
});

/** What bash offers for the last of `words`. */
function complete(script: string, name: string, ...words: string[]): string[] {
  const call = `_${name.replaceAll("-", "_")}`;
  const program = `${script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ${call}; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = Bun.spawnSync(["bash", "-c", program, "bash", name, ...words]);
  expect(stderr.toString()).toBe("");
  return stdout.toString().trimEnd().split("\n");
}

test.each(named)("bash completes the flags of %s, and the path after -c", (name, program) => {
  const script = completeForBash(program);
  const long = complete(script, name, "--").toSorted();
  expect(long).toEqual(
    Object.keys(program.flags)
      .map((flag) => `--${flag}`)
      .toSorted(),
  );
  expect(complete(script, name, "--pr")).toEqual(["--print-config"]);
  const directory = mkdtempSync(join(tmpdir(), "aquatic-completion-"));
  writeFileSync(join(directory, "some file.toml"), "");
  expect(complete(script, name, "-c", `${directory}/so`)).toEqual([`${directory}/some file.toml`]);
  rmSync(directory, { recursive: true });
});

test.each([
  ["zsh", completeForZsh],
  ["fish", completeForFish],
] as const)("%s can read the completions", (shell, make) => {
  // Where the shell is not installed, only the quotes are looked at.
  for (const program of programs) {
    const text = make(program);
    expect(text.match(/(?<!\\)'/g)!.length % 2).toBe(0);
    if (Bun.which(shell) === null) continue;
    const { exitCode, stderr } = Bun.spawnSync([shell, "-n", "/dev/stdin"], {
      stdin: Buffer.from(text),
    });
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
  }
});

test("the notices have the license of each package in a build, and of Bun", () => {
  const packages = listPackages([
    "src/udp.ts",
    "node_modules/smol-toml/dist/index.js",
    "node_modules/citty/dist/index.mjs",
    "node_modules/citty/dist/other.mjs",
    "../elsewhere/node_modules/a/node_modules/@oven/b/index.js",
  ]);
  expect(packages).toEqual(["@oven/b", "citty", "smol-toml"]);
  const notices = makeNotices(["citty", "smol-toml"]);
  for (const text of ["## citty 0.2.2", "## smol-toml 1.9.1", `## Bun ${Bun.version}`, "LGPL-2"]) {
    expect(notices).toContain(text);
  }
  expect(notices).toContain("Pooya Parsa");
});

test.each(targets.map((target) => [target.name, target] as const))(
  "the archive for %s has a file of each kind that its system uses",
  (name, target) => {
    const files = listFiles(target, ["citty"], 1_000_000_000);
    const paths = files.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const path of ["README.md", "LICENSE", "CHANGELOG.md", "THIRD-PARTY-NOTICES.md"]) {
      expect(paths).toContain(path);
    }
    expect(paths.includes("man/man1/aquatic-udp.1")).toBe(name !== "windows-x64");
    expect(paths.includes("completions/fish/aquatic-ws.fish")).toBe(name !== "windows-x64");
    expect(paths.includes("systemd/aquatic-ws.service")).toBe(name.startsWith("linux"));
    for (const { name: program, schema } of programs) {
      const { data } = files.find(({ path }) => path === `config/${program}.toml`)!;
      parseConfig(schema, data.toString(), program);
    }
  },
);

const PACKAGE: PackageOptions = {
  architecture: "amd64",
  maintainer: "A. N. Other <other@example.org>",
  executables: trackers.map(({ name }) => ({
    path: `bin/${name}`,
    data: Buffer.from(name),
    isExecutable: true,
  })),
  packages: ["citty"],
  seconds: 1_000_000_000,
};

test("a unit starts its tracker where the package puts it, with the package's configuration", () => {
  const { files } = describePackage(PACKAGE);
  const contents = new Map(files.map(({ path, data }) => [path, data.toString()]));
  for (const program of trackers) {
    const unit = contents.get(`usr/lib/systemd/system/${program.name}.service`)!;
    const [, command, configuration] = /^ExecStart=\/(\S+) -c \/(\S+)$/m.exec(unit)!;
    expect(contents.get(command)).toBe(program.name);
    const config = parseConfig(program.schema, contents.get(configuration)!, configuration);
    expect(config.network).toMatchObject({ address: ["0.0.0.0:3000", "[::]:3000"] });
  }
  expect(listUnits("x", "/usr/local/bin")[0].data.toString()).toContain(
    "ExecStart=/usr/local/bin/",
  );
});

test("a package names its maintainer in its fields and its changelog", () => {
  const { fields, files } = describePackage(PACKAGE);
  expect(fields.Maintainer).toBe(PACKAGE.maintainer);
  const changelog = files.find(({ path }) => path.endsWith("/changelog.gz"))!;
  expect(Buffer.from(Bun.gunzipSync(Buffer.from(changelog.data))).toString()).toEndWith(
    " -- A. N. Other <other@example.org>  Sun, 09 Sep 2001 01:46:40 +0000\n",
  );
});

test.each([
  "other@example.org",
  "Other <other>",
  "Other <o@example.org>, B <b@example.org>",
  "x\ny <o@e>",
])("%j is no maintainer", (text) => {
  expect(() => checkMaintainer(text)).toThrow('not a "Name <address>"');
});

test("the maintainer of the package and the default are maintainers", () => {
  checkMaintainer(PACKAGE.maintainer);
  checkMaintainer(DEFAULT_MAINTAINER);
});
