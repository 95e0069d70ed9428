/* SPDX-License-Identifier: Apache-2.0 */
#include "media/port.h"

#include <stdlib.h>

#include "core/random.h"

/* Each pair is on one list, or taken. Lists are doubly linked by index + 1, so that any pair leaves in one step. */
struct sw_port_pair {
	uint32_t prev, next;
	uint64_t until;          /* quarantined, busy */
	enum sw_port_list state;
};

static void list_append(struct sw_ports *p, uint32_t i, enum sw_port_list to)
{
	struct sw_port_pair *pair = &p->pairs[i];

	*pair = (struct sw_port_pair){ .prev = p->list[to].tail, .state = to };
	if (p->list[to].tail)
		p->pairs[p->list[to].tail - 1].next = i + 1;
	else
		p->list[to].head = i + 1;
	p->list[to].tail = i + 1;
	p->list[to].n++;
}

static void list_prepend(struct sw_ports *p, uint32_t i, enum sw_port_list to)
{
	struct sw_port_pair *pair = &p->pairs[i];

	*pair = (struct sw_port_pair){ .next = p->list[to].head, .state = to };
	if (p->list[to].head)
		p->pairs[p->list[to].head - 1].prev = i + 1;
	else
		p->list[to].tail = i + 1;
	p->list[to].head = i + 1;
	p->list[to].n++;
}

static void list_remove(struct sw_ports *p, uint32_t i)
{
	struct sw_port_pair *pair = &p->pairs[i];
	enum sw_port_list from = pair->state;

	if (pair->prev)
		p->pairs[pair->prev - 1].next = pair->next;
	else
		p->list[from].head = pair->next;
	if (pair->next)
		p->pairs[pair->next - 1].prev = pair->prev;
	else
		p->list[from].tail = pair->prev;
	p->list[from].n--;
	*pair = (struct sw_port_pair){ .state = SW_PORT_TAKEN };
}

int sw_ports_init(struct sw_ports *p, uint16_t low, uint16_t high, uint32_t quarantine_ms)
{
	uint32_t first = (uint32_t)low + low % 2, last = high;
	uint32_t *order;

	*p = (struct sw_ports){ 0 };
	if (low == 0 || last < first + 1)
		return SW_EINVALID;
	p->first = (uint16_t)first;
	p->total = (last - first + 1) / 2;
	p->quarantine_ms = quarantine_ms;
	p->pairs = calloc(p->total, sizeof(*p->pairs));
	order = malloc(p->total * sizeof(*order));
	if (!p->pairs || !order) {
		free(order);
		sw_ports_free(p);
		return SW_ENOMEM;
	}
	for (uint32_t i = 0; i < p->total; i++) {
		uint32_t j = sw_random_below(i + 1);

		if (j != i)
			order[i] = order[j];
		order[j] = i;
	}
	for (uint32_t i = 0; i < p->total; i++)
		list_append(p, order[i], SW_PORT_FREE);
	free(order);
	return SW_OK;
}

void sw_ports_free(struct sw_ports *p)
{
	free(p->pairs);
	*p = (struct sw_ports){ 0 };
}

/* Each of these lists has one period, so its head is due first. */
static void come_back(struct sw_ports *p, uint64_t now, enum sw_port_list from)
{
	uint32_t head;

	while ((head = p->list[from].head) && p->pairs[head - 1].until <= now) {
		list_remove(p, head - 1);
		list_append(p, head - 1, SW_PORT_FREE);
	}
}

static void refresh(struct sw_ports *p, uint64_t now)
{
	come_back(p, now, SW_PORT_QUARANTINED);
	come_back(p, now, SW_PORT_BUSY);
}

int sw_ports_take(struct sw_ports *p, uint64_t now, uint16_t *port)
{
	uint32_t head;

	refresh(p, now);
	head = p->list[SW_PORT_FREE].head;
	if (!head)
		return SW_ELIMIT;
	list_remove(p, head - 1);
	*port = (uint16_t)(p->first + 2 * (head - 1));
	return SW_OK;
}

static bool index_of(const struct sw_ports *p, uint16_t port, uint32_t *i)
{
	if (port < p->first || (port - p->first) % 2 || (port - p->first) / 2u >= p->total)
		return false;
	*i = (port - p->first) / 2u;
	return true;
}

int sw_ports_take_this(struct sw_ports *p, uint64_t now, uint16_t port)
{
	uint32_t i;

	if (!index_of(p, port, &i))
		return SW_EINVALID;
	refresh(p, now);
	if (p->pairs[i].state != SW_PORT_FREE)
		return SW_ELIMIT;
	list_remove(p, i);
	return SW_OK;
}

static void wait_on(struct sw_ports *p, uint64_t until, uint16_t port, enum sw_port_list to)
{
	uint32_t i;

	if (!index_of(p, port, &i) || p->pairs[i].state != SW_PORT_TAKEN)
		return;
	list_append(p, i, to);
	p->pairs[i].until = until;
}

void sw_ports_release(struct sw_ports *p, uint64_t now, uint16_t port)
{
	wait_on(p, now + p->quarantine_ms, port, SW_PORT_QUARANTINED);
}

void sw_ports_busy(struct sw_ports *p, uint64_t now, uint16_t port)
{
	wait_on(p, now + SW_PORTS_BUSY_MS, port, SW_PORT_BUSY);
}

void sw_ports_untake(struct sw_ports *p, uint16_t port)
{
	uint32_t i;

	if (index_of(p, port, &i) && p->pairs[i].state == SW_PORT_TAKEN)
		list_prepend(p, i, SW_PORT_FREE);
}

uint32_t sw_ports_count(struct sw_ports *p, uint64_t now, enum sw_port_list state)
{
	refresh(p, now);
	if (state == SW_PORT_TAKEN)
		return p->total - p->list[SW_PORT_FREE].n - p->list[SW_PORT_QUARANTINED].n - p->list[SW_PORT_BUSY].n;
	return p->list[state].n;
}
