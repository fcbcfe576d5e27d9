// The memory layout of a batch of datagrams: the structs of recvmmsg(2) and sendmmsg(2), one array
// of each. Only message-batch.ts reads and writes them.
//
//   N x mmsghdr (64)   N x iovec (16)   N x name (32)   N x control   N x payload
//      |  |  +-------> base, length -------------------------------> a datagram
//      |  +----------------------------> sockaddr          |
//      +-------------------------------------------------> cmsghdr
//
//   struct mmsghdr                                      struct iovec
//   byte  0  msg_name        8 bytes, a pointer         byte  0  iov_base  8 bytes, a pointer
//         8  msg_namelen     4, and 4 of padding              8  iov_len   8 bytes
//        16  msg_iov         8, a pointer                    16
//        24  msg_iovlen      8: always 1
//        32  msg_control     8, a pointer
//        40  msg_controllen  8
//        48  msg_flags       4, and 4 of padding
//        56  msg_len         4, and 4 of padding
//        64
//
// This is the kernel's layout (struct user_msghdr in linux/socket.h), and that of glibc on 64 bits.
// musl declares msg_iovlen as an int and msg_controllen as a socklen_t, each followed by 4 bytes of
// padding on a little-endian machine. The bytes are the same as long as the padding is zero, as it
// is here. The same holds for cmsg_len.

/** Words of the fields of a struct mmsghdr. The high words of lengths stay zero. */
export const MESSAGE = {
  namePointer: 0,
  nameLength: 2,
  vectorPointer: 4,
  vectorCount: 6,
  controlPointer: 8,
  controlLength: 10,
  flags: 12,
  messageLength: 14,
  words: 16,
} as const;

export const VECTOR = { base: 0, length: 2, words: 4 } as const;

/** A name has at most 28 bytes. This keeps names aligned to 8 bytes. */
export const NAME_SLOT_WORDS = 8;

const CACHE_LINE = 64;

export interface BatchShape {
  /** Maximum number of datagrams in one call. The kernel accepts at most 1024. */
  readonly slots: number;
  /** Maximum bytes of a datagram in a slot. */
  readonly payloadBytes: number;
  /** Bytes for control messages, a multiple of 8; 0 for none. */
  readonly controlBytes: number;
}

/** The word at which each array begins. The headers come first. */
export interface BatchLayout {
  readonly vectors: number;
  readonly names: number;
  readonly controls: number;
  readonly controlWords: number;
  readonly payloads: number;
  readonly payloadWords: number;
  readonly end: number;
}

/**
 * Lays out a batch. Each payload starts on a cache line of its own, and the distance between
 * payloads is an odd number of lines: their heads are used most, and at a distance of a power of
 * two they would share a few sets of the cache.
 */
export function layOutBatch({ slots, payloadBytes, controlBytes }: BatchShape): BatchLayout {
  const payloadLines = Math.ceil(payloadBytes / CACHE_LINE) | 1;
  const payloadWords = (payloadLines * CACHE_LINE) / 4;
  const controlWords = controlBytes / 4;
  const vectors = slots * MESSAGE.words;
  const names = vectors + slots * VECTOR.words;
  const controls = names + slots * NAME_SLOT_WORDS;
  const payloads = (controls + slots * controlWords + 15) & ~15;
  const end = payloads + slots * payloadWords;
  return { vectors, names, controls, controlWords, payloads, payloadWords, end };
}
