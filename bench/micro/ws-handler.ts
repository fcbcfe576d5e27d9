// What one message costs the WebTorrent handler, without a socket: an announce with five offers
// that are relayed, the answers to them, an announce without offers, a scrape; and its parts, among
// them the table that holds peers with their connections. A message comes with a mask, as from a
// client, and what is delivered is copied, as into an outbox.
//
// usage: bun bench/micro/ws-handler.ts

import { constants, deflateRawSync } from "node:zlib";
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
import { Memberships } from "../../src/ws/memberships.ts";
import { Draft } from "../../src/ws/message/draft.ts";
import { ID_WORDS, readId } from "../../src/ws/message/id.ts";
import { Inbox } from "../../src/ws/message/inbox.ts";
import { MessageReader, type Part } from "../../src/ws/message/reader.ts";
import { MessageWriter } from "../../src/ws/message/writer.ts";
import { allocatePendingOffers, OFFER, PendingOffers } from "../../src/ws/pending-offers.ts";
import { responseCounters } from "../../src/ws/response-counters.ts";
import { inflateMessage } from "../../src/ws/socket/deflate.ts";

const CONNECTIONS = 200;
const TORRENTS = 10;
const OFFERS = 5;
const SDP_BYTES = 630;
const MAX_MESSAGE_BYTES = 65_536;
const MASK = 0x12345678;

const id = (name: string): string => name.padEnd(20, "\u00fe");
const candidate = "a=candidate:1 1 UDP 2130706431 192.0.2.1 50000 typ host\r\n";
const sdp = `v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\n${candidate.repeat(20)}`.slice(0, SDP_BYTES);

const settings = { maxScrapeTorrents: 255, maxOffers: 10, announceInterval: 120 };
const NO_LIMITS = { max_connections_per_ip: 0, max_peers_per_ip: 0, max_messages_per_second: 0 };
const memory = allocateConnections(1, 1000);
const own = new OwnConnections(memory[0]);
const pending = new PendingOffers(allocatePendingOffers(1_000_000, new Int32Array([1, 2, 3, 4])));
const limits = { maxTorrents: 1000, maxPeers: 10_000 };
const inbox = new Inbox(MAX_MESSAGE_BYTES);
const draft = new Draft();
/** What has been delivered, one after the other, and where. */
const outbox = Buffer.alloc(2 ** 20);
const delivered: { name: number; start: number; end: number }[] = [];
const deliver = (name: number): void => {
  const start = delivered.at(-1)?.end ?? 0;
  draft.bytes.copy(outbox, start, 0, draft.length);
  delivered.push({ name, start, end: start + draft.length });
};
const table = new Table(createTable(20, limits, new Int32Array([1, 2])), new Random(1, 2, 3));
const handler = new Handler(settings, {
  table,
  connections: new Connections(memory),
  memberships: new Memberships(1000, new Int32Array([1, 2])),
  limits: new AddressLimits(allocateAddressLimits(new Int32Array([1, 2])), NO_LIMITS),
  pendingOffers: pending,
  counters: new Counters(allocateCounters(1), 0),
  inbox,
  draft,
  deliveries: { deliver },
});

const senders = Array.from({ length: CONNECTIONS }, (_, i) => {
  const slot = own.open(new Int32Array(4));
  return {
    name: nameConnection(0, slot),
    generation: 0,
    addressHash: i,
    responses: responseCounters(new Int32Array(4)),
    hash: id(`t${i % TORRENTS}`),
    peer: id(`p${i}`),
  };
});
const byName = new Map(senders.map((sender) => [sender.name, sender]));

/** A message as it comes from a client. */
const mask = (message: object): Buffer => {
  const bytes = Buffer.from(JSON.stringify(message));
  const key = Buffer.alloc(4);
  key.writeInt32LE(MASK);
  return bytes.map((byte, i) => byte ^ key[i & 3]) as Buffer;
};
const receive = (masked: Buffer): void => {
  masked.copy(inbox.bytes);
  inbox.end(masked.length, MASK);
};
const announceOf = (sender: (typeof senders)[number], offers: number): Buffer =>
  mask({
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
  });

