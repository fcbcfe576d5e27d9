// Whole conversations: several sockets of two workers that announce, offer, answer, stop, close and
// take each other's peers over, compared with the model step by step.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { KIND } from "../../src/ws/deliveries.ts";
import { OUTCOME } from "../../src/ws/handler.ts";
import { type Delivery, HandlerHarness, id, REASON, type Socket } from "./handler-harness.ts";
import { HandlerModel } from "./handler-model.ts";

const MAX_OFFERS = 4;

const STATUS = {
  leecher: { left: 100 },
  magnet: { left: null, event: "started" },
  seeder: { left: 0, event: "started" },
  completed: { left: 0, event: "completed" },
  finished: { event: "completed" },
  paused: { left: 100, event: "paused" },
  stopped: { event: "stopped" },
} as const;

type Status = keyof typeof STATUS;

const seeding: readonly Status[] = ["seeder", "completed", "finished"];

interface Announce {
  do: "announce";
  socket: number;
  torrent: string;
  peer: string;
  status: Status;
  offers: number;
  numwant: number | undefined;
  /** Whether the holder turns out to be dead. */
  isHolderDead: boolean;
}

interface Answer {
  do: "answer";
  /** Which of the offers made so far, counted from the last. */
  offer: number;
  /** Its own addressee's, or others. */
  socket: number | undefined;
  peer: string | undefined;
  to: string | undefined;
}

type Step = Announce | Answer | { do: "reopen"; socket: number } | { do: "wait"; seconds: number };

/** Two of them share an address, on different workers; the others are alone. */
const PLACES = [
  { address: 1, worker: 0 },
  { address: 1, worker: 1 },
  { address: 2, worker: 0 },
  { address: 3, worker: 1 },
];

const socket = fc.nat(PLACES.length - 1);
const torrent = fc.constantFrom("t", "t", "u");
const peer = fc.constantFrom("a", "b", "c", "d", "e", "f");

const announce: fc.Arbitrary<Announce> = fc.record({
  do: fc.constant("announce"),
  socket,
  torrent,
  peer,
  status: fc.constantFrom(...(Object.keys(STATUS) as Status[]), "leecher", "leecher"),
  offers: fc.nat(6),
  numwant: fc.option(fc.nat(6), { nil: undefined }),
  isHolderDead: fc.boolean(),
});

const rarely = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 1 });

const answer: fc.Arbitrary<Answer> = fc.record({
  do: fc.constant("answer"),
  offer: fc.nat(5),
  socket: rarely(socket),
  peer: rarely(peer),
  to: rarely(peer),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: announce },
  { weight: 8, arbitrary: answer },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen"), socket }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait"), seconds: fc.nat(70) }) },
);

/** The handler and the model, side by side. */
class Conversation {
  readonly harness: HandlerHarness;
  readonly model = new HandlerModel();
  readonly sockets: Socket[];
  passedAnswers = 0;
  #serial = 0;

  constructor(seed: number) {
    this.harness = new HandlerHarness({ maxOffers: MAX_OFFERS, seed });
    this.sockets = PLACES.map(({ address, worker }) => this.harness.open(address, worker));
  }

  run(todo: Step): void {
    if (todo.do === "announce") this.#announce(todo);
    else if (todo.do === "answer") this.#answer(todo);
    else if (todo.do === "reopen") this.#reopen(this.sockets[todo.socket]);
    else this.harness.now += todo.seconds;
    expect(this.harness.table.peerCount).toBe(this.model.peerCount);
    expect(this.harness.table.torrentCount).toBe(this.model.torrentCount);
  }

  /** Closes all connections: nothing stays. */
  end(): void {
    for (const from of this.sockets) this.harness.close(from);
    expect(this.harness.table.peerCount).toBe(0);
    expect(this.harness.table.torrentCount).toBe(0);
  }

