// The least that a WebSocket server on Linux can spend: one thread, one epoll, shared buffers, no state but the sockets.
//
//   floor [CONNECTIONS_MAX]        prints "ready 127.0.0.1:PORT" and serves loopback until it is killed
//
//   GET … Upgrade: websocket       accepted whatever the path
//   a text or binary frame         echoed as it came
//   an empty frame                 taken, not answered
//   !sub                           the connection is a subscriber; answered "ok"
//   !pub TEXT                      one frame, encoded once, one send for each subscriber; not answered
//   ping, close                    answered as RFC 6455 asks
//
// It decides nothing, checks no UTF-8, keeps no timers and forgets what a socket does not take, so no server that does its work
// can be expected to be cheaper. That is what it is for: the denominator of a ratio.

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

enum {
  READ_BYTES = 64 << 10,
  // An echo is never longer than what was read: a masked head is longer than one without mask.
  WRITE_BYTES = READ_BYTES,
  EVENTS = 512,
  ACCEPTS = 64,
  BACKLOG = 4096,
};

struct connection {
  // The beginning of a head or frame that has not all come; null but for a moment.
  uint8_t *rest;
  uint32_t rest_count;
  // Where it stands among the subscribers; −1 when it is none.
  int32_t place;
  uint8_t is_upgraded;
};

static uint8_t input[READ_BYTES];
static uint8_t output[WRITE_BYTES];
static uint8_t published[WRITE_BYTES];
static struct connection *connections;
static int *subscribers;
static int subscriber_count, connection_count, connections_max, descriptors_max, poller;

static void fail(const char *call) {
  perror(call);
  exit(1);
}

static void drop(int fd) {
  struct connection *connection = &connections[fd];
  if (connection->place >= 0) {
    int last = subscribers[--subscriber_count];
    subscribers[connection->place] = last;
    connections[last].place = connection->place;
  }
  free(connection->rest);
  connection->rest = NULL;
  connection_count--;
  close(fd);
}

static void accept_some(int listener) {
  for (int i = 0; i < ACCEPTS; i++) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= descriptors_max || connection_count >= connections_max) {
      close(fd);
      continue;
    }
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    connections[fd] = (struct connection){.place = -1};
    connection_count++;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) drop(fd);
  }
}

// The upgrade: 0 when the head is not whole yet, −1 when it is none, else how long it is.
static long upgrade(int fd, const uint8_t *bytes, size_t count) {
  const uint8_t *end = memmem(bytes, count, "\r\n\r\n", 4);
  if (!end) return count < 8192 ? 0 : -1;
  static const char name[] = "\r\nSec-WebSocket-Key:";
  const char *key = NULL;
  for (const uint8_t *at = bytes; at + sizeof name + 24 < end; at++) {
    at = memchr(at, '\r', (size_t)(end - at));
    if (!at || at + sizeof name + 24 >= end) break;
    if (strncasecmp((const char *)at, name, sizeof name - 1) == 0) {
      key = (const char *)at + sizeof name - 1;
      while (*key == ' ') key++;
      break;
    }
  }
  if (!key || (const uint8_t *)key + 24 > end) return -1;
  static char answer[] =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: 0123456789012345678901234567\r\n\r\n";
  websocket_accept(key, answer + sizeof answer - 1 - 4 - 28);
  connections[fd].is_upgraded = 1;
  if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN) return -1;
  return end + 4 - bytes;
}

static void publish(const uint8_t *text, size_t count) {
  size_t head = frame_head(1, count, published);
  memcpy(published + head, text, count);
  for (int i = 0; i < subscriber_count; i++) send(subscribers[i], published, head + count, MSG_NOSIGNAL);
}

static void subscribe(int fd) {
  if (connections[fd].place >= 0) return;
  connections[fd].place = subscriber_count;
  subscribers[subscriber_count++] = fd;
}

// Takes all whole frames and writes what there is to answer into `output`: how many bytes were taken, −1 when it is over.
static long take(int fd, const uint8_t *bytes, size_t count, size_t *written) {
  size_t at = 0;
  struct frame frame;
  for (long length; (length = frame_parse(bytes + at, count - at, &frame)) != 0; at += (size_t)length) {
    if (length < 0 || !frame.is_final) return -1;
    if (frame.count == 0 && frame.opcode < 8) continue;
    uint8_t opcode = frame.opcode == 9 ? 10 : frame.opcode;
    if (opcode == 10 && frame.opcode == 10) continue;
    uint8_t *head = output + *written;
    uint8_t *payload = head + frame_head(opcode, frame.count, head);
    frame_unmask(&frame, payload);
    if (opcode == 1 && payload[0] == '!') {
      if (frame.count == 4 && memcmp(payload, "!sub", 4) == 0) {
        subscribe(fd);
        memcpy(head, "\x81\x02ok", 4);
        *written += 4;
        continue;
      }
      if (frame.count > 5 && memcmp(payload, "!pub ", 5) == 0) {
        publish(payload + 5, frame.count - 5);
        continue;
      }
    }
    *written = (size_t)(payload - output) + frame.count;
    if (opcode == 8) {
      send(fd, output, *written, MSG_NOSIGNAL);
      return -1;
    }
  }
  return (long)at;
}

static void serve(int fd) {
  struct connection *connection = &connections[fd];
  size_t count = connection->rest_count;
  if (count > 0) memcpy(input, connection->rest, count);
  ssize_t received = recv(fd, input + count, sizeof input - count, 0);
  if (received < 0 && errno == EAGAIN) return;
  if (received <= 0) return drop(fd);
  count += (size_t)received;
  if (connection->rest) {
    free(connection->rest);
    connection->rest = NULL;
    connection->rest_count = 0;
  }
  size_t at = 0;
  if (!connection->is_upgraded) {
    long head = upgrade(fd, input, count);
    if (head < 0) return drop(fd);
    at = (size_t)head;
  }
  if (connection->is_upgraded) {
    size_t written = 0;
    long taken = take(fd, input + at, count - at, &written);
    if (taken < 0) return drop(fd);
    at += (size_t)taken;
    if (written > 0) send(fd, output, written, MSG_NOSIGNAL);
  }
  if (at == count) return;
  connection->rest_count = (uint32_t)(count - at);
  connection->rest = malloc(count - at);
  if (!connection->rest || connection->rest_count == sizeof input) return drop(fd);
  memcpy(connection->rest, input + at, count - at);
}

int main(int argc, char **argv) {
  // Whoever started it may die without a word.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) fail("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) fail("setrlimit");
  descriptors_max = limit.rlim_cur > 1 << 20 ? 1 << 20 : (int)limit.rlim_cur;
  connections_max = argc > 1 ? atoi(argv[1]) : descriptors_max;
  // Not touched before it is used, so what is never open costs no memory.
  connections = calloc((size_t)descriptors_max, sizeof *connections);
  subscribers = calloc((size_t)descriptors_max, sizeof *subscribers);
  if (!connections || !subscribers) fail("calloc");

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, BACKLOG) < 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) < 0)
    fail("listen");
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll");
  printf("ready 127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);

  static struct epoll_event events[EVENTS];
  for (;;) {
    int count = epoll_wait(poller, events, EVENTS, -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd == listener) accept_some(listener);
      else serve(events[i].data.fd);
    }
  }
}
