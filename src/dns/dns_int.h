/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Private to src/dns: what location and ownership need of the resolver. Each of
 * their runs is a job: known to the resolver, so that it goes with it.
 */
#include "dns/dns.h"

/* First member of the run's struct. */
struct sw_dns_job {
	void (*free)(struct sw_dns_job *job);   /* cancels its queries, removes the job and frees it; calls nobody back */
	sw_id id;
};

int sw_dns_job_add(struct sw_dns *d, struct sw_dns_job *job) SW_MUSTCHECK;   /* sets job->id */
struct sw_dns_job *sw_dns_job_get(struct sw_dns *d, sw_id id);
void sw_dns_job_del(struct sw_dns *d, struct sw_dns_job *job);
struct sw_loop *sw_dns_loop(struct sw_dns *d);