const withOffers = senders.map((sender) => announceOf(sender, OFFERS));
const without = senders.map((sender) => announceOf(sender, 0));
const scrape = mask({ action: "scrape", info_hash: senders[0].hash });
for (const [i, sender] of senders.entries()) {
  receive(without[i]);
  handler.handle(sender, 1);
}

let next = 0;
const announce = (messages: readonly Buffer[]): void => {
  next = (next + 1) % CONNECTIONS;
  receive(messages[next]);
  handler.handle(senders[next], 1);
};

group("a message", () => {
  bench("announce with 5 offers", () => {
    announce(withOffers);
    delivered.length = 0;
  });
  bench("announce with 5 offers, and their answers", () => {
    announce(withOffers);
    for (const { name, start, end } of delivered.splice(0)) {
      const message = JSON.parse(outbox.toString("utf8", start, end)) as Record<string, unknown>;
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
      inbox.setText(JSON.stringify(answer));
      handler.handle(byName.get(name)!, 1);
    }
    delivered.length = 0;
  });
  bench("announce without offers", () => {
    announce(without);
    delivered.length = 0;
  });
  bench("scrape", () => {
    receive(scrape);
    handler.handle(senders[0], 1);
    delivered.length = 0;
  });
});

group("reading", () => {
  const reader = new MessageReader(inbox, settings, pending.key);
  const read = (message: Buffer): unknown => {
    receive(message);
    return do_not_optimize(reader.read());
  };
  const answer = mask({
    action: "announce",
    info_hash: id("t"),
    peer_id: id("p"),
    to_peer_id: id("q"),
    answer: { type: "answer", sdp },
    offer_id: id("o"),
  });
  bench("receive an announce with 5 offers", () => {
    receive(withOffers[0]);
    return do_not_optimize(inbox.isUtf8);
  });
  bench("read an announce with 5 offers", () => read(withOffers[0]));
  bench("read an announce without offers", () => read(without[0]));
  bench("read a scrape", () => read(scrape));
  bench("read an answer", () => read(answer));
  bench("parse an announce with 5 offers, for comparison", () => {
    receive(withOffers[0]);
    return do_not_optimize(JSON.parse(inbox.bytes.toString("utf8", 0, inbox.length)));
  });
  receive(withOffers[0]);
  const compressed = deflateRawSync(inbox.copy(), { finishFlush: constants.Z_SYNC_FLUSH });
  bench("inflate an announce with 5 offers", () => {
    compressed.copy(inbox.bytes);
    inbox.end(compressed.length, 0);
    return do_not_optimize(inflateMessage(inbox));
  });
});

// The parts of messages, in a second inbox with one of each.
const source = new Inbox(MAX_MESSAGE_BYTES);
const texts = [...senders.map((sender) => sender.peer), senders[0].hash, sdp];
source.setText(texts.map((text) => JSON.stringify(text)).join(""));
let start = 0;
const literals = texts.map((text): Part => {
  const end = start + Buffer.byteLength(JSON.stringify(text));
  const literal = { start, end };
  start = end;
  return literal;
});
const [hash, sdpPart] = literals.splice(CONNECTIONS);
const [peer] = literals;

group("writing", () => {
  const writer = new MessageWriter(draft, source);
  let turn = 0;
  const anyId = (): Part => literals[(turn = (turn + 1) % CONNECTIONS)];
  bench("write an announce response", () => {
    writer.writeAnnounceResponse(anyId(), 3, 5, 120);
    return do_not_optimize(draft.length);
  });
  bench("write an answer", () => {
    writer.writeAnswer(hash, peer, sdpPart, anyId());
    return do_not_optimize(draft.length);
  });
  bench("write a scrape response", () => {
    writer.writeScrapeHead();
    writer.writeScrapeEntry(0, anyId(), 3, 5);
    writer.writeScrapeEnd();
    return do_not_optimize(draft.length);
  });
  bench("write an offer", () => {
    writer.writeOfferHead(hash, peer);
    writer.writeOffer(sdpPart, anyId());
    return do_not_optimize(draft.length);
  });
});

group("the table and the pending offers", () => {
  const request = new Int32Array(ANNOUNCE.words);
  const handedOut = new Uint16Array(1000);
  readId(source.bytes, hash.start, hash.end, request, ANNOUNCE.infoHash);
  readId(source.bytes, peer.start, peer.end, request, ANNOUNCE.peer);
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
