// The control message that tells which of our addresses a datagram was sent to, and from which one
// an answer is to go out. A socket on a wildcard address needs it: clients drop answers that come
// from elsewhere than they asked. It arrives in the form in which it is sent, so an answer is given
// the very message of its request, once the interface is out of it.
//
//   IPv4: IP_PKTINFO                      IPv6: IPV6_PKTINFO
//   byte  0  cmsg_len    8 bytes: 28      byte  0  cmsg_len    8 bytes: 36
//         8  cmsg_level  IPPROTO_IP             8  cmsg_level  IPPROTO_IPV6
//        12  cmsg_type   8                     12  cmsg_type   50
//        16  ipi_ifindex                       16  ipi6_addr   16 bytes
//        20  ipi_spec_dst, ours                32  ipi6_ifindex
//        24  ipi_addr, the header's            36, and 4 of padding
//        28, and 4 of padding
//
// IPv4 at a socket on [::] comes as IPV6_PKTINFO with a mapped address, and may go out so.

const TYPE = 3;
const IPV4_INTERFACE = 4;
const IPV6_ADDRESS = 4;
const IPV6_INTERFACE = 8;

const IP_PKTINFO = 8;
const IPV6_PKTINFO = 50;

/** Bytes of control memory for either. */
export const PACKET_INFO_BYTES = 40;

/**
 * Makes the message at `words[control]` fit for an answer: routes decide on the interface, which
 * need not be the one that the request came in on. Link-local addresses belong to theirs.
 */
export function forgetInterface(words: Int32Array, control: number): void {
  const type = words[control + TYPE];
  if (type === IP_PKTINFO) {
    words[control + IPV4_INTERFACE] = 0;
  } else if (type === IPV6_PKTINFO) {
    // fe80::/10, its first two bytes in network order.
    const isLinkLocal = (words[control + IPV6_ADDRESS] & 0xc0ff) === 0x80fe;
    if (!isLinkLocal) words[control + IPV6_INTERFACE] = 0;
  }
}
