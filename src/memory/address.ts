// Converts IP addresses between text, which the sockets use, and bytes in network order, which the
// swarms and packets use. A socket worker reads the source of every datagram here, so reading
// allocates nothing.

const DOT = 46;
const COLON = 58;
const PERCENT = 37;

/**
 * Writes the address in `text` to `bytes` at `offset` in network order and returns its length: 4
 * for dotted IPv4, 16 for any form of IPv6 in RFC 4291, 0 if it is neither. A `%scope` after an
 * IPv6 address is ignored. An IPv4-mapped address (`::ffff:1.2.3.4`, in any spelling) counts as
 * IPv4. Always needs room for 16 bytes; the bytes past the length are undefined.
 */
export function readAddress(text: string, bytes: Uint8Array, offset: number): 0 | 4 | 16 {
  if (readIpv4(text, 0, text.length, bytes, offset)) return 4;
  if (!readIpv6(text, bytes, offset)) return 0;
  if (!isMapped(bytes, offset)) return 16;
  for (let i = 0; i < 4; i++) bytes[offset + i] = bytes[offset + 12 + i];
  return 4;
}

/**
 * Words of an address that identify its network: all of an IPv4 address, or the /64 of an IPv6
 * address, because a host chooses and changes its addresses within the /64.
 */
export function networkWords(addressBytes: number): number {
  return addressBytes === 4 ? 1 : 2;
}

/**
 * Formats the address of `length` bytes (4 or 16) at `bytes[offset]`. IPv6 follows RFC 5952: lower
 * case, with the longest run of zero groups left out.
 */
export function writeAddress(bytes: Uint8Array, offset: number, length: number): string {
  if (length === 4) {
    return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
  }

  // A single zero group is written out (RFC 5952, 4.2.2), so a run has at least two groups.
  let gapStart = 8;
  let gapLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && readGroup(bytes, offset, end) === 0) end++;
    if (end - start > gapLength) {
      gapStart = start;
      gapLength = end - start;
    }
    start = end;
  }

  let text = "";
  for (let group = 0; group < 8; group++) {
    if (group === gapStart) {
      text += "::";
      group += gapLength - 1;
    } else {
      if (group > 0 && group !== gapStart + gapLength) text += ":";
      text += readGroup(bytes, offset, group).toString(16);
    }
  }
  return text;
}

function readGroup(bytes: Uint8Array, offset: number, group: number): number {
  return (bytes[offset + group * 2] << 8) | bytes[offset + group * 2 + 1];
}

/** Whether `text` from `start` to `end` is four decimal bytes without leading zeros. */
function readIpv4(
  text: string,
  start: number,
  end: number,
  bytes: Uint8Array,
  offset: number,
): boolean {
  let value = 0;
  let digits = 0;
  let dots = 0;
  for (let i = start; i < end; i++) {
    const char = text.charCodeAt(i);
    const digit = char - 48;
    if (digit >= 0 && digit <= 9) {
      if (digits > 0 && value === 0) return false;
      value = value * 10 + digit;
      if (value > 255) return false;
      digits++;
    } else {
      if (char !== DOT || digits === 0 || dots === 3) return false;
      bytes[offset + dots] = value;
      dots++;
      value = 0;
      digits = 0;
    }
  }
  if (dots !== 3 || digits === 0) return false;
  bytes[offset + 3] = value;
  return true;
}

function readIpv6(text: string, bytes: Uint8Array, offset: number): boolean {
  const length = text.length;
  let position = 0; // bytes written
  let gap = -1; // the position of `::`
  let value = 0;
  let digits = 0;
  let dotted = false;

  for (let i = 0; i < length; i++) {
    const char = text.charCodeAt(i);
    const digit = readHexDigit(char);
    if (digit >= 0) {
      if (digits === 4) return false;
      value = (value << 4) | digit;
      digits++;
    } else if (char === COLON) {
      const isDouble = i + 1 < length && text.charCodeAt(i + 1) === COLON;
      if (digits === 0) {
        // Only a `::` at the start has no group before it. A later one is a second `::`.
        if (!isDouble) return false;
      } else {
        if (position > 14) return false;
        bytes[offset + position] = value >>> 8;
        bytes[offset + position + 1] = value;
        position += 2;
        value = 0;
        digits = 0;
      }
      if (isDouble) {
        if (gap >= 0) return false;
        gap = position;
        i++;
      }
    } else if (char === DOT) {
      if (position > 12) return false;
      let end = text.indexOf("%", i);
      if (end === length - 1) return false;
      if (end < 0) end = length;
      if (!readIpv4(text, i - digits, end, bytes, offset + position)) return false;
      position += 4;
      digits = 0;
      dotted = true;
      break;
    } else {
      if (char !== PERCENT || i + 1 === length) return false;
      break;
    }
  }

  if (digits > 0) {
    if (position > 14) return false;
    bytes[offset + position] = value >>> 8;
    bytes[offset + position + 1] = value;
    position += 2;
  } else if (!dotted && gap !== position) {
    return false; // empty, or a single colon at the end
  }
  if (gap < 0) return position === 16;
  if (position === 16) return false; // `::` replaces at least one group
  openGap(bytes, offset, gap, position);
  return true;
}

/** Moves the bytes between `gap` and `position` to the end of the 16 bytes and zeroes the rest. */
function openGap(bytes: Uint8Array, offset: number, gap: number, position: number): void {
  let from = offset + position;
  let to = offset + 16;
  while (from > offset + gap) bytes[--to] = bytes[--from];
  while (to > from) bytes[--to] = 0;
}

function readHexDigit(char: number): number {
  if (char >= 48 && char <= 57) return char - 48;
  const lower = char | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Whether the 16 bytes are in `::ffff:0:0/96`. */
function isMapped(bytes: Uint8Array, offset: number): boolean {
  for (let i = 0; i < 10; i++) if (bytes[offset + i] !== 0) return false;
  return bytes[offset + 10] === 255 && bytes[offset + 11] === 255;
}
