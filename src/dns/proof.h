/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Private to src/dns: where the configuration names nothing else. */
#define SW_PROOF_LABEL "_sipward-challenge"
#define SW_PROOF_KEY "sipward-domain-verification"
