// The configuration of the UDP load tester: every key with its default, its range and the prose
// that `-p` prints above it. How to use the load tester is told there.

import { boolean, integer, type Schema } from "../../../src/app/config-field.ts";
import type { Config } from "../../../src/app/config.ts";
import { decimal, loopbackAddress } from "../config-fields.ts";

export type LoadConfig = Config<typeof loadSchema>;

export const loadSchema = {
  server_address: loopbackAddress({
    value: "127.0.0.1:3000",
    prose: `\
The tracker, '127.x.y.z:port' or '[::1]:port'. No other addresses: load is for one's own.
Start the tracker afresh for each run: peers that it knows from a run with other settings are
reported as strangers.`,
  }),
  workers: integer({
    value: 1,
    min: 1,
    max: 64,
    prose: `\
Threads that send requests and check the answers. One keeps a core busy, and so a tracker on
another. For figures that repeat, give each program cores of its own (taskset).`,
  }),
  duration: integer({
    value: 10,
    min: 1,
    max: 3600,
    prose: `Seconds to measure, once the setup is done.`,
  }),
  seed: integer({
    value: 1,
    min: 0,
    max: 2 ** 32 - 1,
    prose: `The same seed gives the same torrents, the same peers and the same choices.`,
  }),
  network: {
    client_ips: integer({
      value: 8,
      min: 1,
      max: 4096,
      prose: `\
Client addresses of each worker, from 127.1.0.1 on. IPv6 has one loopback address only: there,
so many sockets on it.`,
    }),
    sockets_per_ip: integer({
      value: 1,
      min: 1,
      max: 64,
      prose: `Sockets on each client address, each with a port of its own.`,
    }),
    window: integer({
      value: 20,
      min: 1,
      max: 4096,
      prose: `\
The most requests of a socket that wait for their answer. A tracker that leaves its receive buffer
as it is (net.core.rmem_default) has room for some 180: of windows that sum up to more, requests
get lost.`,
    }),
    rate: integer({
      value: 0,
      min: 0,
      max: 10000000,
      prose: `\
Requests a second of all workers together, evenly spaced; latency then counts from the moment a
request was due, sent or not. 0: each answer makes room for the next request, as fast as it goes.`,
    }),
    timeout_milliseconds: integer({
      value: 1000,
      min: 10,
      max: 60000,
      prose: `Milliseconds after which a request counts as lost, and another may take its place.`,
    }),
    connection_id_seconds: integer({
      value: 60,
      min: 1,
      max: 3600,
      prose: `Seconds for which an address uses its connection id before it asks for another.`,
    }),
    poll_event_capacity: integer({
      value: 256,
      min: 1,
      max: 1024,
      prose: `The most datagrams that a system call sends or receives.`,
    }),
    socket_recv_buffer_size: integer({
      value: 1048576,
      min: 0,
      max: 2 ** 30 - 1,
      prose: `\
Bytes of receive buffer for each socket, capped by the kernel. 0: leave the system's.`,
    }),
  },
  requests: {
    number_of_torrents: integer({
      value: 10000,
      min: 1,
      max: 10000000,
      prose: `Torrents that requests are about.`,
    }),
    number_of_peers: integer({
      value: 100000,
      min: 1,
      max: 50000000,
      prose: `\
Peers in all torrents together, each a client address and an announced port, in one torrent.
Every peer announces equally often.`,
    }),
    torrent_selection_pareto_shape: decimal({
      value: 2,
      min: 0,
      max: 10,
      prose: `\
How unevenly the peers, and with them the requests, are spread over the torrents: the shape of a
Pareto distribution cut off at 100 times its scale. 0: all torrents have the same number.`,
    }),
    peer_seeder_probability: decimal({
      value: 0.25,
      min: 0,
      max: 1,
      prose: `The probability that a peer is a seeder. It stays what it is.`,
    }),
    peers_wanted: integer({
      value: 30,
      min: 1,
      max: 3600,
      prose: `The peers that an announce asks for.`,
    }),
    scrape_max_torrents: integer({
      value: 10,
      min: 1,
      max: 70,
      prose: `The info hashes of a scrape.`,
    }),
    weight_connect: integer({
      value: 1,
      min: 0,
      max: 1000000,
      prose: `How many of all requests are connects, announces and scrapes, against each other.`,
    }),
    weight_announce: integer({ value: 50, min: 0, max: 1000000, prose: `As above.` }),
    weight_scrape: integer({ value: 1, min: 0, max: 1000000, prose: `As above.` }),
  },
  setup: {
    prefill: boolean({
      value: true,
      prose: `Announce every peer once before measuring, so that the tables do not grow meanwhile.`,
    }),
    timeout: integer({
      value: 300,
      min: 1,
      max: 3600,
      prose: `The most seconds that this, and getting the first connection ids, may take.`,
    }),
  },
  checks: {
    content: boolean({
      value: true,
      prose: `\
Check what responses say. false: only that they have the right kind and length, for a server
whose responses are canned, such as bench/floor.`,
    }),
    peers_sample: integer({
      value: 1,
      min: 0,
      max: 1000000,
      prose: `\
The peers of every so many-th announce response are looked at: is the requester among them, is
one there twice, or one that never announced? 1: those of all. 0: of none.`,
    }),
    requester: boolean({
      value: true,
      prose: `\
The requester must not be among the peers it gets. false: opentracker hands it out like any other.`,
    }),
    exact: boolean({
      value: true,
      prose: `\
After the setup, expect exact counts, and lists as full as they can be: of everybody else for a
leecher, of leechers at least for a seeder. Only where the tracker forgets nobody meanwhile.`,
    }),
  },
} satisfies Schema;
