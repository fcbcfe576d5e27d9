// Where everything is in the memory of a batch of datagrams: the structs that recvmmsg(2) and
// sendmmsg(2) work on, one array of each. Only message-batch.ts reads and writes them.
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
// That is the kernel's layout (struct user_msghdr in linux/socket.h), and glibc's on 64 bits. musl
// declares msg_iovlen as an int and msg_controllen as a socklen_t, each with a pad of 4 bytes after
// it on a little-endian machine: the same bytes, as long as the pads are zero, which they are here.
// Its cmsg_len is made in the same way.

/** Words of a header's fields; the high words of lengths stay zero. */
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

/** A name takes 28 bytes at most; this keeps them aligned to 8. */
export const NAME_SLOT_WORDS = 8;

const CACHE_LINE = 64;

export interface BatchShape {
  /** Most datagrams of one call; the kernel takes 1024 at most. */
  readonly slots: number;
  /** Most bytes of a datagram received into a slot, or written to one. */
  readonly payloadBytes: number;
  /** Bytes for control messages, a multiple of 8; 0 for none. */
  readonly controlBytes: number;
}

/** Where the arrays begin, in words. The headers come first. */
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
 * Lays a batch out. Payloads start on cache lines of their own, an odd number of them apart: it is
 * their heads that are read and written most, and those a power of two apart would share few places
 * in the cache.
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
