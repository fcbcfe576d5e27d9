// The page /stats.json: the state of the tracker as one object, for the live page and for scripts.

import { version } from "../../../package.json" with { type: "json" };
import { isField, type Schema } from "../config-field.ts";
import { readCounter, sumCounter } from "../counters.ts";
import { COUNTER, type Counter, listCloses, listFaults } from "../metrics.ts";
import { PROCESS } from "../process-stats.ts";
import { PERCENTILES } from "../statistics.ts";
import { checkWorkers } from "./health.ts";
import { COLUMNS, type History, SAMPLE_SECONDS } from "./history.ts";
import { JSON_TYPE, type Page } from "./http-server.ts";
import type { Subject } from "./subject.ts";

/** `since` is a Unix time: the history begins after it. */
export async function statsPage(subject: Subject, history: History, since: number): Promise<Page> {
  const { clients, clock, counters, program, tracker } = subject;
  clients?.collect(clock.second);
  const describeReason = ([reason, counter]: [string, Counter]): object => {
    return { reason, total: sumCounter(counters, counter) };
  };
  const { maxFiles, openFiles, residentBytes } = PROCESS.read();
  const stats = {
    program,
    version,
    bun: Bun.version,
    now: Math.round(clock.wallTimeOf(clock.uptimeSeconds)),
    uptime_seconds: Math.round(clock.uptimeSeconds),
    addresses: subject.addresses,
    workers: describeWorkers(subject),
    tables: await describeTables(subject),
    swarms: await describeSwarms(subject),
    clients: clients?.shares().slice(0, 12) ?? [],
    totals: {
      requests: sumCounter(counters, COUNTER.requests),
      responses: sumCounter(counters, COUNTER.responses),
    },
    not_served: listFaults(tracker).map(describeReason),
    closes: tracker === "ws" ? listCloses().map(describeReason) : [],
    process: { resident_bytes: residentBytes, open_files: openFiles, max_files: maxFiles },
    cluster: subject.describeCluster?.() ?? null,
    cleaning: { passes: subject.cleaning.passes, last_seconds: subject.cleaning.lastSeconds },
    configuration: withoutSecrets(subject.schema, subject.config),
    history: { sample_seconds: SAMPLE_SECONDS, columns: COLUMNS, rows: history.after(since) },
  };
  return { body: JSON.stringify(stats), type: JSON_TYPE };
}

function describeWorkers(subject: Subject): object[] {
  const requests = readCounter(subject.counters, COUNTER.requests);
  const cpu = readCounter(subject.counters, COUNTER.cpuSeconds);
  return checkWorkers(subject).map(({ isAlive, name, silentSeconds }, worker) => ({
    name,
    is_alive: isAlive,
    silent_seconds: silentSeconds,
    requests: requests[worker],
    cpu_seconds: cpu[worker],
  }));
}

async function describeTables({ censuses, tables }: Subject): Promise<object[]> {
  const census = await censuses.glance();
  return tables.map(({ ipVersion, maxPeers, maxTorrents, table }, index) => ({
    ip_version: ipVersion ?? null,
    torrents: table.torrentCount,
    max_torrents: maxTorrents,
    peers: table.peerCount,
    max_peers: maxPeers,
    ...census.peers[index],
  }));
}

async function describeSwarms({ censuses }: Subject): Promise<object> {
  const census = await censuses.glance();
  const percentiles = PERCENTILES.map(([name, fraction]) => [name, census.percentile(fraction)]);
  return {
    percentiles: Object.fromEntries(percentiles) as object,
    // Element n: torrents with up to 2^n peers, but more than half of that.
    distribution: census.distribution(),
  };
}

function withoutSecrets(schema: Schema, config: object): object {
  const entries = Object.entries(schema).flatMap(([key, node]) => {
    const value = (config as Record<string, unknown>)[key];
    if (!isField(node)) return [[key, withoutSecrets(node, value as object)]];
    return node.isSecret === true ? [] : [[key, value]];
  });
  return Object.fromEntries(entries) as object;
}
