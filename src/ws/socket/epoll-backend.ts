// The backend 'epoll': the connections of the backend 'bytes' on TCP sockets that this thread
// drives itself, with system calls. What is received lands in one buffer, and nothing is allocated
// for it. The worker alternates between this and its event loop. Linux only, and without TLS.

import { type Pointer, ptr } from "bun:ffi";
import { checkResult } from "../../app/libc.ts";
import type { SocketAddress } from "../../app/socket-address.ts";
import { clearWakeEvent } from "../../app/wake-event.ts";
import type { Inbox } from "../message/inbox.ts";
import type { Listener, ListenSettings, SocketEvents } from "./backend.ts";
import { Connection, type ConnectionContext, type TcpSocket } from "./connection.ts";
import {
  calls,
  EAGAIN,
  EINTR,
  openListeningSocket,
  SOCK_NONBLOCK_CLOEXEC,
  SocketName,
} from "./tcp-calls.ts";

/** Connections accepted at a time. */
const MAX_ACCEPTED = 64;
const RECEIVE_BYTES = 2 ** 18;

// From the kernel's headers.
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;

/** Words of a `struct epoll_event`, which is packed on x64. Its data begins with the descriptor. */
const EVENT_WORDS = process.arch === "x64" ? 3 : 4;
const EVENT = { events: 0, fd: process.arch === "x64" ? 1 : 2 };

/** The sockets that one thread drives. */
export class EpollSet {
  readonly #epoll = calls.epoll_create1(EPOLL_CLOEXEC);
  readonly #events: Int32Array;
  readonly #change = new Int32Array(EVENT_WORDS);
  readonly #received = Buffer.allocUnsafeSlow(RECEIVE_BYTES);
  readonly #receivedAddress = ptr(this.#received);
  readonly #name = new SocketName();
  /** By descriptor. */
  readonly #sockets: (EpollSocket | EpollListener | undefined)[] = [];
  /** Sockets with a deadline. */
  readonly timed = new Set<EpollSocket>();

  /**
   * Takes up to `maxEvents` events at a time. `wakeEvent` is an event of wake-event.ts that makes
   * `wait` return; negative for none.
   */
  constructor(
    private readonly maxEvents: number,
    private readonly wakeEvent: number,
  ) {
    this.#events = new Int32Array(maxEvents * EVENT_WORDS);
    if (wakeEvent >= 0) this.#watch(EPOLL_CTL_ADD, wakeEvent, EPOLLIN);
  }

  /** Starts to listen, beside other listeners of the same address. Throws if the system refuses. */
  listen(
    address: SocketAddress,
    settings: ListenSettings,
    inbox: Inbox,
    events: SocketEvents,
  ): Listener {
    const { fd, port } = openListeningSocket(address, settings.ipv6Only);
    const listener = new EpollListener(fd, { settings, inbox, events });
    this.#sockets[fd] = listener;
    this.#watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    return { port, stop: (closeConnections) => this.#stop(listener, closeConnections) };
  }

  /**
   * Handles what has happened on the sockets. Waits up to so many milliseconds if nothing has.
   * Returns the number of events.
   */
  wait(milliseconds: number): number {
    const events = this.#events;
    const count = calls.epoll_wait(this.#epoll, events, this.maxEvents, milliseconds);
    for (let i = 0; i < count; i++) {
      const happened = events[i * EVENT_WORDS + EVENT.events];
      const fd = events[i * EVENT_WORDS + EVENT.fd];
      const socket = this.#sockets[fd];
      if (socket instanceof EpollSocket) this.#handle(socket, happened);
      else if (socket !== undefined) this.#accept(socket);
      else if (fd === this.wakeEvent) clearWakeEvent(fd);
    }
    return count;
  }

  /** Terminates the sockets whose time is up. Call this about every second. */
  tick(): void {
    const now = performance.now();
    for (const socket of this.timed) if (socket.deadline <= now) socket.connection.expire();
  }

  /** Asks for `drained` when there is room to send, or no longer. */
  awaitRoom(fd: number, isAwaited: boolean): void {
    this.#watch(EPOLL_CTL_MOD, fd, isAwaited ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /** Closes a descriptor, which leaves the set by that. */
  close(fd: number): void {
    this.#sockets[fd] = undefined;
    calls.close(fd);
  }

  #handle(socket: EpollSocket, happened: number): void {
    if ((happened & EPOLLOUT) !== 0) socket.drain();
    // Errors and the end of the connection are found by receiving.
    if ((happened & ~EPOLLOUT) === 0 || socket.isClosed) return;
    const { fd } = socket;
    const count = checkResult(calls.recv(fd, this.#receivedAddress, RECEIVE_BYTES, 0));
    if (count > 0) socket.connection.read(this.#received, count);
    else if (count !== -EAGAIN && count !== -EINTR) socket.connection.terminate();
  }

  #accept({ context, fd }: EpollListener): void {
    const name = this.#name;
    for (let i = 0; i < MAX_ACCEPTED; i++) {
      name.clear();
      const accepted = calls.accept4(fd, name.bytes, name.length, SOCK_NONBLOCK_CLOEXEC);
      // A lack of files is accept-gate.ts's matter.
      if (accepted < 0) return;
      const socket = new EpollSocket(this, accepted, name.host, context);
      this.#sockets[accepted] = socket;
      this.#watch(EPOLL_CTL_ADD, accepted, EPOLLIN);
    }
  }

  #stop(listener: EpollListener, closeConnections: boolean): void {
    if (this.#sockets[listener.fd] !== listener) return;
    this.close(listener.fd);
    if (!closeConnections) return;
    for (const socket of this.#sockets) {
      if (socket instanceof EpollSocket && socket.context === listener.context) {
        socket.connection.terminate();
      }
    }
  }

  #watch(operation: number, fd: number, events: number): void {
    this.#change[EVENT.events] = events;
    this.#change[EVENT.fd] = fd;
    calls.epoll_ctl(this.#epoll, operation, fd, this.#change);
  }
}

class EpollListener {
  constructor(
    readonly fd: number,
    readonly context: ConnectionContext,
  ) {}
}

class EpollSocket implements TcpSocket {
  readonly connection: Connection;
  isClosed = false;
  /** When the socket is terminated, in milliseconds of `performance.now`. */
  deadline = Infinity;
  #awaitsRoom = false;

  constructor(
    private readonly set: EpollSet,
    readonly fd: number,
    readonly remoteAddress: string,
    readonly context: ConnectionContext,
  ) {
    this.connection = new Connection(this, context);
  }

  write(bytes: Buffer, start = 0, length = bytes.length): number {
    if (this.isClosed) return -1;
    const address = (ptr(bytes) + start) as Pointer;
    const sent = calls.send(this.fd, address, length, MSG_NOSIGNAL);
    if (sent < length && !this.#awaitsRoom) this.#awaitRoom(true);
    return sent;
  }

  drain(): void {
    this.#awaitRoom(false);
    this.connection.drain();
  }

  shutdown(): void {
    if (!this.isClosed) calls.shutdown(this.fd, SHUT_WR);
  }

  terminate(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.set.timed.delete(this);
    this.set.close(this.fd);
    this.connection.end();
  }

  timeout(seconds: number): void {
    this.deadline = seconds === 0 ? Infinity : performance.now() + seconds * 1000;
    if (seconds === 0) this.set.timed.delete(this);
    else this.set.timed.add(this);
  }

  #awaitRoom(isAwaited: boolean): void {
    this.#awaitsRoom = isAwaited;
    this.set.awaitRoom(this.fd, isAwaited);
  }
}
