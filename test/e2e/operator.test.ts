// The operator's pages of both trackers, as scripts and promtool see them.

import { expect, test } from "bun:test";
import { makeCertificate } from "../support/certificate.ts";
import { announceThree, PAGES, pagesOf } from "../support/operator.ts";
import { testWith } from "../support/requirements.ts";
import { runTracker, startTracker } from "../support/tracker.ts";
import { announce, connectWs, say } from "../support/ws-client.ts";

/** Reads a series of /metrics: all samples whose labels include these, summed. */
async function readMetric(pages: string, name: string, labels: string[] = []): Promise<number> {
  const text = await (await fetch(`${pages}metrics`)).text();
  const lines = text.split("\n").filter((line) => {
    return /^[^{ ]+/.exec(line)?.[0] === name && labels.every((label) => line.includes(label));
  });
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

await testWith(["prometheus"], "promtool finds nothing to mend in the metrics", async () => {
  using files = await makeCertificate();
  const tls = `use_tls = true
    tls_certificate_path = '${files.certificatePath}'
    tls_private_key_path = '${files.privateKeyPath}'
    [statistics]`;
  for (const [program, config] of [
    ["udp", PAGES],
    ["ws", PAGES.replace("[statistics]", tls)],
  ] as const) {
    await using tracker = await startTracker({ program, config });
    if (program === "udp") await announceThree(tracker);
    const text = await (await fetch(`${await pagesOf(tracker)}metrics`)).text();
    expect(text).toContain(
      program === "udp" ? "aquatic_receive_buffer_drops_total" : "aquatic_tls_certificate_expiry",
    );
    const check = Bun.spawnSync(["promtool", "check", "metrics"], { stdin: Buffer.from(text) });
    expect([check.exitCode, check.stdout.toString(), check.stderr.toString()]).toEqual([0, "", ""]);
  }
});

test.each([0, 1])("with %d request workers, all workers are alive and counted", async (count) => {
  const config = `socket_workers = 2\nrequest_workers = ${count}\n${PAGES}`;
  await using tracker = await startTracker({ config });
  const pages = await pagesOf(tracker);
  await announceThree(tracker);
  const health = await fetch(`${pages}health`);
  expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
  const stats = (await (await fetch(`${pages}stats.json`)).json()) as Record<string, unknown>;
  expect(stats).toMatchObject({
    program: "aquatic-udp",
    addresses: [`127.0.0.1:${tracker.ports[0]}`],
    tables: [
      { ip_version: "4", torrents: 2, peers: 3, seeders: 1, leechers: 2 },
      { ip_version: "6", torrents: 0, peers: 0 },
    ],
    swarms: { percentiles: { min: 1, max: 2 }, distribution: [1, 1] },
    configuration: { request_workers: count },
  });
  const workers = stats["workers"] as { name: string; cpu_seconds: number; is_alive: boolean }[];
  const names = ["socket worker 0", "socket worker 1", "request worker 0"].slice(0, 2 + count);
  expect(workers.map(({ name }) => name)).toEqual(names);
  for (const worker of workers) expect(worker).toMatchObject({ is_alive: true });
  const sampled = await readMetric(pages, "aquatic_response_latency_seconds_count");
  expect(sampled > 0).toBe(count === 0);
});

test.each(["epoll", "bytes", "bun"])(
  "with '%s', messages and connections of WebTorrent are counted",
  async (backend) => {
    const network = `socket_backend = '${backend}'\n[statistics]`;
    const limits = "[limits]\nmax_connections_per_ip = 1";
    const config = `socket_workers = 2\n${limits}\n${PAGES.replace("[statistics]", network)}`;
    await using tracker = await startTracker({ program: "ws", config });
    const pages = await pagesOf(tracker);
    const url = `ws://127.0.0.1:${tracker.ports[0]}/`;
    await using a = await connectWs(url);
    await say(a, announce("t", "-WW0205-a"));
    for (const action of ["scrape", "else"]) {
      a.send({ action, info_hash: announce("t", "a")["info_hash"] });
      await a.take();
    }
    for (const type of ["announce", "scrape", "error"]) {
      const labels = [`type="${type}"`, 'ip_version="4"'];
      expect(await readMetric(pages, "aquatic_responses_total", labels)).toBe(1);
    }
    expect(await readMetric(pages, "aquatic_response_latency_seconds_count")).toBe(1);
    expect(await readMetric(pages, "aquatic_peer_clients", ['client="WebTorrent"'])).toBe(1);
    const stats = await (await fetch(`${pages}stats.json`)).json();
    expect(stats).toMatchObject({ clients: [{ name: "WebTorrent", share: 1 }] });
    const rejected: unknown = await connectWs(url).catch((error: unknown) => error);
    expect(rejected).toBeInstanceOf(Error);
    await a.close();
    while ((await readMetric(pages, "aquatic_active_connections")) > 0) await Bun.sleep(20);
    const closes = (reason: string) => {
      return readMetric(pages, "aquatic_connection_closes_total", [`reason="${reason}"`]);
    };
    expect([await closes("client"), await closes("address limit")]).toEqual([1, 1]);
    expect(await readMetric(pages, "aquatic_connection_closes_total")).toBe(2);
  },
);

test("the WebTorrent tracker shows its connections, and never its password", async () => {
  using files = await makeCertificate();
  const tls = `use_tls = true
    tls_pkcs12_path = '${files.pkcs12Path}'
    tls_pkcs12_password = '${files.password}'
    [statistics]`;
  const config = PAGES.replace("[statistics]", tls);
  await using tracker = await startTracker({ program: "ws", config });
  const pages = await pagesOf(tracker);
  const options = { tls: { rejectUnauthorized: false } };
  await using a = await connectWs(`wss://127.0.0.1:${tracker.ports[0]}/`, options);
  await say(a, announce("t", "a"));
  expect(await readMetric(pages, "aquatic_active_connections")).toBe(1);
  expect(await readMetric(pages, "aquatic_peers")).toBe(1);
  const expiry = await readMetric(pages, "aquatic_tls_certificate_expiry_seconds");
  expect(expiry).toBeGreaterThan(Date.now() / 1000);
  const stats = await (await fetch(`${pages}stats.json`)).text();
  expect(stats).toContain("tls_pkcs12_path");
  expect(stats).not.toContain("tls_pkcs12_password");
  expect(stats).not.toContain(files.password);
});

test("an address that is taken ends the tracker in one line", async () => {
  await using tracker = await startTracker({ config: PAGES });
  const { host } = new URL(await pagesOf(tracker));
  const config = PAGES.replace("http_address = '127.0.0.1:0'", `http_address = '${host}'`);
  const second = await runTracker({ config });
  expect(second).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      new RegExp(
        `^aquatic-udp: statistics.http_address: cannot bind ${host}: the address is in use.*\n$`,
      ),
    ),
  });
});
