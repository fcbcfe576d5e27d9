import { expect, test } from "bun:test";
import { readFileLimit } from "../../../src/app/file-limit.ts";
import { defaultConfig } from "../../../src/app/config.ts";
import { wsSchema } from "../../../src/ws/config.ts";
import { fitConnections } from "../../../src/ws/socket/file-budget.ts";

function fit(limit: number, workers = 1, addresses = 1): number {
  const config = defaultConfig(wsSchema);
  const address = Array.from({ length: addresses }, (_, n) => `127.0.0.1:${n}`);
  const network = { ...config.network, address };
  return fitConnections({ ...config, network, socket_workers: workers }, limit);
}

test("most files are for connections, some for everything else", () => {
  for (const limit of [1024, 20_000, 1_048_576]) {
    expect(fit(limit)).toBeLessThan(limit * 0.97);
    expect(fit(limit)).toBeGreaterThan(limit * 0.92);
  }
});

test("the workers share the files", () => {
  const [one, four] = [fit(20_000), fit(20_000, 4)];
  expect(four * 4).toBeLessThanOrEqual(one);
  expect(four * 4).toBeGreaterThan(one * 0.99);
  expect(fit(20_000, 4, 16)).toBeLessThan(four);
});

test("there is room for one, however few files there are", () => {
  expect([fit(0), fit(16), fit(64, 64)]).toEqual([1, 1, 1]);
});

test("the limit is that of this process", async () => {
  const script = `
    import { readFileLimit } from "${import.meta.dir}/../../../src/app/file-limit.ts";
    console.log(readFileLimit());`;
  const command = `ulimit -n 123 && exec "$@"`;
  const { stdout } = Bun.spawnSync(["sh", "-c", command, "sh", process.execPath, "-e", script]);
  expect(stdout.toString()).toBe("123\n");
  expect(readFileLimit()).toBeGreaterThan(0);
});
