// The bytes of RFC 6455 that a floor program needs: the proof of the handshake, and frames.
//
// No allocation anywhere. SHA-1 and base64 are here so that a program is one `cc -O2` with nothing to install.

#ifndef FLOOR_WEBSOCKET_H
#define FLOOR_WEBSOCKET_H

#include <stdint.h>
#include <string.h>

static inline uint32_t rotate_left(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

static void sha1_block(uint32_t state[5], const uint8_t block[64]) {
  uint32_t w[80];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 80; i++) w[i] = rotate_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 80; i++) {
    uint32_t f, k;
    if (i < 20) f = (b & c) | (~b & d), k = 0x5a827999;
    else if (i < 40) f = b ^ c ^ d, k = 0x6ed9eba1;
    else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
    else f = b ^ c ^ d, k = 0xca62c1d6;
    uint32_t next = rotate_left(a, 5) + f + e + k + w[i];
    e = d, d = c, c = rotate_left(b, 30), b = a, a = next;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

// SHA-1 of at most 119 bytes: a key of 24 and the constant of 36 are 60, which with the padding is two blocks.
static void sha1_short(const uint8_t *bytes, size_t count, uint8_t digest[20]) {
  uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  uint8_t padded[128] = {0};
  size_t length = count + 9 <= 64 ? 64 : 128;
  memcpy(padded, bytes, count);
  padded[count] = 0x80;
  for (int i = 0; i < 8; i++) padded[length - 1 - i] = (uint8_t)((uint64_t)count * 8 >> (8 * i));
  for (size_t at = 0; at < length; at += 64) sha1_block(state, padded + at);
  for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

// The value of Sec-WebSocket-Accept for a key of 24 characters: 28 characters, without an end mark.
static void websocket_accept(const char key[24], char accept[28]) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint8_t text[60], digest[21];
  memcpy(text, key, 24);
  memcpy(text + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
  sha1_short(text, 60, digest);
  digest[20] = 0;
  for (int i = 0; i < 7; i++) {
    uint32_t group = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8 | digest[3 * i + 2];
    for (int j = 0; j < 4; j++) accept[4 * i + j] = alphabet[group >> (18 - 6 * j) & 63];
  }
  accept[27] = '=';
}

// One frame of a client, as it lies in the read buffer.
struct frame {
  uint8_t opcode;
  int is_final;
  uint8_t mask[4];
  const uint8_t *payload;
  size_t count;
};

// Looks at the frame that begins at `bytes`: its whole length, 0 when there is not all of it yet, −1 when it breaks the rules.
static inline long frame_parse(const uint8_t *bytes, size_t count, struct frame *frame) {
  if (count < 2) return 0;
  if (!(bytes[1] & 0x80) || bytes[0] & 0x70) return -1;
  size_t head = 2, length = bytes[1] & 0x7f;
  if (length == 126) {
    head = 4;
    if (count < head) return 0;
    length = (size_t)bytes[2] << 8 | bytes[3];
  } else if (length == 127) {
    return -1;
  }
  if (count < head + 4 + length) return 0;
  frame->opcode = bytes[0] & 15;
  frame->is_final = bytes[0] >> 7;
  memcpy(frame->mask, bytes + head, 4);
  frame->payload = bytes + head + 4;
  frame->count = length;
  return (long)(head + 4 + length);
}

// Unmasks a payload into `to`, eight bytes at a time.
static inline void frame_unmask(const struct frame *frame, uint8_t *to) {
  uint32_t word;
  memcpy(&word, frame->mask, 4);
  uint64_t mask = (uint64_t)word << 32 | word;
  size_t at = 0;
  for (; at + 8 <= frame->count; at += 8) {
    uint64_t piece;
    memcpy(&piece, frame->payload + at, 8);
    piece ^= mask;
    memcpy(to + at, &piece, 8);
  }
  for (; at < frame->count; at++) to[at] = frame->payload[at] ^ frame->mask[at & 3];
}

// The head of a frame of a server, of at most 65,535 bytes: how long it is, at most 4.
static inline size_t frame_head(uint8_t opcode, size_t count, uint8_t *to) {
  to[0] = 0x80 | opcode;
  if (count < 126) {
    to[1] = (uint8_t)count;
    return 2;
  }
  to[1] = 126;
  to[2] = (uint8_t)(count >> 8);
  to[3] = (uint8_t)count;
  return 4;
}

#endif
