// Creates torrent files with random payloads for the end-to-end tests (BEP 3), with its own
// bencoder.

import { createHash, randomBytes } from "node:crypto";

type Bencodable = number | string | Uint8Array | Bencodable[] | { [key: string]: Bencodable };

export interface Torrent {
  /** The name of the payload's single file. */
  name: string;
  payload: Buffer;
  /** 20 bytes. */
  infoHash: Buffer;
  /** The dictionary that the info hash covers. */
  info: { [key: string]: Bencodable };
}

const PIECE_BYTES = 65_536;

/** A private torrent (BEP 27), so that clients find each other through its tracker only. */
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

/** The contents of a .torrent file. The info hash does not cover the tracker's URL. */
export function writeTorrentFile({ info }: Torrent, announce: string): Buffer {
  return bencode({ announce, info });
}

/** Dictionaries are written in the order of their keys' bytes, as BEP 3 requires. */
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
