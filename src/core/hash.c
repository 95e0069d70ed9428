/* SPDX-License-Identifier: Apache-2.0 */
#include "core/hash.h"

#include <pthread.h>
#include <string.h>

#include "core/random.h"

static uint64_t key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void key_draw(void)
{
	sw_random(key, sizeof(key));
}

static inline uint64_t rotl(uint64_t x, int b)
{
	return (x << b) | (x >> (64 - b));
}

struct sip_state {
	uint64_t a, b, c, d;
};

static inline void sip_round(struct sip_state *v)
{
	v->a += v->b;
	v->b = rotl(v->b, 13) ^ v->a;
	v->a = rotl(v->a, 32);
	v->c += v->d;
	v->d = rotl(v->d, 16) ^ v->c;
	v->a += v->d;
	v->d = rotl(v->d, 21) ^ v->a;
	v->c += v->b;
	v->b = rotl(v->b, 17) ^ v->c;
	v->c = rotl(v->c, 32);
}

/* SipHash-1-3: one round per word, three at the end. Not for secrets, only against chosen collisions. */
uint64_t sw_siphash(const void *p, size_t n)
{
	const uint8_t *in = p;
	uint64_t word, last = (uint64_t)n << 56;
	struct sip_state v;

	pthread_once(&key_once, key_draw);
	v = (struct sip_state){ key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
				key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull };
	for (; n >= 8; n -= 8, in += 8) {
		memcpy(&word, in, 8);
		v.d ^= word;
		sip_round(&v);
		v.a ^= word;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)in[i] << (8 * i);
	v.d ^= last;
	sip_round(&v);
	v.a ^= last;
	v.c ^= 0xff;
	sip_round(&v);
	sip_round(&v);
	sip_round(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}
