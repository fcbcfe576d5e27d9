// Workers that start, refuse, die and stop, in a process of their own, because some of that ends
// the process.

import { describe, expect, test } from "bun:test";
import { startChild } from "../support/child.ts";
import { readLog } from "../support/log.ts";

const fixture = new URL("worker-pool-fixture.ts", import.meta.url).pathname;

async function run(...acts: string[]) {
  await using child = startChild([process.execPath, fixture, ...acts]);
  const code = await child.exited;
  return { code, lines: child.stdout.trimEnd().split("\n"), stderr: child.stderr };
}

function stopped(count: number): string {
  return `stopped, ${count} of them on their own`;
}

describe("a worker", () => {
  test("reports when it is ready, and is awaited when it stops", async () => {
    expect(await run("patient", "serve", "serve")).toEqual({
      code: 0,
      lines: ["1: ready to serve", "2: ready to serve", stopped(2)],
      stderr: "",
    });
  });

  test("answer questions, all of them and in their order", async () => {
    const { lines } = await run("serve", "refuse", "ask", "serve", "ask");
    expect(lines.filter((line) => line.includes("?"))).toEqual([
      "serve: a?; serve: b?",
      "serve: a?, serve: a?; serve: b?, serve: b?",
    ]);
  });

  test("that cannot be set up give their name and their reason", async () => {
    expect(await run("serve", "refuse", "refuse oddly")).toEqual({
      code: 0,
      lines: [
        "0: ready to serve",
        "1: StartupError: worker 1: the port is taken",
        "2: StartupError: worker 2: no reason",
        stopped(1),
      ],
      stderr: "",
    });
  });

  test("that ends before it is ready cannot be started", async () => {
    const { code, lines } = await run("exit");
    expect([code, ...lines]).toEqual([0, "0: StartupError: worker 0: it ended", stopped(0)]);
  });

  test("that throws ends the process with the reason", async () => {
    const { code, stderr } = await run("serve", "throw", "wait");
    expect(code).toBe(1);
    expect(stderr).toMatch(/ level=error program=fixture msg="worker 1 died: .*a bug/);
  });

  test("that ends also ends the process", async () => {
    const { code, stderr } = await run("end", "wait");
    expect(code).toBe(1);
    expect(readLog(stderr)).toEqual([
      { level: "error", program: "fixture", message: "worker 0 died: it ended" },
    ]);
  });

  test("that logs something lets the main thread write the line", async () => {
    expect(readLog((await run("patient", "log")).stderr)).toEqual([
      { level: "warn", program: "fixture", message: "a warning" },
    ]);
  });

  test("that does not stop in time is abandoned", async () => {
    const { code, lines } = await run("serve", "ignore");
    expect([code, lines.at(-1)]).toEqual([0, stopped(1)]);
  });

  test("that fails while it stops causes no error", async () => {
    const { code, lines } = await run("fail later", "serve");
    expect([code, lines.at(-1)]).toEqual([0, stopped(1)]);
  });
});
