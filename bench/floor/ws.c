// The floor under any WebTorrent tracker: a relay on epoll that answers announces, passes each
// offer on to another connection of the swarm, and each answer to its offerer. It looks for the few
// keys it needs, checks nothing, limits nothing, and knows no peers but its connections. So what it
// costs is what the kernel's TCP path and the frames cost. Run by the benchmarks, compiled with
// `cc -O2`.
//
// Usage: ws IP PORT   (IPv4; prints the line that trackers print when they listen)
//
// A connection belongs to the swarm and the peer of its first announce. What is sent to one
// connection in one turn of the loop goes out in one write.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 1024, READ_BYTES = 1 << 19, BUCKETS = 1 << 16, MOST_ID_BYTES = 120 };

typedef struct Connection Connection;

typedef struct {
  const char *at;
  size_t length;
} Text;

typedef struct Swarm {
  struct Swarm *next;
  Text info_hash;
  Connection **members;
  int count, room;
} Swarm;

struct Connection {
  int fd, is_open, is_due, waits_for_room, place;
  Swarm *swarm;
  Connection *next_peer;
  char peer_id[MOST_ID_BYTES];
  size_t peer_id_length;
  // The start of a message whose end has not come yet.
  char *in;
  size_t in_length;
  char *out;
  size_t out_length, out_room;
};

static Swarm *swarms[BUCKETS];
static Connection *peers[BUCKETS];
static Connection **due;
static int due_count, due_room, epoll;
static uint32_t random_state = 1;
static char input[READ_BYTES * 2];

// --- the opening handshake ---------------------------------------------------------------------

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

// SHA-1 of a text of at most 119 bytes, in two blocks.
static void sha1(const char *text, size_t length, unsigned char digest[20]) {
  unsigned char blocks[128] = {0};
  memcpy(blocks, text, length);
  blocks[length] = 0x80;
  int count = length < 56 ? 1 : 2;
  blocks[count * 64 - 2] = (unsigned char)(length * 8 >> 8);
  blocks[count * 64 - 1] = (unsigned char)(length * 8);
  uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  for (int block = 0; block < count; block++) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 16; i++) {
      memcpy(&w[i], blocks + block * 64 + i * 4, 4);
      w[i] = ntohl(w[i]);
    }
    for (int i = 16; i < 80; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
      uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                   : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                   : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                            : (b ^ c ^ d) + 0xca62c1d6;
      uint32_t next = rotate(a, 5) + f + e + w[i];
      e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
  }
  for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(h[i / 4] >> (24 - i % 4 * 8));
}

static void base64(const unsigned char digest[20], char text[29]) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 7; i++) {
    uint32_t bits = (uint32_t)digest[i * 3] << 16 | (uint32_t)digest[i * 3 + 1] << 8;
    if (i < 6) bits |= digest[i * 3 + 2];
    for (int j = 0; j < 4; j++) text[i * 4 + j] = digits[bits >> (18 - j * 6) & 63];
  }
  text[27] = '=';
  text[28] = 0;
}

