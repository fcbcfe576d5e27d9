// What one message costs the WebTorrent handler, without a socket: an announce with five offers that
// are passed on, the answers to them, an announce without offers, a scrape; and the parts of it, the
// table that holds peers with their connections among them.
//
// usage: bun bench/micro/ws-handler.ts

import { deflateRawSync, inflateRawSync } from "node:zlib";
import { bench, do_not_optimize, group, run } from "mitata";
import { allocateCounters, Counters } from "../../src/app/counters.ts";
import { Random } from "../../src/memory/random.ts";
import { ANNOUNCE } from "../../src/swarm/layout.ts";
import { createTable, Table } from "../../src/swarm/table.ts";
import { AddressLimits, allocateAddressLimits } from "../../src/ws/address-limits.ts";
import {
  allocateConnections,
  Connections,
  nameConnection,
  OwnConnections,
} from "../../src/ws/connections.ts";
import { Handler } from "../../src/ws/handler.ts";
import { ID_WORDS, readId } from "../../src/ws/id.ts";
import { Memberships } from "../../src/ws/memberships.ts";
import { MessageReader } from "../../src/ws/message-reader.ts";
import {
  writeAnnounceResponse,
  writeAnswer,
  writeOffer,
  writeOfferHead,
  writeScrapeEntry,
  writeScrapeResponse,
} from "../../src/ws/message-writer.ts";
import { allocatePendingOffers, OFFER, PendingOffers } from "../../src/ws/pending-offers.ts";

const CONNECTIONS = 200;
const TORRENTS = 10;
const OFFERS = 5;
const SDP_BYTES = 630;

const id = (name: string): string => name.padEnd(20, "\u00fe");
const candidate = "a=candidate:1 1 UDP 2130706431 192.0.2.1 50000 typ host\r\n";
const sdp = `v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\n${candidate.repeat(20)}`.slice(0, SDP_BYTES);

const settings = { maxScrapeTorrents: 255, maxOffers: 10, announceInterval: 120 };
const NO_LIMITS = { max_connections_per_ip: 0, max_peers_per_ip: 0, max_messages_per_second: 0 };
const memory = allocateConnections(1, 1000);
const own = new OwnConnections(memory[0]);
const pending = new PendingOffers(allocatePendingOffers(1_000_000, new Int32Array([1, 2, 3, 4])));
const limits = { maxTorrents: 1000, maxPeers: 10_000 };
const delivered: { name: number; text: string }[] = [];
const table = new Table(createTable(20, limits, new Int32Array([1, 2])), new Random(1, 2, 3));
const handler = new Handler(
  settings,
  table,
  new Connections(memory),
  new Memberships(1000, new Int32Array([1, 2])),
  new AddressLimits(allocateAddressLimits(new Int32Array([1, 2])), NO_LIMITS),
  pending,
  new Counters(allocateCounters(1), 0),
  { deliver: (name, _generation, _kind, text) => void delivered.push({ name, text }) },
);

const senders = Array.from({ length: CONNECTIONS }, (_, i) => {
  const slot = own.open(new Int32Array(4));
  return {
    name: nameConnection(0, slot),
    generation: 0,
    addressHash: i,
    hash: id(`t${i % TORRENTS}`),
    peer: id(`p${i}`),
  };
});
const byName = new Map(senders.map((sender) => [sender.name, sender]));

// As they come from a socket: strings that nobody has looked at.
const fresh = (text: string): (() => string) => {
  const bytes = Buffer.from(text);
  return () => bytes.toString();
};
const announceOf = (sender: (typeof senders)[number], offers: number): (() => string) =>
  fresh(
    JSON.stringify({
      numwant: 50,
      uploaded: 0,
      downloaded: 0,
      left: 1,
      action: "announce",
      info_hash: sender.hash,
      peer_id: sender.peer,
      offers: Array.from({ length: offers }, (_, i) => ({
        offer: { type: "offer", sdp },
        offer_id: id(`${sender.name}-${i}`),
      })),
    }),
  );

const withOffers = senders.map((sender) => announceOf(sender, OFFERS));
const without = senders.map((sender) => announceOf(sender, 0));
const scrape = fresh(JSON.stringify({ action: "scrape", info_hash: senders[0].hash }));
for (const [i, sender] of senders.entries()) handler.handle(sender, without[i](), 1);

