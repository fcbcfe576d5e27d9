// What the statistics of the UDP tracker say beside what those of both trackers say.

import { COUNTER } from "../app/counters.ts";
import type { StatisticsOptions } from "../app/statistics.ts";

export const udpStatistics: StatisticsOptions = {
  faults: [
    ["malformed", COUNTER.malformed],
    ["invalid connection", COUNTER.invalidConnection],
    ["table full", COUNTER.tableFull],
    ["address full", COUNTER.addressFull],
    ["rate limited", COUNTER.rateLimited],
    ["queue full", COUNTER.queueFull],
    ["send failed", COUNTER.sendFailed],
  ],
};
