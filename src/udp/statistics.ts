// What the statistics of the UDP tracker say beside what those of both trackers say.

import { listFaults } from "../app/metrics.ts";
import type { StatisticsOptions } from "../app/statistics.ts";

export const udpStatistics: StatisticsOptions = { faults: listFaults("udp") };
