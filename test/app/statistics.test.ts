import { describe, expect, test } from "bun:test";
import { allocateCounters, Counters } from "../../src/app/counters.ts";
import { COUNTER, listFaults } from "../../src/app/metrics.ts";
import { Statistics } from "../../src/app/statistics.ts";
import { Census } from "../../src/swarm/census.ts";
import { TableHarness } from "../swarm/harness.ts";

const options = { faults: listFaults("udp") };

function takeCensus(...harnesses: TableHarness[]): Census {
  const census = new Census(harnesses.map(({ table }) => table));
  while (!census.step());
  return census;
}

const NO_SWARMS = "peers per torrent: min 0, p50 0, p75 0, p90 0, p99 0, p99.9 0, max 0";

describe("the statistics lines", () => {
  test("are zeros if nothing has happened", () => {
    const statistics = new Statistics(allocateCounters(2), options);
    expect(statistics.report(5, takeCensus())).toEqual([
      "requests/s: 0.00, responses/s: 0.00, requests per batch: 0.00",
      "bandwidth: 0.00 Mbit/s in, 0.00 Mbit/s out",
      NO_SWARMS,
    ]);
  });

  test("are rates since the last report over all workers", () => {
    const buffer = allocateCounters(2);
    const [one, other] = [0, 1].map((worker) => new Counters(buffer, worker));
    const statistics = new Statistics(buffer, options);
    one.add(COUNTER.requests, 600);
    other.add(COUNTER.requests, 400);
    other.add(COUNTER.responses, 999);
    one.add(COUNTER.batches, 30);
    other.add(COUNTER.batches, 10);
    one.add(COUNTER.bytesIn, 1_250_000);
    other.add(COUNTER.bytesOut, 5_000_000);
    expect(statistics.report(2, takeCensus())).toEqual([
      "requests/s: 500.00, responses/s: 499.50, requests per batch: 25.00",
      "bandwidth: 5.00 Mbit/s in, 20.00 Mbit/s out",
      NO_SWARMS,
    ]);
    other.add(COUNTER.requests, 1);
    one.add(COUNTER.batches, 3);
    expect(statistics.report(4, takeCensus()).slice(0, 2)).toEqual([
      "requests/s: 0.25, responses/s: 0.00, requests per batch: 0.33",
      "bandwidth: 0.00 Mbit/s in, 0.00 Mbit/s out",
    ]);
  });

  test("describe the swarms of both families together", () => {
    const [ipv4, ipv6] = ([4, 16] as const).map((addressBytes) => new TableHarness(addressBytes));
    for (let peer = 0; peer < 7; peer++) ipv4.announce({ torrent: 1, peer });
    for (let peer = 0; peer < 2; peer++) ipv6.announce({ torrent: 1, peer, status: "seeder" });
    ipv6.announce({ torrent: 2, peer: 1 });
    const statistics = new Statistics(allocateCounters(1), options);
    expect(statistics.report(1, takeCensus(ipv4, ipv6))[2]).toBe(
      "peers per torrent: min 1, p50 2, p75 7, p90 7, p99 7, p99.9 7, max 7",
    );
  });

  test.each([
    ["malformed", COUNTER.malformed],
    ["invalid connection", COUNTER.invalidConnection],
    ["table full", COUNTER.tableFull],
    ["address full", COUNTER.addressFull],
    ["rate limited", COUNTER.rateLimited],
    ["queue full", COUNTER.queueFull],
    ["send failed", COUNTER.sendFailed],
  ])("include a fourth line if something was not served: %s", (name, counter) => {
    const buffer = allocateCounters(1);
    const statistics = new Statistics(buffer, options);
    new Counters(buffer, 0).add(counter, 3);
    const names = options.faults.map(([fault]) => fault);
    const list = names.map((other) => `${other} ${other === name ? 3 : 0}`).join(", ");
    expect(statistics.report(7, takeCensus()).slice(3)).toEqual([`not served: ${list}`]);
    expect(statistics.report(7, takeCensus()).slice(3)).toEqual([]);
  });
});
