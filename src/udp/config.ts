// The configuration of aquatic-udp: every key with its default, its range and the prose that `-p`
// prints above it. Read once at start-up on the main thread and posted to every Worker.

import { choice, integer, type Schema } from "../app/config-field.ts";
import { addressField, privilegesSection, statisticsSection } from "../app/config-sections.ts";
import type { Config } from "../app/config.ts";

export type UdpConfig = Config<typeof udpSchema>;

export const udpSchema = {
  socket_workers: integer({
    value: 1,
    min: 1,
    max: 256,
    prose: `\
Threads that read requests from the network and send the responses. Each has a socket of
its own on every listening address (SO_REUSEPORT); the kernel spreads the clients.`,
  }),
  request_workers: integer({
    value: 1,
    min: 0,
    max: 256,
    prose: `\
Threads that work on the torrent tables and hand the responses back to the socket workers.
0: the socket workers answer the requests themselves. Each pair of a socket worker and a request
worker takes 0.75 MiB of memory, up to 4 GiB in all.`,
  }),
  network: {
    address: addressField,
    max_scrape_torrents: integer({
      value: 255,
      min: 1,
      max: 3000,
      prose: `\
Maximum number of torrents in one scrape response. Further info hashes are ignored. A response
always fits a packet of 1500 bytes: no more than 122 torrents over IPv4, 120 over IPv6.`,
    }),
    max_response_peers: integer({
      value: 255,
      min: 1,
      max: 3600,
      prose: `\
Maximum number of peers in one announce response. Clients that want any number, or a higher one,
get this many. A response always fits a packet of 1500 bytes, because clients discard a longer
one: no more than 242 peers over IPv4, 79 over IPv6.`,
    }),
    peer_announce_interval: integer({
      value: 900,
      min: 1,
      max: 7 * 86400,
      prose: `Seconds that clients are asked to wait between announces.`,
    }),
    socket_recv_buffer_size: integer({
      value: 524288,
      min: 0,
      max: 2 ** 30 - 1,
      prose: `\
Bytes of receive buffer for each socket (SO_RCVBUF). The kernel caps it at net.core.rmem_max;
the tracker says so when it got less. 0: leave the system's default.`,
    }),
    poll_event_capacity: integer({
      value: 4096,
      min: 1,
      max: 65536,
      prose: `\
The most datagrams handled in one go: taken off a socket and answered with 'mmsg', which
takes no more than 64; answered with 'bun', which takes them one by one.`,
    }),
    socket_backend: choice({
      value: "auto",
      among: ["auto", "bun", "mmsg"],
      prose: `\
How sockets are driven. 'mmsg': in batches, with recvmmsg and sendmmsg, on Linux (x64, arm64).
'bun': with Bun.udpSocket, on every system; at a wildcard address of a host with several
addresses it may answer from another address than the client asked, and clients discard such
responses: list the addresses instead. 'auto': 'mmsg' where it works.`,
    }),
  },
  handlers: {
    max_requests_per_iter: integer({
      value: 10000,
      min: 1,
      max: 1000000,
      prose: `\
The most requests that a request worker answers before it hands the responses back.
Not used when request_workers is 0.`,
    }),
    channel_recv_timeout_microseconds: integer({
      value: 200,
      min: 0,
      max: 10000000,
      prose: `\
Microseconds that a request worker with responses to hand back waits for further requests
before it does. 0: not at all. Not used when request_workers is 0.`,
    }),
  },
  statistics: statisticsSection,
  cleaning: {
    interval: integer({
      value: 30,
      min: 1,
      max: 3600,
      prose: `\
Seconds between two sweeps that remove expired peers, and torrents without peers. The tracker
keeps answering meanwhile.`,
    }),
    max_peer_age: integer({
      value: 1200,
      min: 1,
      max: 32400,
      prose: `\
Seconds after its last announce at which a peer is removed. Announces get lost: above
twice peer_announce_interval, a client that lost one stays listed.`,
    }),
    max_connection_age: integer({
      value: 300,
      min: 1,
      max: 86400,
      prose: `\
Seconds for which a connection id is valid. Clients may use theirs for a minute, and some use
it for longer. The secret key behind the ids changes every hour, or at this age if that is more.`,
    }),
  },
  privileges: privilegesSection,
  limits: {
    max_torrents: integer({
      value: 5000000,
      min: 1,
      max: 50000000,
      prose: `\
The most torrents, for IPv4 and IPv6 each. When that many are known, announces for others get
an error. Address space is reserved for all of them; memory is used only as they arrive.`,
    }),
    max_peers: integer({
      value: 20000000,
      min: 1,
      max: 100000000,
      prose: `\
The most peers of all torrents together, for IPv4 and IPv6 each. When that many are known, new
ones get an error. Address space is reserved for all of them; memory is used only as they
arrive.`,
    }),
    max_peers_per_ip: integer({
      value: 50000,
      min: 0,
      max: 100000000,
      prose: `\
Maximum number of peers of one IPv4 address or IPv6 /64, in all torrents together. Beyond that,
new ones get an error. 0: no limit.`,
    }),
    max_requests_per_ip_per_second: integer({
      value: 500,
      min: 0,
      max: 1000000,
      prose: `\
Maximum number of announces and scrapes a second from one IPv4 address or IPv6 /64, on average: an
address that was quiet may send 40 seconds' worth at once. Beyond that they get an error, and in a
flood nothing. Requests without a valid connection id do not count. 0: no limit.`,
    }),
  },
} satisfies Schema;
