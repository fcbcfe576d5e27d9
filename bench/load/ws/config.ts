// The configuration of the WebTorrent load tester: every key with its default, its range and the
// prose that `-p` prints above it, which also explains how to use the load tester.

import { boolean, choice, integer, type Schema } from "../../../src/app/config-field.ts";
import type { Config } from "../../../src/app/config.ts";
import { decimal, loopbackUrl } from "../config-fields.ts";

export type LoadConfig = Config<typeof loadSchema>;

export const loadSchema = {
  server_url: loopbackUrl({
    value: "ws://127.0.0.1:3000",
    prose: `\
The tracker, ws:// or wss:// at 127.x.y.z, [::1] or localhost, with a path if it wants one. No other
addresses: load is for one's own. Certificates are not verified. Start the tracker afresh for each
run: peers that it knows from another run are reported as strangers.`,
  }),
  workers: integer({
    value: 1,
    min: 1,
    max: 64,
    prose: `\
Threads that play the clients. For figures that repeat, give tracker and load tester cores of
their own (taskset).`,
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
    prose: `The same seed gives the same peers and the same choices.`,
  }),
  network: {
    connections: integer({
      value: 200,
      min: 1,
      max: 1000000,
      prose: `\
WebSockets of all workers together. Each is one peer. Needs as many open files (ulimit -n).`,
    }),
    client_ips: integer({
      value: 1,
      min: 1,
      max: 4096,
      prose: `\
Source addresses, 127.0.0.1 and on, that the connections are spread over. An address has ports for
some 28,000 connections (net.ipv4.ip_local_port_range).`,
    }),
    connect_concurrency: integer({
      value: 0,
      min: 0,
      max: 1000000,
      prose: `\
The most connections, of all workers together, that are being opened at once in the setup. One
counts until its first announce is answered. 0: all of them.`,
    }),
    deflate_share: decimal({
      value: 0,
      min: 0,
      max: 1,
      prose: `\
The share of the connections that offer permessage-deflate, as browsers do, and compress what they
send where the tracker agrees. What comes compressed is inflated. The report tells how many
connections agreed.`,
    }),
    stalled: integer({
      value: 0,
      min: 0,
      max: 1000000,
      prose: `\
Connections that read nothing more, and say nothing more, once their first announces are answered.
Set a rate with it: offers that go to them are never answered.`,
    }),
    rate: integer({
      value: 0,
      min: 0,
      max: 10000000,
      prose: `\
Announces a second of all connections together, evenly spaced, whatever comes back; latency then
counts from the moment an announce was due, and holds up to a millisecond of the load tester's own
clock. 0: each connection announces again when its announces are answered and the answers to their
offers are there, as fast as it goes.`,
    }),
    churn: decimal({
      value: 0,
      min: 0,
      max: 100000,
      prose: `\
Connections a second, of all together, that are closed while measuring and, once closed, opened
again with a new peer id.`,
    }),
    churn_stopped: decimal({
      value: 0.5,
      min: 0,
      max: 1,
      prose: `\
The probability that such a connection announces 'stopped' and closes its WebSocket. The others are
gone without a word.`,
    }),
    answer_timeout_milliseconds: integer({
      value: 500,
      min: 1,
      max: 60000,
      prose: `\
Milliseconds after which a connection without a rate no longer waits for answers to its offers, but
announces again. They may come later.`,
    }),
  },
  requests: {
    announce: boolean({
      value: true,
      prose: `\
Announce at all. false: connections are opened and held, for nothing but the memory they take.`,
    }),
    repeat: boolean({
      value: true,
      prose: `Announce while measuring. false: once in the setup, then connections are held.`,
    }),
    number_of_torrents: integer({
      value: 10,
      min: 1,
      max: 1000000,
      prose: `Torrents that the connections are spread over. At most one for each.`,
    }),
    torrents_per_connection: integer({
      value: 1,
      min: 1,
      max: 64,
      prose: `\
Torrents that each connection announces in turn, all at once in the setup: so many times
number_of_torrents, of which each group of connections shares its own.`,
    }),
    torrent_selection_pareto_shape: decimal({
      value: 0,
      min: 0,
      max: 10,
      prose: `\
How unevenly they are: the shape of a Pareto distribution cut off at 100 times its scale. 0: all
torrents have the same number.`,
    }),
    peer_seeder_probability: decimal({
      value: 0,
      min: 0,
      max: 1,
      prose: `The probability that a peer is a seeder. It stays what it is.`,
    }),
    announces_at_once: integer({
      value: 1,
      min: 1,
      max: 16,
      prose: `\
Announces that a connection without a rate sends at once, like a page of so many torrents that comes
back. They are for the torrents of the connection in turn, and all have their offers.`,
    }),
    offers: integer({
      value: 5,
      min: 0,
      max: 50,
      prose: `\
Offers of each announce but the first, and its numwant. Browsers send 5, older ones 10.`,
    }),
    sdp_size: choice({
      value: "short",
      among: ["short", "medium", "long"],
      prose: `\
The SDPs of offers and answers, as Chromium makes them: 'short' with the addresses of one interface
(630 bytes), 'medium' with those that STUN servers saw (1,400), 'long' with several interfaces
(2,400).`,
    }),
    ids: choice({
      value: "random",
      among: ["random", "ascii"],
      prose: `\
Info hashes and offer ids: 'random' bytes, as browsers send them, or 'ascii' characters, which no
browser sends and which cost most trackers less.`,
    }),
    answer_probability: decimal({
      value: 1,
      min: 0,
      max: 1,
      prose: `The probability that a peer answers an offer.`,
    }),
  },
  setup: {
    timeout: integer({
      value: 60,
      min: 1,
      max: 3600,
      prose: `The most seconds that opening the connections and the first announces may take.`,
    }),
  },
  checks: {
    exact: boolean({
      value: true,
      prose: `\
Expect that responses count exactly the peers that there are, once all have announced. Not looked
at where connections were refused, closed or are churned. bittorrent-tracker forgets all but 1,000
peers of a torrent.`,
    }),
  },
} satisfies Schema;