  #reopen(old: Socket): void {
    this.harness.close(old);
    this.model.close(old);
    this.sockets[this.sockets.indexOf(old)] = this.harness.open(old.address, old.worker);
  }

  #announce(todo: Announce): void {
    const { harness, model } = this;
    const from = this.sockets[todo.socket];
    const offers = Array.from({ length: todo.offers }, () => {
      const offerId = id(`offer ${this.#serial++}`);
      return { offer: { type: "offer", sdp: `sdp of ${offerId}` }, offer_id: offerId };
    });
    const message = {
      action: "announce",
      info_hash: id(todo.torrent),
      peer_id: id(todo.peer),
      numwant: todo.numwant,
      offers,
      ...STATUS[todo.status],
    };
    const isStopped = todo.status === "stopped";
    const holder = isStopped ? undefined : model.holder(todo.torrent, todo.peer, from);
    if (holder !== undefined) {
      expect(harness.send(from, message)).toEqual({ outcome: OUTCOME.held, deliveries: [] });
      const { name, generation } = holder;
      expect(harness.handlers[from.worker].holder).toEqual({ name, generation });
      if (!todo.isHolderDead) {
        const [{ to, message: refusal }, ...more] = harness.refuseHeld(from, message);
        expect(to).toBe(from);
        expect(refusal["failure reason"]).toBe(REASON.peerHeld);
        expect(more).toEqual([]);
        return;
      }
      this.#reopen(holder);
    }
    const { outcome, deliveries } = harness.send(from, message);
    if (isStopped) model.stop(todo.torrent, todo.peer, from);
    else model.put(todo.torrent, todo.peer, from, seeding.includes(todo.status));

    expect(outcome).toBe(OUTCOME.handled);
    const [response, ...passed] = deliveries;
    expect(response).toEqual({
      to: from,
      kind: KIND.response,
      message: {
        action: "announce",
        info_hash: id(todo.torrent),
        interval: 120,
        ...model.counts(todo.torrent),
      },
    });
    const most = Math.min(offers.length, MAX_OFFERS, todo.numwant ?? Infinity);
    this.#checkOffers(todo, offers.slice(0, isStopped ? 0 : most), passed);
  }

  #checkOffers(todo: Announce, offers: { offer_id: string }[], passed: Delivery[]): void {
    const { model } = this;
    const eligible = model.eligible(todo.torrent, todo.peer);
    const others = [...eligible.values()].reduce((sum, { size }) => sum + size, 0);
    expect(passed.map(({ message }) => message)).toEqual(
      offers.slice(0, others).map((offer) => ({
        action: "announce",
        info_hash: id(todo.torrent),
        peer_id: id(todo.peer),
        ...offer,
      })),
    );
    const perSocket = new Map<Socket, number>();
    for (const { to, kind, message } of passed) {
      expect(kind).toBe(KIND.offer);
      const candidates = eligible.get(to!) ?? new Set<string>();
      const count = (perSocket.get(to!) ?? 0) + 1;
      perSocket.set(to!, count);
      // Each to another peer, so no connection gets more than it has.
      expect(count).toBeLessThanOrEqual(candidates.size);
      model.offers.push({
        torrent: todo.torrent,
        offerer: todo.peer,
        id: message.offer_id,
        since: this.harness.now,
        candidates: new Set(candidates),
        isVague: false,
      });
    }
  }

  #answer(todo: Answer): void {
    const { harness, model } = this;
    const offer = model.offers.at(-1 - todo.offer);
    if (offer === undefined) return;
    const swarm = model.swarm(offer.torrent);
    const peer = todo.peer ?? [...offer.candidates][0] ?? "a";
    const from =
      todo.socket === undefined
        ? (swarm.get(peer)?.socket ?? this.sockets[0])
        : this.sockets[todo.socket];
    const to = todo.to ?? offer.offerer;
    const verdict = model.judge(offer, to, peer, from, harness.now);
    const description = { type: "answer", sdp: `answer to ${offer.id}` };
    const { outcome, deliveries } = harness.send(from, {
      action: "announce",
      info_hash: id(offer.torrent),
      peer_id: id(peer),
      to_peer_id: id(to),
      answer: description,
      offer_id: offer.id,
    });
    expect(outcome).toBe(OUTCOME.handled);
    if (verdict !== "either") expect(deliveries.length).toBe(verdict === "passed" ? 1 : 0);
    if (deliveries.length === 0) return;
    offer.candidates.clear();
    this.passedAnswers++;
    expect(deliveries).toEqual([
      {
        to: swarm.get(to)?.socket,
        kind: KIND.answer,
        message: {
          action: "announce",
          info_hash: id(offer.torrent),
          peer_id: id(peer),
          answer: description,
          offer_id: offer.id,
        },
      },
    ]);
  }
}

test("the handler does what the model does", () => {
  let passedAnswers = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: "max" }), fc.nat(1000), (steps, seed) => {
      const conversation = new Conversation(seed);
      for (const todo of steps) conversation.run(todo);
      conversation.end();
      passedAnswers += conversation.passedAnswers;
    }),
    { numRuns: 400 },
  );
  // Or else answers would have been refused by the test's own fault.
  expect(passedAnswers).toBeGreaterThan(200);
});
