// Many datagrams for one system call: the arrays of recvmmsg(2) and sendmmsg(2), built once in one
// buffer and then read and written in place. A thread that drives sockets has one batch to receive
// into and one to send from; nothing is allocated for a datagram or a call.

import { ptr } from "bun:ffi";
import { Bytes } from "../../memory/bytes.ts";
import {
  type BatchLayout,
  type BatchShape,
  MESSAGE,
  layOutBatch,
  NAME_SLOT_WORDS,
  VECTOR,
} from "./message-layout.ts";
import { NAME_BYTES } from "./name.ts";
import { receiveMessages, sendMessages } from "./system-calls.ts";

const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;

const HIGH_WORD = 2 ** 32;

/** A batch of datagrams. Its positions are words of `memory`. */
export class MessageBatch {
  readonly slots: number;
  readonly memory: Bytes;
  /** Words from one slot's payload to the next. */
  readonly payloadWords: number;
  readonly #words: Int32Array;
  readonly #layout: BatchLayout;
  readonly #controlBytes: number;
  /** The address of the memory, which never moves. */
  readonly #address: number;
  /** Slots whose header the kernel may have changed since `receive` last reset them. */
  #used = 0;

  constructor(shape: BatchShape) {
    const layout = layOutBatch(shape);
    this.slots = shape.slots;
    this.memory = Bytes.allocate(layout.end * 4);
    this.payloadWords = layout.payloadWords;
    this.#words = this.memory.words;
    this.#layout = layout;
    this.#controlBytes = shape.controlBytes;
    this.#address = ptr(this.memory.bytes);
    for (let slot = 0; slot < shape.slots; slot++) this.#build(slot, shape.payloadBytes);
  }

  /**
   * Receives up to `max` pending datagrams into the first slots, without waiting. Returns their
   * number, or minus the error number: EAGAIN if there are none.
   */
  receive(fd: number, max = this.slots): number {
    const words = this.#words;
    const controlBytes = this.#controlBytes;
    for (let header = (this.#used - 1) * MESSAGE.words; header >= 0; header -= MESSAGE.words) {
      words[header + MESSAGE.nameLength] = NAME_BYTES;
      words[header + MESSAGE.controlLength] = controlBytes;
    }
    const count = receiveMessages(fd, this.#address, max, MSG_DONTWAIT);
    this.#used = count > 0 ? count : 0;
    return count;
  }

  /**
   * Sends `count` slots from `first` on, without waiting. Returns the number that the kernel
   * accepted, at least one, or minus the error number of the first.
   */
  send(fd: number, first: number, count: number): number {
    return sendMessages(fd, this.#address + first * MESSAGE.words * 4, count, MSG_DONTWAIT);
  }

  /** Bytes received into the slot, at most the size of its payload. */
  length(slot: number): number {
    return this.#words[slot * MESSAGE.words + MESSAGE.messageLength];
  }

  /** Whether the datagram was longer than the slot. */
  isTruncated(slot: number): boolean {
    return (this.#words[slot * MESSAGE.words + MESSAGE.flags] & MSG_TRUNC) !== 0;
  }

  /** The first word of the slot's own payload. */
  payload(slot: number): number {
    return this.#layout.payloads + slot * this.payloadWords;
  }

  /** The first word of the slot's own name, the source of a received datagram. See NAME. */
  name(slot: number): number {
    return this.#layout.names + slot * NAME_SLOT_WORDS;
  }

  /** The first word of the slot's own control memory. */
  control(slot: number): number {
    return this.#layout.controls + slot * this.#layout.controlWords;
  }

  /** Sets the number of bytes to send from the slot's payload. */
  setLength(slot: number, bytes: number): void {
    this.#words[this.#layout.vectors + slot * VECTOR.words + VECTOR.length] = bytes;
  }

  /** The address of a word, for `setPayload`. */
  addressOf(word: number): number {
    return this.#address + word * 4;
  }

  /** Sends `bytes` from an address, in the memory of this batch or any other that stays alive. */
  setPayload(slot: number, address: number, bytes: number): void {
    const vector = this.#layout.vectors + slot * VECTOR.words;
    this.#writePointer(vector + VECTOR.base, address);
    this.#words[vector + VECTOR.length] = bytes;
  }

  /** Bytes that the slot sends. */
  payloadLength(slot: number): number {
    return this.#words[this.#layout.vectors + slot * VECTOR.words + VECTOR.length];
  }

  /** Sends to the source of the datagram in a slot of another batch, without copying it. */
  setTarget(slot: number, other: MessageBatch, otherSlot: number): void {
    const words = this.#words;
    const from = other.#words;
    const header = slot * MESSAGE.words;
    const otherHeader = otherSlot * MESSAGE.words;
    words[header + MESSAGE.namePointer] = from[otherHeader + MESSAGE.namePointer];
    words[header + MESSAGE.namePointer + 1] = from[otherHeader + MESSAGE.namePointer + 1];
    words[header + MESSAGE.nameLength] = from[otherHeader + MESSAGE.nameLength];
  }

  /** Sends with the control message in a slot of another batch, without copying it. */
  setControl(slot: number, other: MessageBatch, otherSlot: number): void {
    const words = this.#words;
    const from = other.#words;
    const header = slot * MESSAGE.words;
    const otherHeader = otherSlot * MESSAGE.words;
    words[header + MESSAGE.controlPointer] = from[otherHeader + MESSAGE.controlPointer];
    words[header + MESSAGE.controlPointer + 1] = from[otherHeader + MESSAGE.controlPointer + 1];
    words[header + MESSAGE.controlLength] = from[otherHeader + MESSAGE.controlLength];
  }

  /** Sends to the slot's own name, which has `bytes` bytes; 0 for a connected socket. */
  setOwnTarget(slot: number, bytes: number): void {
    const header = slot * MESSAGE.words;
    this.#writePointer(header + MESSAGE.namePointer, this.addressOf(this.name(slot)));
    this.#words[header + MESSAGE.nameLength] = bytes;
  }

  /** Sends with `bytes` bytes of the slot's own control memory; 0 for none. */
  setOwnControl(slot: number, bytes: number): void {
    const header = slot * MESSAGE.words;
    this.#writePointer(header + MESSAGE.controlPointer, this.addressOf(this.control(slot)));
    this.#words[header + MESSAGE.controlLength] = bytes;
  }

  #build(slot: number, payloadBytes: number): void {
    const header = slot * MESSAGE.words;
    const vector = this.#layout.vectors + slot * VECTOR.words;
    this.setOwnTarget(slot, NAME_BYTES);
    this.setOwnControl(slot, this.#controlBytes);
    this.#writePointer(header + MESSAGE.vectorPointer, this.addressOf(vector));
    this.#words[header + MESSAGE.vectorCount] = 1;
    this.setPayload(slot, this.addressOf(this.payload(slot)), payloadBytes);
  }

  #writePointer(word: number, address: number): void {
    this.#words[word] = address | 0;
    this.#words[word + 1] = Math.floor(address / HIGH_WORD);
  }
}
