// The clients that a load worker plays: addresses on the loopback interface, with sockets on each,
// connected to the tracker, and a connection id for each address. Opened by the worker when it
// starts.

import { parseSocketAddress, type SocketAddress } from "../../../src/app/socket-address.ts";
import { connectLinuxSocket, openLinuxSocket } from "../../../src/udp/socket/linux-socket.ts";
import { setReceiveBuffer } from "../../../src/udp/socket/options.ts";
import type { LoadConfig } from "./config.ts";

/** 127.1.0.1 to 127.1.255.254. */
export const MOST_ADDRESSES = 65534;

/** How many distinct client addresses all workers have together. */
export function countClientAddresses(config: LoadConfig): number {
  const { family } = parseSocketAddress(config.server_address);
  return family === 6 ? 1 : config.workers * config.network.client_ips;
}

/** The client address with this number, as AnswerCheck counts them. */
function clientAddress(family: 4 | 6, number: number): SocketAddress {
  if (family === 6) return { host: "::1", port: 0, family };
  const low = number + 1;
  return { host: `127.1.${low >>> 8}.${low & 0xff}`, port: 0, family };
}

/** The sockets of one worker, by index, and the addresses they are bound to. */
export class Clients {
  readonly fds: number[] = [];
  /** The number of each socket's address among those of all workers. */
  readonly address: number[] = [];
  /** Which of the sockets on its address each is, and of how many. */
  readonly rank: number[] = [];
  readonly sockets: number;
  readonly socketsPerAddress: number;

  // Connection ids by address: those of one worker follow each other.
  readonly #firstAddress: number;
  readonly #idWords: Int32Array;
  readonly #isConnected: Uint8Array;
  /** When a connection id was received, or first asked for another: milliseconds. */
  readonly #renewedAt: Float64Array;
  readonly #lifeMilliseconds: number;

  /** Throws the system's error when a socket cannot be had. */
  constructor(config: LoadConfig, worker: number) {
    const { client_ips, connection_id_seconds, sockets_per_ip } = config.network;
    const server = parseSocketAddress(config.server_address);
    const isIpv6 = server.family === 6;
    this.sockets = client_ips * sockets_per_ip;
    this.socketsPerAddress = isIpv6 ? config.workers * this.sockets : sockets_per_ip;
    this.#firstAddress = isIpv6 ? 0 : worker * client_ips;
    const addresses = isIpv6 ? 1 : client_ips;
    this.#idWords = new Int32Array(addresses * 2);
    this.#isConnected = new Uint8Array(addresses);
    this.#renewedAt = new Float64Array(addresses).fill(-Infinity);
    this.#lifeMilliseconds = connection_id_seconds * 1000;
    for (let socket = 0; socket < this.sockets; socket++) {
      const address = isIpv6 ? 0 : this.#firstAddress + Math.floor(socket / sockets_per_ip);
      const rank = isIpv6 ? worker * this.sockets + socket : socket % sockets_per_ip;
      const fd = openLinuxSocket(clientAddress(server.family, address));
      connectLinuxSocket(fd, server);
      const { socket_recv_buffer_size } = config.network;
      if (socket_recv_buffer_size > 0) setReceiveBuffer(fd, socket_recv_buffer_size);
      this.fds.push(fd);
      this.address.push(address);
      this.rank.push(rank);
    }
  }

  /** Whether the socket's address has been given a connection id. */
  hasConnectionId(socket: number): boolean {
    return this.#isConnected[this.#index(socket)] === 1;
  }

  /** Writes the connection id of the socket's address to `words[at]`. */
  writeConnectionId(socket: number, words: Int32Array, at: number): void {
    const index = this.#index(socket);
    words[at] = this.#idWords[index * 2];
    words[at + 1] = this.#idWords[index * 2 + 1];
  }

  /** Keeps the connection id at `words[at]`, received at `now`. */
  takeConnectionId(socket: number, words: Int32Array, at: number, now: number): void {
    const index = this.#index(socket);
    this.#idWords[index * 2] = words[at];
    this.#idWords[index * 2 + 1] = words[at + 1];
    this.#isConnected[index] = 1;
    this.#renewedAt[index] = now;
  }

  /** Whether the address needs a connection id, and nobody has been told since it does. */
  claimRenewal(socket: number, now: number, retryMilliseconds: number): boolean {
    const index = this.#index(socket);
    if (now - this.#renewedAt[index] < this.#lifeMilliseconds) return false;
    // Asked again after the time-out, should this request get lost. The old id is good meanwhile.
    this.#renewedAt[index] = now - this.#lifeMilliseconds + retryMilliseconds;
    return true;
  }

  #index(socket: number): number {
    return this.address[socket] - this.#firstAddress;
  }
}
