import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "aquatic-cli-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const fixture = join(import.meta.dir, "cli-fixture.ts");

/** Runs the fixture, whose `run` prints its configuration as JSON. */
async function run(args: string[], command = [process.execPath, fixture]) {
  const child = Bun.spawn([...command, ...args], { cwd: directory, stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** Writes `text` to a file of its own and returns the path. */
function writeConfig(text: string): string {
  const path = join(directory, `${Bun.randomUUIDv7()}.toml`);
  writeFileSync(path, text);
  return path;
}

const platform = `${process.platform}-${process.arch}`;
const versionLine = `fixture ${packageJson.version} (commit unknown, ${platform}, Bun ${Bun.version})\n`;
const printed = `\
# Threads.
workers = 1

# What to do: 'print', 'fail', 'fail later' or 'break'.
action = 'print'
`;

describe("flags", () => {
  test("without flags, the tracker runs with the defaults", async () => {
    const { stdout, stderr, exitCode } = await run([]);
    expect(JSON.parse(stdout)).toEqual({ workers: 1, action: "print" });
    expect([stderr, exitCode]).toEqual(["", 0]);
  });

  const spellings: [name: string, spell: (path: string) => string[]][] = [
    ["-c PATH", (path) => ["-c", path]],
    ["-cPATH", (path) => [`-c${path}`]],
    ["--config PATH", (path) => ["--config", path]],
    ["--config=PATH", (path) => [`--config=${path}`]],
  ];
  test.each(spellings)("%s reads a file over the defaults", async (_name, spell) => {
    const { stdout, stderr, exitCode } = await run(spell(writeConfig("workers = 3\n")));
    expect(JSON.parse(stdout)).toEqual({ workers: 3, action: "print" });
    expect([stderr, exitCode]).toEqual(["", 0]);
  });

  test.each(["-p", "--print-config"])("%s prints the defaults", async (flag) => {
    expect(await run([flag])).toEqual({ stdout: printed, stderr: "", exitCode: 0 });
  });

  test("-c accepts the output of -p", async () => {
    const { stdout, exitCode } = await run(["-c", writeConfig((await run(["-p"])).stdout)]);
    expect(JSON.parse(stdout)).toEqual({ workers: 1, action: "print" });
    expect(exitCode).toBe(0);
  });

  test.each(["-v", "--version"])("%s prints the name and the version", async (flag) => {
    expect(await run([flag])).toEqual({ stdout: versionLine, stderr: "", exitCode: 0 });
  });

  test.each(["-h", "--help"])(
    "%s lists every flag, without colours unless on a terminal",
    async (flag) => {
      const { stdout, stderr, exitCode } = await run([flag]);
      for (const name of [
        "-c, --config=<PATH>",
        "-p, --print-config",
        "-h, --help",
        "-v, --version",
        "--health=<URL>",
      ])
        expect(stdout).toContain(name);
      expect(stdout).toContain("Prints its configuration");
      expect(stdout).not.toContain("\x1b");
      expect(stdout).not.toMatch(/ $/m);
      expect([stderr, exitCode]).toEqual(["", 0]);
    },
  );

  test("--health asks instead of running", async () => {
    const answer = await run(["--health", "here"]);
    expect(answer).toEqual({ stdout: "", stderr: "", exitCode: 0 });
  });

  test("help takes precedence over version, and version over the configuration", async () => {
    expect((await run(["-vh"])).stdout).toContain("--print-config");
    expect((await run(["-pv"])).stdout).toBe(versionLine);
    expect((await run(["-p", "-c", "missing.toml"])).stdout).toBe(printed);
  });
});

describe("with one line on stderr and exit code 1, the program", () => {
  const cases: [args: string[], message: string][] = [
    [["--foo"], "unknown option --foo (see --help)"],
    [["-x"], "unknown option -x (see --help)"],
    [["-px"], "unknown option -x (see --help)"],
    [["--versoin"], "unknown option --versoin, did you mean --version? (see --help)"],
    [["--printConfig"], "unknown option --printConfig, did you mean --print-config? (see --help)"],
    [["--no-help"], "unknown option --no-help (see --help)"],
    [["--constructor"], "unknown option --constructor (see --help)"],
    [["cfg.toml"], 'unexpected argument "cfg.toml" (see --help)'],
    [["--", "cfg.toml"], 'unexpected argument "cfg.toml" (see --help)'],
    [[""], 'unexpected argument "" (see --help)'],
    [["-c"], "-c needs a path after it (see --help)"],
    [["--config"], "--config needs a path after it (see --help)"],
    [["--config="], "--config needs a path after it (see --help)"],
    [["-c", ""], "-c needs a path after it (see --help)"],
    [["-c", "-p"], "-c needs a path after it (see --help)"],
    [["-c=cfg.toml"], "write -c PATH or --config=PATH (see --help)"],
    [["-c", "a", "--config", "b"], "--config is given twice (see --help)"],
    [["--health"], "--health needs a URL after it (see --help)"],
    [["--health", "a", "--health", "b"], "--health is given twice (see --help)"],
    [["--health", "elsewhere"], "nothing answers at elsewhere"],
    [["--help=yes"], "--help takes no value (see --help)"],
    [["-h", "--foo"], "unknown option --foo (see --help)"],
    [["-c", "missing.toml"], "missing.toml: no such file; -p prints one with every key"],
    [["-c", "."], ".: is a directory, not a file"],
    [["-c", "two\nlines"], "two lines: no such file; -p prints one with every key"],
  ];
  test.each(cases)("rejects %j", async (args, message) => {
    expect(await run(args)).toEqual({ stdout: "", stderr: `fixture: ${message}\n`, exitCode: 1 });
  });

  test("rejects a wrong value in the file", async () => {
    const path = writeConfig("workers = 0\n");
    expect(await run(["-c", path])).toEqual({
      stdout: "",
      stderr: `fixture: ${path}: workers: must be an integer from 1 to 9, not 0\n`,
      exitCode: 1,
    });
  });

  test.each(["fail", "fail later"])("reports a failed start-up: %s", async (action) => {
    expect(await run(["-c", writeConfig(`action = '${action}'\n`)])).toEqual({
      stdout: "",
      stderr: "fixture: the port is taken\n",
      exitCode: 1,
    });
  });
});

test("a bug during start-up is shown with its stack", async () => {
  const { stderr, exitCode } = await run(["-c", writeConfig("action = 'break'\n")]);
  expect(stderr).toContain("a bug");
  expect(stderr).toContain("cli-fixture.ts");
  expect(exitCode).toBe(1);
});

test("a compiled program knows its version and its flags", async () => {
  const binary = join(directory, "fixture");
  const command = [process.execPath, "build", "--compile", fixture, "--outfile", binary];
  expect((await run([], command)).exitCode).toBe(0);
  expect(await run(["-v"], [binary])).toEqual({ stdout: versionLine, stderr: "", exitCode: 0 });
  expect(await run(["-p"], [binary])).toEqual({ stdout: printed, stderr: "", exitCode: 0 });
  expect((await run(["--foo"], [binary])).exitCode).toBe(1);
}, 30_000);
