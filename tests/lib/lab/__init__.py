# SPDX-License-Identifier: Apache-2.0
"""The laboratory: sipwardd and real peers as ordinary processes on loopback addresses of their own.

Read in this order: net (addresses, waiting), proc (processes), then one file per kind of peer, then world
(all of them together) and scenarios (what the tests and scripts/quickstart try).
"""
