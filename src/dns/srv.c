/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 2782, "Usage rules": the order in which SRV targets are to be tried. */
#include "core/random.h"
#include "dns/locate.h"

static uint32_t draw_random(void *arg, uint32_t sum)
{
	uint32_t v;

	(void)arg;
	if (sum < UINT32_MAX)
		return sw_random_below(sum + 1);
	sw_random(&v, sizeof(v));
	return v;
}

static void insert(size_t *order, size_t from, size_t to)
{
	size_t v = order[from];

	for (; from > to; from--)
		order[from] = order[from - 1];
	order[from] = v;
}

/* By priority, and within one the weightless first, as the running sums want them. Stable. */
static void presort(const struct sw_srv_key *keys, size_t n, size_t *order)
{
	for (size_t i = 0; i < n; i++) {
		size_t to = i;

		order[i] = i;
		while (to > 0) {
			const struct sw_srv_key *a = &keys[order[to - 1]], *b = &keys[i];

			if (a->priority < b->priority || (a->priority == b->priority && (a->weight == 0 || b->weight != 0)))
				break;
			to--;
		}
		insert(order, i, to);
	}
}

/* order[from..to) is of one priority. The draw includes both ends, so that weight 0 has a very small chance. */
static void order_by_weight(const struct sw_srv_key *keys, size_t *order, size_t from, size_t to,
			    uint32_t (*draw)(void *arg, uint32_t sum), void *arg)
{
	uint32_t sum = 0;

	for (size_t i = from; i < to; i++)
		sum += keys[order[i]].weight;
	for (; from + 1 < to; from++) {
		uint32_t r = draw(arg, sum), running = 0;
		size_t i = from;

		for (; i + 1 < to; i++) {
			running += keys[order[i]].weight;
			if (running >= r)
				break;
		}
		sum -= keys[order[i]].weight;
		insert(order, i, from);
	}
}

void sw_srv_order(const struct sw_srv_key *keys, size_t n, size_t *order, uint32_t (*draw)(void *arg, uint32_t sum), void *arg)
{
	size_t from = 0;

	presort(keys, n, order);
	while (from < n) {
		size_t to = from + 1;

		while (to < n && keys[order[to]].priority == keys[order[from]].priority)
			to++;
		order_by_weight(keys, order, from, to, draw ? draw : draw_random, arg);
		from = to;
	}
}
