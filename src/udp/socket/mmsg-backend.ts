// The socket backend for Linux: receives and sends datagrams in batches with recvmmsg and sendmmsg.
// The socket worker never leaves this loop; it runs no events and sleeps in poll(2).

import { ptr } from "bun:ffi";
import type { Counters } from "../../app/counters.ts";
import { MAX_SILENCE_MILLISECONDS } from "../../app/pulse.ts";
import type { SocketAddress } from "../../app/socket-address.ts";
import { readClock } from "../../memory/clock.ts";
import { markAwake, markAsleep } from "../../memory/doorbell.ts";
import { CONTROL } from "../../app/control.ts";
import type { Dispatcher } from "../dispatcher.ts";
import { BatchWait } from "./batch-wait.ts";
import { MessageBatch } from "./message-batch.ts";
import { MmsgSocket, socketOfResponse } from "./mmsg-socket.ts";
import { PACKET_INFO_BYTES } from "./packet-info.ts";
import { PollSet } from "./poll-set.ts";
import { RESPONSE } from "../request.ts";
import type { SocketBackend, SocketSettings } from "./backend.ts";
import { setReceiveBuffer } from "./options.ts";
import { clearWakeEvent } from "../../app/wake-event.ts";

/** Upper bound on sleep: to show life, and in case a wake-up is missed. */
const MAX_SLEEP_MICROSECONDS = MAX_SILENCE_MILLISECONDS * 1000;

/** In a flood, a worker that stops must come to an end. */
const MAX_LAST_BATCHES = 1000;

/** recvmmsg and sendmmsg as a SocketBackend. */
export class MmsgBackend implements SocketBackend {
  readonly #sockets: MmsgSocket[] = [];
  readonly #input: MessageBatch;
  readonly #batchWait: BatchWait;
  /** Waits for time to pass, and for nothing else. */
  readonly #nap = new PollSet([]);
  readonly #channelsAddress: number;

  constructor(
    private readonly settings: SocketSettings,
    private readonly dispatcher: Dispatcher,
    private readonly counters: Counters,
    private readonly control: Int32Array,
  ) {
    this.#input = new MessageBatch({
      slots: dispatcher.slots,
      payloadBytes: dispatcher.handler.maxRequestBytes,
      controlBytes: PACKET_INFO_BYTES,
    });
    this.#batchWait = new BatchWait(settings.batchWaitMicroseconds, dispatcher.slots);
    const { bytes } = settings.channels;
    this.#channelsAddress = bytes.length === 0 ? 0 : ptr(bytes);
  }

  async open(addresses: readonly SocketAddress[], isDualStack: boolean): Promise<void> {
    const { counters, dispatcher } = this;
    for (const [index, address] of addresses.entries()) {
      this.#sockets.push(new MmsgSocket(index, address, isDualStack, dispatcher, counters));
    }
  }

  get fds(): number[] {
    return this.#sockets.map(({ fd }) => fd);
  }

  get ports(): number[] {
    return this.#sockets.map((socket) => socket.port);
  }

  setReceiveBuffers(bytes: number): number {
    return Math.min(...this.#sockets.map(({ fd }) => setReceiveBuffer(fd, bytes) ?? 0));
  }

  async serve(): Promise<void> {
    const { control, dispatcher } = this;
    const sockets = this.#sockets;
    const polls = new PollSet([...sockets.map(({ fd }) => fd), this.settings.wakeEvent]);
    const isFull = sockets.map(() => false);
    let isBusy = false;
    let hadWork = false;
    while (Atomics.load(control, CONTROL.stop) === 0) {
      const mustSleep = !isBusy && !(hadWork && this.#gather());
      if (mustSleep) this.#sleep(polls);
      else if (sockets.length > 1) polls.wait(0);
      // To ask a single socket whether it has datagrams costs as much as to receive them.
      const isAsked = mustSleep || sockets.length > 1;
      isBusy = false;
      hadWork = false;
      const now = readClock(control, CONTROL.clock);
      this.settings.refresh(now);
      // One batch per socket, so that no socket starves another.
      for (let i = 0; i < sockets.length; i++) {
        if (isAsked && !isFull[i] && !polls.isReadable(i)) continue;
        const count = sockets[i].receive(this.#input, now);
        this.#batchWait.count(count);
        // A full batch means that more datagrams are waiting.
        isFull[i] = count === dispatcher.slots;
        if (isFull[i]) isBusy = true;
        if (count > 0) hadWork = true;
      }
      dispatcher.flush();
      if (!dispatcher.isRelaying) continue;
      if (dispatcher.takeResponses(this.#queueRelayed, this.#sendAll) > 0) hadWork = true;
    }
    this.#drain(readClock(control, CONTROL.clock));
    for (const socket of sockets) socket.close();
  }

  // Answers what has arrived: another process may have taken over the port, and what waits here
  // never gets there. With request workers there is nobody left to answer.
  #drain(now: number): void {
    if (this.dispatcher.isRelaying) return;
    for (const socket of this.#sockets) {
      for (let i = 0; i < MAX_LAST_BATCHES && socket.receive(this.#input, now) > 0; i++);
    }
  }

  readonly #queueRelayed = (responseWord: number): void => {
    const { words } = this.settings.channels;
    const address = this.#channelsAddress + (responseWord + RESPONSE.datagram) * 4;
    this.#sockets[socketOfResponse(words, responseWord)].queueRelayed(words, responseWord, address);
  };

  readonly #sendAll = (): void => {
    for (const socket of this.#sockets) socket.send();
  };

  // Waits until more requests have gathered. Returns false, at once, if they are too rare for that.
  // Meanwhile this thread counts as awake: request workers need not wake it, because it looks at
  // their responses soon.
  #gather(): boolean {
    const microseconds = this.#batchWait.next(performance.now());
    if (microseconds === 0) return false;
    this.#nap.wait(microseconds);
    return true;
  }

  #sleep(polls: PollSet): void {
    const { control, dispatcher } = this;
    const { doorbell, wakeEvent } = this.settings;
    markAsleep(control, doorbell);
    const hasWork = Atomics.load(control, CONTROL.stop) !== 0 || dispatcher.hasResponses();
    polls.wait(hasWork ? 0 : MAX_SLEEP_MICROSECONDS);
    markAwake(control, doorbell);
    if (polls.isReadable(this.#sockets.length)) clearWakeEvent(wakeEvent);
  }
}
