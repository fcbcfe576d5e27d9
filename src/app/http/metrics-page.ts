// The page /metrics: the counters of the workers, and what the main thread knows of the process,
// the tables and the swarms.

import { version } from "../../../package.json" with { type: "json" };
import { PROCESS } from "../process-stats.ts";
import { PROMETHEUS_TYPE, renderMetrics } from "./prometheus.ts";
import type { Page } from "./http-server.ts";
import { collectCounters, type Family, family } from "./series.ts";
import { PERCENTILES } from "../statistics.ts";
import type { Subject, TableSubject } from "./subject.ts";

export async function metricsPage(subject: Subject): Promise<Page> {
  const families = [
    ...collectCounters(subject.tracker, subject.counters),
    ...(await collectSwarms(subject)),
    ...collectTables(subject.tables),
    family("aquatic_access_list_size", "gauge", "Info hashes in the access list", [
      [{}, subject.access.size],
    ]),
    ...collectProcess(subject),
    ...(subject.collectMore?.() ?? []),
  ];
  return { body: renderMetrics(families), type: PROMETHEUS_TYPE };
}

async function collectSwarms({ censuses, clients, clock, tables }: Subject): Promise<Family[]> {
  clients?.collect(clock.second);
  const census = await censuses.glance();
  const byTable = (read: (index: number, subject: TableSubject) => number) => {
    return tables.map((table, index) => [labelsOf(table), read(index, table)] as const);
  };
  const sizes = PERCENTILES.map(([type, fraction]) => {
    return [{ type }, census.percentile(fraction)] as const;
  });
  const families = [
    family(
      "aquatic_torrents",
      "gauge",
      "Torrents that have peers",
      byTable((_, { table }) => table.torrentCount),
    ),
    family(
      "aquatic_peers",
      "gauge",
      "Peers of all torrents",
      byTable((_, { table }) => table.peerCount),
    ),
    family(
      "aquatic_seeders",
      "gauge",
      "Peers that have all of their torrent, at the last census",
      byTable((index) => census.peers[index].seeders),
    ),
    family(
      "aquatic_leechers",
      "gauge",
      "Peers that do not, at the last census",
      byTable((index) => census.peers[index].leechers),
    ),
    family("aquatic_peers_per_torrent", "gauge", "Sizes of swarms, by percentile", sizes),
  ];
  const shares = clients?.shares() ?? [];
  if (shares.length === 0) return families;
  const peers = tables.reduce((sum, { table }) => sum + table.peerCount, 0);
  const byClient = shares.map(({ name, share }) => {
    return [{ client: name }, Math.round(share * peers)] as const;
  });
  const help = "Peers by client program, estimated from a sample of the announces";
  return [...families, family("aquatic_peer_clients", "gauge", help, byClient)];
}

function collectTables(tables: readonly TableSubject[]): Family[] {
  return [
    family(
      "aquatic_torrents_limit",
      "gauge",
      "Torrents that the table accepts",
      tables.map((table) => [labelsOf(table), table.maxTorrents] as const),
    ),
    family(
      "aquatic_peers_limit",
      "gauge",
      "Peers that the table accepts",
      tables.map((table) => [labelsOf(table), table.maxPeers] as const),
    ),
  ];
}

function collectProcess({ cleaning, clock }: Subject): Family[] {
  const { maxFiles, openFiles, residentBytes } = PROCESS.read();
  const families = [
    family("aquatic_cleaning_seconds_total", "counter", "Time of all cleaning passes", [
      [{}, cleaning.seconds],
    ]),
    family("aquatic_cleaning_passes_total", "counter", "Cleaning passes over all tables", [
      [{}, cleaning.passes],
    ]),
    family("aquatic_resident_memory_bytes", "gauge", "Memory that the process occupies", [
      [{}, residentBytes],
    ]),
    family("aquatic_uptime_seconds", "gauge", "Time since the tracker started", [
      [{}, clock.uptimeSeconds],
    ]),
    family("aquatic_build_info", "gauge", "Always 1, with the versions as labels", [
      [{ version, bun: Bun.version }, 1],
    ]),
  ];
  if (openFiles !== undefined) {
    families.push(family("aquatic_open_files", "gauge", "Open files", [[{}, openFiles]]));
  }
  if (maxFiles !== undefined) {
    const help = "Files that the system allows the process to open";
    families.push(family("aquatic_open_files_limit", "gauge", help, [[{}, maxFiles]]));
  }
  return families;
}

function labelsOf({ ipVersion }: TableSubject): Readonly<Record<string, string>> {
  return ipVersion === undefined ? {} : { ip_version: ipVersion };
}
