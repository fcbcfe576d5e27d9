// The configuration of aquatic-udp: every key with its default, its range, and the prose that `-p`
// prints above it. Read once at start-up on the main thread and posted to every worker.

import { choice, integer, type Schema } from "../app/config-field.ts";
import {
  accessListSection,
  addressField,
  logLevelField,
  persistenceSection,
  privilegesSection,
  statisticsSection,
} from "../app/config-sections.ts";
import type { Config } from "../app/config.ts";
import { clusterSection } from "../cluster/config.ts";

export type UdpConfig = Config<typeof udpSchema>;

export const udpSchema = {
  socket_workers: integer({
    value: 1,
    min: 1,
    max: 256,
    prose: `\
Threads that receive requests and send responses. Each has its own socket on every listening
address (SO_REUSEPORT), and the kernel spreads the clients over them.`,
  }),
  request_workers: integer({
    value: 1,
    min: 0,
    max: 256,
    prose: `\
Threads that work on the torrent tables and return the responses to the socket workers. With 0,
the socket workers answer requests themselves. Each pair of a socket worker and a request worker
takes 0.75 MiB of memory; all pairs together can take at most 4 GiB.`,
  }),
  log_level: logLevelField,
  network: {
    address: addressField,
    max_scrape_torrents: integer({
      value: 255,
      min: 1,
      max: 3000,
      isLive: true,
      prose: `\
Maximum number of torrents in a scrape response. Further info hashes are ignored. A response
always fits a packet of 1500 bytes: at most 122 torrents over IPv4, 120 over IPv6.`,
    }),
    max_response_peers: integer({
      value: 255,
      min: 1,
      max: 3600,
      isLive: true,
      prose: `\
Maximum number of peers in an announce response. Clients that ask for more, or for any number,
get this many. A response always fits a packet of 1500 bytes, because clients discard longer
ones: at most 242 peers over IPv4, 79 over IPv6.`,
    }),
    peer_announce_interval: integer({
      value: 900,
      min: 1,
      max: 7 * 86400,
      isLive: true,
      prose: `Seconds that clients should wait between announces.`,
    }),
    socket_recv_buffer_size: integer({
      value: 524288,
      min: 0,
      max: 2 ** 30 - 1,
      prose: `\
Bytes of receive buffer for each socket (SO_RCVBUF). The kernel limits it to net.core.rmem_max,
and the tracker logs a line if it grants less. 0 keeps the system's default.`,
    }),
    poll_event_capacity: integer({
      value: 4096,
      min: 1,
      max: 65536,
      prose: `\
Maximum number of datagrams in a batch. 'mmsg' receives and answers batches, of at most 64.
'bun' receives datagrams one by one and sends the responses in batches.`,
    }),
    batch_wait_microseconds: integer({
      value: 200,
      min: 0,
      max: 10000,
      prose: `\
Maximum number of microseconds that a socket worker waits for further requests after a batch that
was not full. It does so only while requests come fast enough: from 10,000 a second on with 200.
Larger batches cost less CPU time; responses come later by this time and some 50 microseconds. 0
means never. Not used by 'bun'.`,
    }),
    socket_backend: choice({
      value: "auto",
      among: ["auto", "bun", "mmsg"],
      prose: `\
The socket backend. 'mmsg' handles batches with recvmmsg and sendmmsg, on Linux (x64, arm64).
'bun' uses Bun.udpSocket, on every system. At a wildcard address of a host with several
addresses, 'bun' may respond from an address other than the one that the client asked, and
clients discard such responses; list the addresses instead. 'auto' selects 'mmsg' if it works.`,
    }),
  },
  handlers: {
    max_requests_per_iter: integer({
      value: 10000,
      min: 1,
      max: 1000000,
      prose: `\
Maximum number of requests that a request worker answers before it returns the responses.
Not used if request_workers is 0.`,
    }),
    channel_recv_timeout_microseconds: integer({
      value: 200,
      min: 0,
      max: 10000000,
      prose: `\
Maximum number of microseconds that a request worker waits for further requests before it
returns the responses. Not used if request_workers is 0.`,
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
Seconds between cleaning passes, which remove expired peers and torrents without peers. The
tracker keeps answering during a pass.`,
    }),
    max_peer_age: integer({
      value: 1200,
      min: 1,
      max: 32400,
      isLive: true,
      prose: `\
Seconds after its last announce at which a peer expires. Announces get lost: with more than
twice peer_announce_interval, a client stays listed if one of its announces is lost.`,
    }),
    max_connection_age: integer({
      value: 300,
      min: 1,
      max: 86400,
      prose: `\
Seconds for which a connection id is valid. Clients may use an id for a minute, and some use it
for longer. The secret key of the ids changes every hour, or at this age if it is higher.`,
    }),
  },
  access_list: accessListSection,
  persistence: persistenceSection,
  cluster: clusterSection,
  privileges: privilegesSection,
  limits: {
    max_torrents: integer({
      value: 5000000,
      min: 1,
      max: 50000000,
      prose: `\
Maximum number of torrents, for IPv4 and IPv6 each. Beyond that, announces for new torrents get
an error. Address space is reserved for all torrents, but memory is used only as they arrive.`,
    }),
    max_peers: integer({
      value: 20000000,
      min: 1,
      max: 100000000,
      prose: `\
Maximum number of peers of all torrents together, for IPv4 and IPv6 each. Beyond that, new peers
get an error. Address space is reserved for all peers, but memory is used only as they arrive.`,
    }),
    max_peers_per_ip: integer({
      value: 50000,
      min: 0,
      max: 100000000,
      isLive: true,
      prose: `\
Maximum number of peers of one IPv4 address or IPv6 /64, in all torrents together. Beyond that,
new peers get an error. 0 means no limit.`,
    }),
    max_requests_per_ip_per_second: integer({
      value: 500,
      min: 0,
      max: 1000000,
      isLive: true,
      prose: `\
Maximum average number of announces and scrapes per second from one IPv4 address or IPv6 /64. An
address that was quiet may send 40 seconds' worth at once. Further requests get an error, and in
a flood no response at all. Requests without a valid connection id do not count. 0 means no
limit.`,
    }),
  },
} satisfies Schema;
