// The configuration of aquatic-ws: every key with its default, its range and the prose that `-p`
// prints above it. Read once at start-up on the main thread and posted to every Worker.

import { boolean, integer, type Schema, string, strings } from "../app/config-field.ts";
import { addressField, privilegesSection, statisticsSection } from "../app/config-sections.ts";
import type { Config } from "../app/config.ts";
import { checkHeaderName, normalizeProxy } from "./client-address.ts";

export type WsConfig = Config<typeof wsSchema>;

/** The keys that were set and have no effect; they are taken so that an old file still serves. */
export function listUnusedKeys({ handlers, network }: WsConfig): string[] {
  const { channel_recv_timeout_microseconds: wait } = handlers;
  const { poll_event_capacity: capacity, poll_timeout_milliseconds: timeout } = network;
  const names: string[] = [];
  const defaults = wsSchema.network;
  if (capacity !== defaults.poll_event_capacity.value) names.push("network.poll_event_capacity");
  if (timeout !== defaults.poll_timeout_milliseconds.value) {
    names.push("network.poll_timeout_milliseconds");
  }
  if (wait !== wsSchema.handlers.channel_recv_timeout_microseconds.value) {
    names.push("handlers.channel_recv_timeout_microseconds");
  }
  return names;
}

export const wsSchema = {
  socket_workers: integer({
    value: 1,
    min: 1,
    max: 64,
    prose: `\
Threads that serve connections. Each listens on every address by itself (SO_REUSEPORT); the
kernel spreads the clients.`,
  }),
  network: {
    address: addressField,
    use_tls: boolean({
      value: false,
      prose: `\
Serve wss:// in place of ws://, with the certificate of the PKCS#12 file or of the two PEM files
below. Pages that came by https can reach wss:// only.`,
    }),
    tls_pkcs12_path: string({
      value: "",
      prose: `\
A PKCS#12 file (.p12, .pfx) with the private key and the chain of certificates. Read again at
SIGHUP and SIGUSR1.`,
    }),
    tls_pkcs12_password: string({
      value: "",
      prose: `The password of that file, without characters beyond U+FFFF.`,
    }),
    tls_certificate_path: string({
      value: "",
      prose: `A PEM file with the chain of certificates, in place of a PKCS#12 file.`,
    }),
    tls_private_key_path: string({
      value: "",
      prose: `The PEM file with its private key, not encrypted.`,
    }),
    trusted_proxies: strings({
      value: [],
      min: 0,
      max: 1000,
      normalize: normalizeProxy,
      prose: `\
Proxies in front of the tracker: an address or a network ('192.0.2.1', '2001:db8::/32'), or an
array of them. What they say about the address of a client is believed, and nobody else.`,
    }),
    client_address_header: string({
      value: "X-Forwarded-For",
      check: checkHeaderName,
      prose: `\
The header in which they say it. Each proxy appends the address that it was asked from: the last
address that is not a trusted proxy's is the client's.`,
    }),
    max_scrape_torrents: integer({
      value: 255,
      min: 1,
      max: 10000,
      prose: `The most torrents answered in one scrape. Info hashes beyond them are ignored.`,
    }),
    max_offers: integer({
      value: 10,
      min: 0,
      max: 100,
      prose: `The most offers of one announce that are passed on, each to another peer.`,
    }),
    peer_announce_interval: integer({
      value: 120,
      min: 1,
      max: 7 * 86400,
      isLive: true,
      prose: `Seconds that clients are asked to wait between announces.`,
    }),
    poll_event_capacity: integer({
      value: 4096,
      min: 1,
      max: 65536,
      prose: `Without effect: the runtime decides how many events it takes at a time.`,
    }),
    poll_timeout_milliseconds: integer({
      value: 50,
      min: 0,
      max: 3600000,
      prose: `Without effect: an idle thread sleeps until something happens.`,
    }),
    max_message_size: integer({
      value: 65536,
      min: 1024,
      max: 16777216,
      prose: `\
The most bytes of a message from a client, after inflation. Who sends a longer one is
disconnected with code 1009.`,
    }),
    compress_responses: boolean({
      value: false,
      prose: `\
Compress what is sent, to clients that understand it (permessage-deflate). Saves more than half
of the bytes and costs a multiple of the processor time. What clients send compressed is
understood either way.`,
    }),
  },
  handlers: {
    max_requests_per_iter: integer({
      value: 10000,
      min: 1,
      max: 1000000,
      prose: `\
The most offers and answers that a thread gathers for another before it hands them over. What
there is at the end of an iteration of its event loop is handed over in any case.`,
    }),
    channel_recv_timeout_microseconds: integer({
      value: 200,
      min: 0,
      max: 10000000,
      prose: `Without effect: nothing waits for more to be handed over together.`,
    }),
  },
  statistics: statisticsSection,
  cleaning: {
    interval: integer({
      value: 30,
      min: 1,
      max: 3600,
      isLive: true,
      prose: `\
Seconds between two sweeps that remove expired peers, and torrents without peers. The tracker
keeps answering meanwhile.`,
    }),
    max_peer_age: integer({
      value: 180,
      min: 1,
      max: 32400,
      isLive: true,
      prose: `\
Seconds after its last announce at which a peer is removed. Peers whose connection closes are
removed at once.`,
    }),
    max_connection_age: integer({
      value: 180,
      min: 8,
      max: 960,
      prose: `\
Seconds without a sign of life after which a connection is closed. One that answers pings stays,
however little it says.`,
    }),
    ping_interval: integer({
      value: 25,
      min: 1,
      max: 480,
      prose: `\
Seconds between two pings to a connection that says nothing, at most half of max_connection_age.
Proxies cut connections that carry nothing, many after 60 seconds.`,
    }),
  },
  privileges: privilegesSection,
  limits: {
    max_torrents: integer({
      value: 2000000,
      min: 1,
      max: 50000000,
      prose: `\
The most torrents. When that many are known, announces for others get an error. Address space
is reserved for all of them; memory is used only as they arrive.`,
    }),
    max_peers: integer({
      value: 5000000,
      min: 1,
      max: 50000000,
      prose: `\
The most peers of all torrents together. When that many are known, new ones get an error.
Address space is reserved for all of them; memory is used only as they arrive.`,
    }),
    max_connections: integer({
      value: 1000000,
      min: 1,
      max: 16000000,
      prose: `\
The most open connections of each socket worker. Others are refused with HTTP status 503. Each is
an open file: where the system allows fewer (ulimit -n), the tracker says so and takes fewer.`,
    }),
    max_peers_per_connection: integer({
      value: 2000,
      min: 1,
      max: 100000,
      prose: `\
The most peers that one connection announces: a page has one connection for all its torrents.`,
    }),
    max_connections_per_ip: integer({
      value: 1000,
      min: 0,
      max: 16000000,
      isLive: true,
      prose: `\
Maximum number of open connections from one IPv4 address or IPv6 /64, behind trusted proxies.
Others are refused with HTTP status 503. 0: no limit.`,
    }),
    max_peers_per_ip: integer({
      value: 50000,
      min: 0,
      max: 50000000,
      isLive: true,
      prose: `\
Maximum number of peers of one IPv4 address or IPv6 /64, on all its connections together. Beyond
that, new ones get an error. 0: no limit.`,
    }),
    max_messages_per_second: integer({
      value: 1000,
      min: 0,
      max: 1000000,
      isLive: true,
      prose: `\
Maximum number of messages a second from one IPv4 address or IPv6 /64, on average: an address
that was quiet may send 40 seconds' worth at once. Beyond that they get an error, and in a flood
nothing; a connection that goes on is closed with code 1008. 0: no limit.`,
    }),
    max_queued_bytes: integer({
      value: 262144,
      min: 4096,
      max: 268435456,
      prose: `\
The most bytes that wait for one connection, beside 65,536 that the runtime may hold for it. A
peer with half of that waiting is offered nothing; beyond all of it the oldest offers are
dropped, then the connection.`,
    }),
    max_pending_offers: integer({
      value: 1000000,
      min: 1000,
      max: 100000000,
      prose: `\
The most offers of all peers together whose answers are awaited, each for a minute. Beyond that
the oldest are forgotten, and their answers not passed on.`,
    }),
  },
} satisfies Schema;
