// The line that the WebTorrent tracker adds to the statistics of both trackers (app/statistics.ts).

import { COUNTER, listFaults } from "../app/metrics.ts";
import type { StatisticsOptions } from "../app/statistics.ts";

export const wsStatistics: StatisticsOptions = {
  faults: listFaults("ws"),
  describe: (rate, sum) =>
    `connections: ${sum(COUNTER.connections)}, offers/s: ${rate(COUNTER.offers).toFixed(2)}, ` +
    `answers/s: ${rate(COUNTER.answers).toFixed(2)}`,
};
