// The configuration of aquatic-ws: every key with its default, its range and the prose that `-p`
// prints above it. The main thread reads it at start-up and posts it to every worker.

import { boolean, choice, integer, type Schema, string, strings } from "../app/config-field.ts";
import {
  accessListSection,
  addressField,
  logLevelField,
  privilegesSection,
  statisticsSection,
} from "../app/config-sections.ts";
import type { Config } from "../app/config.ts";
import { clusterSection } from "../cluster/config.ts";
import { checkHeaderName, normalizeProxy } from "./client-address.ts";
import { MOST_INFO_HASHES, MOST_OFFERS } from "./message/walk.ts";
import { normalizeOrigin } from "./origin.ts";

export type WsConfig = Config<typeof wsSchema>;

/**
 * The keys that were set and have no effect. They are accepted so that an old file still serves.
 */
export function listUnusedKeys({ handlers }: WsConfig): string[] {
  const { channel_recv_timeout_microseconds: timeout } = wsSchema.handlers;
  const isDefault = handlers.channel_recv_timeout_microseconds === timeout.value;
  return isDefault ? [] : ["handlers.channel_recv_timeout_microseconds"];
}

export const wsSchema = {
  socket_workers: integer({
    value: 1,
    min: 1,
    max: 64,
    prose: `\
Threads that serve connections. Each has its own listener on every address (SO_REUSEPORT), and
the kernel spreads the clients.`,
  }),
  log_level: logLevelField,
  network: {
    address: addressField,
    use_tls: boolean({
      value: false,
      prose: `\
Serve wss:// instead of ws://, with the certificate of the PKCS#12 file or of the two PEM files
below. Pages loaded over https can connect to wss:// only.`,
    }),
    tls_pkcs12_path: string({
      value: "",
      prose: `\
A PKCS#12 file (.p12, .pfx) with the private key and the certificate chain. It is read again at
SIGHUP and SIGUSR1.`,
    }),
    tls_pkcs12_password: string({
      value: "",
      isSecret: true,
      prose: `The password of that file, without characters beyond U+FFFF.`,
    }),
    tls_certificate_path: string({
      value: "",
      prose: `A PEM file with the certificate chain, instead of a PKCS#12 file.`,
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
array of them. The tracker believes only these about the addresses of clients.`,
    }),
    client_address_header: string({
      value: "X-Forwarded-For",
      check: checkHeaderName,
      prose: `\
The header with the client's address. Each proxy appends the address of its own client, so the
last address that is not a trusted proxy is used.`,
    }),
    max_scrape_torrents: integer({
      value: 255,
      min: 1,
      max: MOST_INFO_HASHES,
      isLive: true,
      prose: `Maximum number of torrents in one scrape. Further info hashes are ignored.`,
    }),
    max_offers: integer({
      value: 10,
      min: 0,
      max: MOST_OFFERS,
      isLive: true,
      prose: `Maximum number of offers of one announce that are relayed, each to a different peer.`,
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
      prose: `\
Maximum number of events that a thread takes from the system at once, with the backend 'epoll'.`,
    }),
    poll_timeout_milliseconds: integer({
      value: 50,
      min: 1,
      max: 1000,
      prose: `\
Milliseconds after which an idle thread looks for other work than that of connections, with the
backend 'epoll'.`,
    }),
    max_message_size: integer({
      value: 65536,
      min: 1024,
      max: 16777216,
      prose: `\
Maximum bytes of a message from a client, after inflation. A client that sends a longer one is
disconnected with code 1009.`,
    }),
    socket_backend: choice({
      value: "auto",
      among: ["auto", "epoll", "bytes", "bun"],
      prose: `\
The socket backend. 'epoll' drives the sockets with system calls, on Linux (x64, arm64), without
TLS. 'bytes' uses Bun.listen, on every system. 'bun' uses Bun.serve, which turns each message into
a string and takes about twice the processor time. 'auto' selects 'epoll' if it works, else
'bytes'.`,
    }),
    accept_compressed: boolean({
      value: false,
      prose: `\
Accept compressed messages from clients that offer to send them (permessage-deflate). Saves most
of the bytes that clients send, and takes two to three times the processor time.`,
    }),
    compress_responses: boolean({
      value: false,
      prose: `\
Compress what is sent to clients that understand it, with accept_compressed. Saves more than half
of the bytes and costs a multiple of the processor time.`,
    }),
  },
  handlers: {
    max_requests_per_iter: integer({
      value: 10000,
      min: 1,
      max: 1000000,
      prose: `\
Maximum number of offers and answers that a thread gathers for another thread. It passes them on
at the end of each turn of its event loop in any case.`,
    }),
    channel_recv_timeout_microseconds: integer({
      value: 200,
      min: 0,
      max: 10000000,
      prose: `No effect: a thread never waits for more to be passed on together.`,
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
keeps serving meanwhile.`,
    }),
    max_peer_age: integer({
      value: 180,
      min: 1,
      max: 32400,
      isLive: true,
      prose: `\
Seconds after its last announce at which a peer is removed. The peers of a connection are removed
at once when it closes.`,
    }),
    max_connection_age: integer({
      value: 180,
      min: 8,
      max: 960,
      prose: `\
Seconds without a sign of life after which a connection is closed. A connection that answers pings
stays open.`,
    }),
    ping_interval: integer({
      value: 25,
      min: 1,
      max: 480,
      prose: `\
Seconds between two pings to a silent connection, at most half of max_connection_age. Proxies cut
silent connections, many after 60 seconds.`,
    }),
  },
  cluster: clusterSection,
  access_list: {
    ...accessListSection,
    allowed_origins: strings({
      value: [],
      min: 0,
      max: 1000,
      normalize: normalizeOrigin,
      prose: `\
The origins of pages that may connect, such as 'https://example.com': one, or an array of them.
Others get HTTP status 403, and so do clients that send no origin. Empty: all may connect.`,
    }),
  },
  privileges: privilegesSection,
  limits: {
    max_torrents: integer({
      value: 2000000,
      min: 1,
      max: 50000000,
      prose: `\
Maximum number of torrents. At the limit, announces for new torrents get an error. Address space
is reserved for all of them; memory is used only as they arrive.`,
    }),
    max_peers: integer({
      value: 5000000,
      min: 1,
      max: 50000000,
      prose: `\
Maximum number of peers of all torrents together. At the limit, new peers get an error. Address
space is reserved for all of them; memory is used only as they arrive.`,
    }),
    max_connections: integer({
      value: 1000000,
      min: 1,
      max: 16000000,
      prose: `\
Maximum number of open connections of each socket worker. Others are refused with HTTP status
503. Each is an open file: if the system allows fewer (ulimit -n), the tracker logs it and accepts
fewer.`,
    }),
    max_peers_per_connection: integer({
      value: 2000,
      min: 1,
      max: 100000,
      prose: `\
Maximum number of peers of one connection. A page has one connection for all its torrents.`,
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
Maximum number of messages a second from one IPv4 address or IPv6 /64, on average: a quiet
address may send those of 40 seconds at once. Beyond that, messages get an error, and in a flood
nothing; a connection that keeps flooding is closed with code 1008. 0: no limit.`,
    }),
    max_queued_bytes: integer({
      value: 262144,
      min: 4096,
      max: 268435456,
      prose: `\
Maximum bytes that wait for one connection, besides 65,536 that the backend 'bun' may hold. At
half of it, the peer gets no more offers. Beyond it, the oldest offers are dropped, then the
connection.`,
    }),
    max_pending_offers: integer({
      value: 1000000,
      min: 1000,
      max: 100000000,
      prose: `\
Maximum number of offers of all peers together whose answers are awaited, each for a minute.
Beyond it, the oldest are forgotten, and their answers are not relayed.`,
    }),
  },
} satisfies Schema;
