// The control message with the destination address of a datagram, and with the source address of a
// response. A socket on a wildcard address needs it, because clients drop responses from an address
// other than the one they asked. It arrives in the form in which it is sent, so a response reuses
// the message of its request, after the interface is removed from it.
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
// IPv4 on a socket at [::] arrives as IPV6_PKTINFO with a mapped address, and can be sent that way.

const TYPE = 3;
const IPV4_INTERFACE = 4;
const IPV6_ADDRESS = 4;
const IPV6_INTERFACE = 8;

const IP_PKTINFO = 8;
const IPV6_PKTINFO = 50;

/** Bytes of control memory for either message. */
export const PACKET_INFO_BYTES = 40;

/**
 * Prepares the message at `words[control]` for a response. Routes choose the interface, which may
 * differ from the one on which the request arrived. Link-local addresses keep theirs.
 */
export function forgetInterface(words: Int32Array, control: number): void {
  const type = words[control + TYPE];
  if (type === IP_PKTINFO) {
    words[control + IPV4_INTERFACE] = 0;
  } else if (type === IPV6_PKTINFO) {
    // fe80::/10: its first two bytes in network order.
    const isLinkLocal = (words[control + IPV6_ADDRESS] & 0xc0ff) === 0x80fe;
    if (!isLinkLocal) words[control + IPV6_INTERFACE] = 0;
  }
}
