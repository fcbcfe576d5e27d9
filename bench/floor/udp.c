// The floor under any UDP tracker: receives batches of requests and answers each with a canned
// response of the size that a real one would have. Neither reads what is asked nor remembers
// anything, so what it costs is what the kernel's UDP path costs. Run by the benchmarks, compiled
// with `cc -O2`.
//
// Usage: floor IP PORT PEERS   (IPv4 or IPv6; prints the line that trackers print when they listen)
//
//   connect   16 bytes
//   announce  20 + 6 x PEERS, over IPv6 20 + 18 x PEERS
//   scrape    8 + 12 x the info hashes asked for

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// Strides are odd numbers of cache lines: heads a power of two apart would share few places in the
// cache.
enum { BATCH = 256, LINE = 64, REQUEST_BYTES = 33 * LINE, MOST_RESPONSE_BYTES = 65507 };

static struct mmsghdr in[BATCH], out[BATCH];
static struct iovec in_vector[BATCH], out_vector[BATCH];
static struct sockaddr_in6 names[BATCH];
static unsigned char requests[BATCH][REQUEST_BYTES] __attribute__((aligned(64)));
// Only heads are written, for each response; all peers and counts stay zeros.
static unsigned char *responses[BATCH];

static int open_socket(const char *ip, int port) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  int is_v4 = inet_pton(AF_INET, ip, &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, ip, &v6.sin6_addr) != 1) return -1;
  int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
  int buffer = 524288;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  struct sockaddr *name = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
  return bind(fd, name, is_v4 ? sizeof v4 : sizeof v6) == 0 ? fd : -1;
}

static void report_port(int fd, const char *ip) {
  struct sockaddr_in6 name;
  socklen_t length = sizeof name;
  getsockname(fd, (struct sockaddr *)&name, &length);
  // The port is at the same place for both families.
  int port = ntohs(name.sin6_port);
  fprintf(stderr, strchr(ip, ':') ? "floor: listening on [%s]:%d\n" : "floor: listening on %s:%d\n",
          ip, port);
}

// Returns the length of the response, 0 for none.
static size_t answer(const unsigned char *request, size_t length, unsigned char *response,
                     size_t announce_bytes) {
  if (length < 16) return 0;
  memcpy(response, request + 8, 8);
  switch (request[11]) {
  case 0:
    memcpy(response + 8, request + 8, 8);
    return 16;
  case 1:
    memset(response + 8, 0, 12);
    response[10] = 3;
    return announce_bytes;
  case 2:
    memset(response + 8, 0, 12);
    return 8 + (length - 16) / 20 * 12;
  default:
    return 0;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: floor IP PORT PEERS\n");
    return 1;
  }
  int peers = atoi(argv[3]);
  size_t announce_bytes = 20 + (size_t)peers * (strchr(argv[1], ':') ? 18 : 6);
  if (peers < 0 || announce_bytes > MOST_RESPONSE_BYTES) return 1;
  int fd = open_socket(argv[1], atoi(argv[2]));
  if (fd < 0) {
    perror("floor");
    return 1;
  }
  // A scrape's response is never longer than the request.
  size_t most = announce_bytes > REQUEST_BYTES ? announce_bytes : REQUEST_BYTES;
  size_t stride = ((most + LINE - 1) / LINE | 1) * LINE;
  unsigned char *memory = aligned_alloc(LINE, BATCH * stride);
  memset(memory, 0, BATCH * stride);
  for (int i = 0; i < BATCH; i++) {
    responses[i] = memory + i * stride;
    in_vector[i] = (struct iovec){requests[i], REQUEST_BYTES};
    in[i].msg_hdr.msg_name = &names[i];
    in[i].msg_hdr.msg_iov = &in_vector[i];
    in[i].msg_hdr.msg_iovlen = 1;
    out_vector[i].iov_base = responses[i];
    out[i].msg_hdr.msg_iov = &out_vector[i];
    out[i].msg_hdr.msg_iovlen = 1;
  }
  report_port(fd, argv[1]);

  for (;;) {
    for (int i = 0; i < BATCH; i++) in[i].msg_hdr.msg_namelen = sizeof names[i];
    int count = recvmmsg(fd, in, BATCH, MSG_DONTWAIT, NULL);
    if (count <= 0) {
      struct pollfd ready = {.fd = fd, .events = POLLIN};
      poll(&ready, 1, -1);
      continue;
    }
    int answers = 0;
    for (int i = 0; i < count; i++) {
      size_t length = answer(requests[i], in[i].msg_len, responses[answers], announce_bytes);
      if (length == 0) continue;
      out_vector[answers].iov_len = length;
      out[answers].msg_hdr.msg_name = &names[i];
      out[answers].msg_hdr.msg_namelen = in[i].msg_hdr.msg_namelen;
      answers++;
    }
    for (int sent = 0; sent < answers;) {
      int result = sendmmsg(fd, out + sent, answers - sent, 0);
      // An answer that the kernel refuses to send is skipped.
      sent += result > 0 ? result : 1;
    }
  }
}