let next = 0;
const announce = (texts: (() => string)[]): void => {
  next = (next + 1) % CONNECTIONS;
  handler.handle(senders[next], texts[next](), 1);
};

group("a message", () => {
  bench("announce with 5 offers", () => {
    announce(withOffers);
    delivered.length = 0;
  });
  bench("announce with 5 offers, and their answers", () => {
    announce(withOffers);
    for (const { name, text } of delivered.splice(0)) {
      const message = JSON.parse(text) as Record<string, unknown>;
      if (!("offer" in message)) continue;
      const { hash, peer } = byName.get(name)!;
      const answer = {
        action: "announce",
        info_hash: hash,
        peer_id: peer,
        to_peer_id: message.peer_id,
        answer: { type: "answer", sdp },
        offer_id: message.offer_id,
      };
      handler.handle(byName.get(name)!, JSON.stringify(answer), 1);
    }
    delivered.length = 0;
  });
  bench("announce without offers", () => {
    announce(without);
    delivered.length = 0;
  });
  bench("scrape", () => {
    handler.handle(senders[0], scrape(), 1);
    delivered.length = 0;
  });
});

group("parts", () => {
  bench("a string from the network", () => do_not_optimize(withOffers[0]()));
  const reader = new MessageReader({ ...settings, offerKey: pending.key });
  bench("read an announce with 5 offers", () => do_not_optimize(reader.read(withOffers[0]())));
  bench("read an announce without offers", () => do_not_optimize(reader.read(without[0]())));
  bench("read a scrape", () => do_not_optimize(reader.read(scrape())));
  const answer = fresh(
    JSON.stringify({
      action: "announce",
      info_hash: id("t"),
      peer_id: id("p"),
      to_peer_id: id("q"),
      answer: { type: "answer", sdp },
      offer_id: id("o"),
    }),
  );
  bench("read an answer", () => do_not_optimize(reader.read(answer())));
  bench("parse an announce with 5 offers, for comparison", () =>
    do_not_optimize(JSON.parse(withOffers[0]())));
  const literals = senders.map(({ peer }) => JSON.stringify(peer));
  const [hash, peer] = literals;
  const sdpLiteral = JSON.stringify(sdp);
  const head = writeOfferHead(hash, peer);
  let turn = 0;
  const anyId = (): string => literals[(turn = (turn + 1) % CONNECTIONS)];
  const compressed = deflateRawSync(withOffers[0]());
  bench("inflate an announce with 5 offers", () => do_not_optimize(inflateRawSync(compressed)));
  // A text is put together when it is sent somewhere; the same again and again would be kept.
  const sink = Buffer.alloc(10_000);
  const look = (text: string): unknown => do_not_optimize(sink.write(text, "latin1"));
  bench("write an announce response", () => look(writeAnnounceResponse(anyId(), 3, 5, 120)));
  bench("write an answer", () => look(writeAnswer(hash, peer, sdpLiteral, anyId())));
  bench("write a scrape response", () =>
    look(writeScrapeResponse([writeScrapeEntry(anyId(), 3, 5)])));
  bench("write an offer", () => look(writeOffer(head, sdpLiteral, anyId())));
  const request = new Int32Array(ANNOUNCE.words);
  const handedOut = new Uint16Array(1000);
  const hashLiteral = JSON.stringify(senders[0].hash);
  readId(hashLiteral, 0, hashLiteral.length, request, ANNOUNCE.infoHash);
  readId(peer, 0, peer.length, request, ANNOUNCE.peer);
  request[ANNOUNCE.peer + ID_WORDS] = senders[0].name;
  for (const wanted of [0, OFFERS * 2]) {
    bench(`a peer in the table, ${wanted} others and their connections handed out`, () => {
      request[ANNOUNCE.numwant] = wanted;
      table.hashAnnounce(request, 0);
      return do_not_optimize(table.announce(request, 0, 1, handedOut, 0));
    });
  }
  const offer = new Int32Array(OFFER.words);
  bench("note a pending offer, and take it", () => {
    offer[OFFER.id]++;
    pending.add(offer, 1);
    return do_not_optimize(pending.take(offer, 1));
  });
});

await run();
