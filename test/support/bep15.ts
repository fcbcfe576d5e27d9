// BEP 15 as specified, slow and plain: the oracle that tests compare the tracker with. Builds
// requests with every field settable, and parses responses.

import { randomBytes } from "node:crypto";

export const PROTOCOL_ID = 0x41727101980n;
export const ACTION = { connect: 0, announce: 1, scrape: 2, error: 3 } as const;
export const EVENT = { none: 0, completed: 1, started: 2, stopped: 3 } as const;

/** IPv4 or IPv6, by the length of an address in bytes. */
export type AddressBytes = 4 | 16;

export interface ConnectRequest {
  protocolId?: bigint;
  action?: number;
  /** 32 bits unsigned; random by default, here and below. */
  transactionId?: number;
  /** Appended unchanged, here and below. */
  extra?: Uint8Array;
}

export interface AnnounceRequest {
  connectionId: bigint;
  action?: number;
  transactionId?: number;
  /** 20 bytes, random by default. */
  infoHash?: Uint8Array;
  /** 20 bytes, random by default. */
  peerId?: Uint8Array;
  downloaded?: bigint;
  left?: bigint;
  uploaded?: bigint;
  event?: number;
  /** 32 bits unsigned: an IPv4 address, 0 for the packet's source. */
  ip?: number;
  key?: number;
  /** Signed; -1 leaves the number to the tracker. */
  numwant?: number;
  port?: number;
  extra?: Uint8Array;
}

export interface ScrapeRequest {
  connectionId: bigint;
  action?: number;
  transactionId?: number;
  infoHashes?: Uint8Array[];
  extra?: Uint8Array;
}

export interface Peer {
  /** In the format of `node:net`: `10.0.0.1`, `fd00::1`. */
  address: string;
  port: number;
}

interface SwarmCounts {
  seeders: number;
  /** Completed downloads in total. */
  downloads: number;
  leechers: number;
}

export type Response =
  | { kind: "connect"; transactionId: number; connectionId: bigint }
  | {
      kind: "announce";
      transactionId: number;
      interval: number;
      leechers: number;
      seeders: number;
      peers: Peer[];
    }
  | { kind: "scrape"; transactionId: number; swarms: SwarmCounts[] }
  | { kind: "error"; transactionId: number; message: string };

export function buildConnect(request: ConnectRequest = {}): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(request.protocolId ?? PROTOCOL_ID, 0);
  bytes.writeUInt32BE(request.action ?? ACTION.connect, 8);
  bytes.writeUInt32BE(request.transactionId ?? randomTransactionId(), 12);
  return Buffer.concat([bytes, request.extra ?? Buffer.alloc(0)]);
}

export function buildAnnounce(request: AnnounceRequest): Buffer {
  const bytes = Buffer.alloc(98);
  bytes.writeBigUInt64BE(request.connectionId, 0);
  bytes.writeUInt32BE(request.action ?? ACTION.announce, 8);
  bytes.writeUInt32BE(request.transactionId ?? randomTransactionId(), 12);
  bytes.set(request.infoHash ?? randomBytes(20), 16);
  bytes.set(request.peerId ?? randomBytes(20), 36);
  bytes.writeBigUInt64BE(request.downloaded ?? 0n, 56);
  bytes.writeBigUInt64BE(request.left ?? 0n, 64);
  bytes.writeBigUInt64BE(request.uploaded ?? 0n, 72);
  bytes.writeUInt32BE(request.event ?? EVENT.none, 80);
  bytes.writeUInt32BE(request.ip ?? 0, 84);
  bytes.writeUInt32BE(request.key ?? 0, 88);
  bytes.writeInt32BE(request.numwant ?? -1, 92);
  bytes.writeUInt16BE(request.port ?? 6881, 96);
  return Buffer.concat([bytes, request.extra ?? Buffer.alloc(0)]);
}

export function buildScrape(request: ScrapeRequest): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64BE(request.connectionId, 0);
  bytes.writeUInt32BE(request.action ?? ACTION.scrape, 8);
  bytes.writeUInt32BE(request.transactionId ?? randomTransactionId(), 12);
  const parts = [bytes, ...(request.infoHashes ?? []), request.extra ?? Buffer.alloc(0)];
  return Buffer.concat(parts);
}

/** The URLData options (BEP 41) for `path`, each of at most 255 bytes. */
export function buildUrlData(path: string): Buffer {
  const rest = Buffer.from(path);
  const parts: Buffer[] = [];
  for (let offset = 0; offset < rest.length; offset += 255) {
    const part = rest.subarray(offset, offset + 255);
    parts.push(Buffer.from([2, part.length]), part);
  }
  return Buffer.concat(parts);
}

/** Throws if the bytes are not a response of BEP 15 to a request from an address of that length. */
export function parseResponse(bytes: Uint8Array, addressBytes: AddressBytes): Response {
  const response = Buffer.from(bytes);
  if (response.length < 8) throw new Error(`a response of ${response.length} bytes`);
  const transactionId = response.readUInt32BE(4);
  switch (response.readUInt32BE(0)) {
    case ACTION.connect:
      if (response.length !== 16) throw new Error(`connect of ${response.length} bytes`);
      return { kind: "connect", transactionId, connectionId: response.readBigUInt64BE(8) };
    case ACTION.announce:
      if (response.length < 20) throw new Error(`announce of ${response.length} bytes`);
      return {
        kind: "announce",
        transactionId,
        interval: response.readUInt32BE(8),
        leechers: response.readUInt32BE(12),
        seeders: response.readUInt32BE(16),
        peers: parsePeers(response.subarray(20), addressBytes),
      };
    case ACTION.scrape:
      return { kind: "scrape", transactionId, swarms: parseSwarms(response.subarray(8)) };
    case ACTION.error:
      return { kind: "error", transactionId, message: response.toString("utf8", 8) };
    default:
      throw new Error(`a response with action ${response.readUInt32BE(0)}`);
  }
}

function parsePeers(bytes: Buffer, addressBytes: AddressBytes): Peer[] {
  const stride = addressBytes + 2;
  if (bytes.length % stride !== 0) throw new Error(`${bytes.length} bytes of peers`);
  const peers: Peer[] = [];
  for (let offset = 0; offset < bytes.length; offset += stride) {
    const address = formatAddress(bytes.subarray(offset, offset + addressBytes));
    peers.push({ address, port: bytes.readUInt16BE(offset + addressBytes) });
  }
  return peers;
}

function parseSwarms(bytes: Buffer): SwarmCounts[] {
  if (bytes.length % 12 !== 0) throw new Error(`${bytes.length} bytes of swarms`);
  const swarms: SwarmCounts[] = [];
  for (let offset = 0; offset < bytes.length; offset += 12) {
    swarms.push({
      seeders: bytes.readUInt32BE(offset),
      downloads: bytes.readUInt32BE(offset + 4),
      leechers: bytes.readUInt32BE(offset + 8),
    });
  }
  return swarms;
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = bytes.toString("hex").match(/.{4}/g)!;
  // URLs write IPv6 in its canonical form.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

function randomTransactionId(): number {
  return randomBytes(4).readUInt32BE(0);
}
