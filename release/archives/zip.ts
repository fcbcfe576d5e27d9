// Writes zip archives whose bytes depend on nothing but the files. Names are UTF-8, and Unix keeps
// the permissions.

import { promisify } from "node:util";
import { crc32, deflateRaw } from "node:zlib";
import type { ArchiveFile } from "./file.ts";
import type { Effort } from "./tar.ts";

/** Version 2.0 of the format, of a Unix system. */
const VERSION = 20;
const MADE_BY_UNIX = 3 << 8;
const UTF8_NAME = 1 << 11;
const DEFLATED = 8;

/** `seconds` is the time of all files. The archive must be shorter than 4 GiB. */
export async function zip(
  files: readonly ArchiveFile[],
  seconds: number,
  effort: Effort,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { path, data, isExecutable } of files) {
    const packed = await promisify(deflateRaw)(data, { level: effort === "draft" ? 1 : 6 });
    const name = Buffer.from(path);
    const common = describe(data, packed, name, seconds);

    const local = Buffer.alloc(4);
    local.write("PK\x03\x04", "latin1");
    parts.push(local, common, name, packed);

    const central = Buffer.alloc(6);
    central.write("PK\x01\x02", "latin1");
    central.writeUInt16LE(MADE_BY_UNIX | VERSION, 4);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(((isExecutable ? 0o100755 : 0o100644) << 16) >>> 0, 6);
    place.writeUInt32LE(offset, 10);
    directory.push(central, common, place, name);

    offset += local.length + common.length + name.length + packed.length;
  }
  const index = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, index, end]);
}

// ---------------------------------------------------------------------------------------------

/** The 26 bytes that a file has before its data and again in the directory. */
function describe(data: Uint8Array, packed: Buffer, name: Buffer, seconds: number): Buffer {
  const common = Buffer.alloc(26);
  const date = new Date(seconds * 1000);
  const time =
    (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  const day =
    ((date.getUTCFullYear() - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  common.writeUInt16LE(VERSION, 0);
  common.writeUInt16LE(UTF8_NAME, 2);
  common.writeUInt16LE(DEFLATED, 4);
  common.writeUInt16LE(time, 6);
  common.writeUInt16LE(day, 8);
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(name.length, 22);
  return common;
}
