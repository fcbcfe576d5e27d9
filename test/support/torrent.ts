// Makes torrent files with random payloads for the end-to-end tests (BEP 3), with a bencoder of
// their own.

import { createHash, randomBytes } from "node:crypto";

type Bencodable = number | string | Uint8Array | Bencodable[] | { [key: string]: Bencodable };

export interface Torrent {
  /** The name of the payload's one file. */
  name: string;
  payload: Buffer;
  /** 20 bytes. */
  infoHash: Buffer;
  /** What the info hash is made of. */
  info: { [key: string]: Bencodable };
}

const PIECE_BYTES = 65_536;

/** A private torrent (BEP 27): clients find each other by the one tracker of their file alone. */
export function makeTorrent(name: string, payloadBytes: number): Torrent {
  const payload = randomBytes(payloadBytes);
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < payload.length; offset += PIECE_BYTES) {
    pieces.push(sha1(payload.subarray(offset, offset + PIECE_BYTES)));
  }
  const info = {
    length: payload.length,
    name,
    "piece length": PIECE_BYTES,
    pieces: Buffer.concat(pieces),
    private: 1,
  };
  return { name, payload, infoHash: sha1(bencode(info)), info };
}

/** The contents of a .torrent file. The tracker's URL is no part of what the info hash covers. */
export function writeTorrentFile({ info }: Torrent, announce: string): Buffer {
  return bencode({ announce, info });
}

/** Dictionaries are written in the order of their keys' bytes, as BEP 3 asks. */
function bencode(value: Bencodable): Buffer {
  if (typeof value === "number") return Buffer.from(`i${value}e`);
  if (typeof value === "string") return bencode(Buffer.from(value));
  if (value instanceof Uint8Array) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  if (Array.isArray(value)) {
    return Buffer.concat([Buffer.from("l"), ...value.map(bencode), Buffer.from("e")]);
  }
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const entries = keys.flatMap((key) => [bencode(key), bencode(value[key])]);
  return Buffer.concat([Buffer.from("d"), ...entries, Buffer.from("e")]);
}

function sha1(bytes: Uint8Array): Buffer {
  return createHash("sha1").update(bytes).digest();
}