// Answers the request in `bytes`. Returns where it ends, 0 if it has no end yet.
static size_t upgrade(Connection *connection, char *bytes, size_t length) {
  char *end = memmem(bytes, length, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  *end = 0;
  char *key = strcasestr(bytes, "sec-websocket-key:");
  if (key != NULL) {
    char joined[120], accept[29], response[200];
    unsigned char digest[20];
    int joined_length = 0;
    if (sscanf(key + 18, "%60s", joined) == 1) {
      strcat(joined, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
      joined_length = (int)strlen(joined);
    }
    sha1(joined, joined_length, digest);
    base64(digest, accept);
    int size = snprintf(response, sizeof response,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
    if (write(connection->fd, response, size) != size) shutdown(connection->fd, SHUT_RDWR);
  }
  connection->is_open = 1;
  return end + 4 - bytes;
}

// --- what is sent ------------------------------------------------------------------------------

static void append(Connection *to, const char *bytes, size_t length) {
  memcpy(to->out + to->out_length, bytes, length);
  to->out_length += length;
}

// Begins a text frame, and makes room for it.
static void begin(Connection *to, size_t length) {
  if (to->out_length + length + 10 > to->out_room) {
    to->out_room = (to->out_length + length + 10) * 2;
    to->out = realloc(to->out, to->out_room);
  }
  unsigned char head[4] = {0x81, length < 126 ? length : 126, length >> 8 & 255, length & 255};
  append(to, (char *)head, length < 126 ? 2 : 4);
  if (to->is_due) return;
  to->is_due = 1;
  if (due_count == due_room) due = realloc(due, (due_room = due_room * 2 + 64) * sizeof *due);
  due[due_count++] = to;
}

#define APPEND(to, literal) append(to, literal, sizeof literal - 1)
#define BYTES(literal) (sizeof literal - 1)
#define ACTION "{\"action\":\"announce\",\"info_hash\":\""
#define PEER "\",\"peer_id\":\""
#define OFFER "\",\"offer\":{\"type\":\"offer\",\"sdp\":\""
#define ANSWER "\",\"answer\":{\"type\":\"answer\",\"sdp\":\""
#define OFFER_ID "\"},\"offer_id\":\""
#define END "\"}"

static void relay(Connection *to, Connection *from, const char *kind, Text sdp, Text offer_id) {
  Text hash = from->swarm->info_hash;
  size_t length = BYTES(ACTION) + hash.length + BYTES(PEER) + from->peer_id_length + strlen(kind) +
                  sdp.length + BYTES(OFFER_ID) + offer_id.length + BYTES(END);
  begin(to, length);
  APPEND(to, ACTION);
  append(to, hash.at, hash.length);
  APPEND(to, PEER);
  append(to, from->peer_id, from->peer_id_length);
  append(to, kind, strlen(kind));
  append(to, sdp.at, sdp.length);
  APPEND(to, OFFER_ID);
  append(to, offer_id.at, offer_id.length);
  APPEND(to, END);
}

static void respond(Connection *to) {
  char tail[80];
  int size = snprintf(tail, sizeof tail, "\",\"complete\":0,\"incomplete\":%d,\"interval\":120}",
                      to->swarm->count);
  begin(to, BYTES(ACTION) + to->swarm->info_hash.length + size);
  APPEND(to, ACTION);
  append(to, to->swarm->info_hash.at, to->swarm->info_hash.length);
  append(to, tail, size);
}

static void watch(Connection *connection, int operation) {
  struct epoll_event event = {.events = EPOLLIN | (connection->waits_for_room ? EPOLLOUT : 0),
                              .data.ptr = connection};
  epoll_ctl(epoll, operation, connection->fd, &event);
}

static void flush(Connection *connection) {
  connection->is_due = 0;
  ssize_t sent = write(connection->fd, connection->out, connection->out_length);
  if (sent < 0) sent = 0;
  connection->out_length -= sent;
  memmove(connection->out, connection->out + sent, connection->out_length);
  int waits = connection->out_length > 0;
  if (waits == connection->waits_for_room) return;
  connection->waits_for_room = waits;
  watch(connection, EPOLL_CTL_MOD);
}

// --- what comes in -----------------------------------------------------------------------------

static uint32_t bucket(const char *text, size_t length) {
  uint32_t hash = 2166136261;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 16777619;
  return hash % BUCKETS;
}

// The contents of the string behind `key`; none if there is none between `from` and `end`.
static Text find(const char *from, const char *end, const char *key) {
  size_t key_length = strlen(key);
  char *found = memmem(from, end - from, key, key_length);
  if (found == NULL) return (Text){NULL, 0};
  char *start = found + key_length;
  for (char *quote = start; (quote = memchr(quote, '"', end - quote)) != NULL; quote++) {
    int backslashes = 0;
    while (quote[-1 - backslashes] == '\\') backslashes++;
    if (backslashes % 2 == 0) return (Text){start, quote - start};
  }
  return (Text){NULL, 0};
}

static int join(Connection *connection, const char *text, const char *end) {
  Text hash = find(text, end, "\"info_hash\":\"");
  if (hash.at == NULL) return 0;
  Text peer = find(hash.at, end, "\"peer_id\":\"");
  if (peer.at == NULL || peer.length > MOST_ID_BYTES) return 0;
  Swarm **head = &swarms[bucket(hash.at, hash.length)], *swarm = *head;
  while (swarm != NULL && (swarm->info_hash.length != hash.length ||
                           memcmp(swarm->info_hash.at, hash.at, hash.length) != 0)) {
    swarm = swarm->next;
  }
  if (swarm == NULL) {
    swarm = calloc(1, sizeof *swarm);
    swarm->info_hash = (Text){memcpy(malloc(hash.length), hash.at, hash.length), hash.length};
    swarm->next = *head;
    *head = swarm;
  }
  if (swarm->count == swarm->room) {
    swarm->room = swarm->room * 2 + 4;
    swarm->members = realloc(swarm->members, swarm->room * sizeof *swarm->members);
  }
  connection->swarm = swarm;
  connection->place = swarm->count;
  swarm->members[swarm->count++] = connection;
  memcpy(connection->peer_id, peer.at, peer.length);
  connection->peer_id_length = peer.length;
  Connection **first = &peers[bucket(peer.at, peer.length)];
  connection->next_peer = *first;
  *first = connection;
  return 1;
}

static void take_announce(Connection *from, const char *text, const char *end) {
  if (from->swarm == NULL && !join(from, text, end)) return;
  respond(from);
  Swarm *swarm = from->swarm;
  random_state = random_state * 1664525 + 1013904223;
  int next = (random_state >> 8) % swarm->count;
  for (int left = swarm->count - 1; left > 0; left--) {
    Text sdp = find(text, end, "\"sdp\":\"");
    if (sdp.at == NULL) return;
    Text offer_id = find(sdp.at + sdp.length, end, "\"offer_id\":\"");
    if (offer_id.at == NULL) return;
    text = offer_id.at + offer_id.length;
    if (next == from->place) next = (next + 1) % swarm->count;
    relay(swarm->members[next], from, OFFER, sdp, offer_id);
    next = (next + 1) % swarm->count;
  }
}

static void take_text(Connection *from, const char *text, size_t length) {
  const char *end = text + length;
  // It is near the start of an answer, and in nothing else.
  Text to = find(text, length > 400 ? text + 400 : end, "\"to_peer_id\":\"");
  if (to.at == NULL || from->swarm == NULL) {
    take_announce(from, text, end);
    return;
  }
  Connection *peer = peers[bucket(to.at, to.length)];
  while (peer != NULL && (peer->peer_id_length != to.length ||
                          memcmp(peer->peer_id, to.at, to.length) != 0)) {
    peer = peer->next_peer;
  }
  Text sdp = find(to.at, end, "\"sdp\":\"");
  if (peer == NULL || sdp.at == NULL) return;
  Text offer_id = find(sdp.at + sdp.length, end, "\"offer_id\":\"");
  if (offer_id.at != NULL) relay(peer, from, ANSWER, sdp, offer_id);
}

static void unmask(unsigned char *bytes, size_t length, const unsigned char *mask) {
  uint32_t word;
  memcpy(&word, mask, 4);
  uint64_t both = (uint64_t)word << 32 | word;
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    uint64_t part;
    memcpy(&part, bytes + i, 8);
    part ^= both;
    memcpy(bytes + i, &part, 8);
  }
  for (; i < length; i++) bytes[i] ^= mask[i & 3];
}

// Takes whole frames. Returns how many bytes they were, -1 if the connection is to be closed.
static ssize_t take_frames(Connection *connection, unsigned char *bytes, size_t length) {
  size_t at = 0;
  while (length - at >= 6) {
    size_t payload = bytes[at + 1] & 127, head = 2;
    if (payload >= 126) {
      int extended = payload == 126 ? 2 : 8;
      if (length - at < 10) break;
      payload = 0;
      for (int i = 0; i < extended; i++) payload = payload << 8 | bytes[at + 2 + i];
      head += extended;
    }
    if (payload > READ_BYTES) return -1;
    if (length - at < head + 4 + payload) break;
    unsigned char *text = bytes + at + head + 4;
    unmask(text, payload, text - 4);
    int opcode = bytes[at] & 15;
    if (opcode == 8) return -1;
    if (opcode == 1) take_text(connection, (char *)text, payload);
    at += head + 4 + payload;
  }
  return at;
}

static void drop(Connection *connection) {
  Swarm *swarm = connection->swarm;
  if (swarm != NULL) {
    Connection *last = swarm->members[--swarm->count];
    swarm->members[connection->place] = last;
    last->place = connection->place;
    Connection **link = &peers[bucket(connection->peer_id, connection->peer_id_length)];
    while (*link != connection) link = &(*link)->next_peer;
    *link = connection->next_peer;
  }
  for (int i = 0; i < due_count; i++) {
    if (due[i] == connection) due[i--] = due[--due_count];
  }
  close(connection->fd);
  free(connection->in);
  free(connection->out);
  free(connection);
}

// Returns 0 when the connection has ended.
static int receive(Connection *connection) {
  size_t before = connection->in_length;
  if (before > 0) memcpy(input, connection->in, before);
  ssize_t size = read(connection->fd, input + before, READ_BYTES);
  if (size <= 0) return size < 0 && errno == EAGAIN;
  size_t length = before + size, at = 0;
  if (!connection->is_open) at = upgrade(connection, input, length);
  if (connection->is_open) {
    ssize_t taken = take_frames(connection, (unsigned char *)input + at, length - at);
    if (taken < 0) return 0;
    at += taken;
  }
  size_t rest = length - at;
  if (rest > READ_BYTES) return 0;
  if (rest > before) connection->in = realloc(connection->in, rest);
  if (rest > 0) memcpy(connection->in, input + at, rest);
  connection->in_length = rest;
  return 1;
}

static void accept_all(int listener) {
  int fd, yes = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    Connection *connection = calloc(1, sizeof *connection);
    connection->fd = fd;
    watch(connection, EPOLL_CTL_ADD);
  }
}

int main(int argc, char **argv) {
  struct sockaddr_in name = {.sin_family = AF_INET};
  socklen_t name_length = sizeof name;
  if (argc != 3 || inet_pton(AF_INET, argv[1], &name.sin_addr) != 1) {
    fprintf(stderr, "usage: ws IP PORT\n");
    return 1;
  }
  name.sin_port = htons(atoi(argv[2]));
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&name, sizeof name) != 0 || listen(listener, 4096) != 0) {
    perror("floor");
    return 1;
  }
  getsockname(listener, (struct sockaddr *)&name, &name_length);
  fprintf(stderr, "floor: listening on %s:%d\n", argv[1], ntohs(name.sin_port));
  epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      Connection *connection = events[i].data.ptr;
      if (connection == NULL) {
        accept_all(listener);
      } else if ((events[i].events & ~EPOLLOUT) != 0 && !receive(connection)) {
        drop(connection);
      } else if ((events[i].events & EPOLLOUT) != 0) {
        flush(connection);
      }
    }
    while (due_count > 0) flush(due[--due_count]);
  }
}
