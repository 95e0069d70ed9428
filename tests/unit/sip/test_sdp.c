/* SPDX-License-Identifier: Apache-2.0 */
/* The SDP editor: what changes, what must not, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "sip/sdp.h"

#define V "v=0\r\no=- 20 1 IN IP4 198.51.100.1\r\ns=-\r\n"
#define LOCAL "192.0.2.10"

static struct sw_addr addr(const char *text)
{
	struct sw_addr a;

	assert_int_equal(sw_addr_parse(&a, sw_str_of(text), 0), 0);
	return a;
}

static struct sw_sdp parse(const char *text)
{
	struct sw_sdp s;
	struct sw_verdict v;
	int err = sw_sdp_parse(&s, sw_str_of(text), &v);

	if (err < 0)
		fail_msg("%s\n%s", v.detail, text);
	return s;
}

static void refused_with(const char *text, const char *detail)
{
	struct sw_sdp s;
	struct sw_verdict v = { 0 };

	if (sw_sdp_parse(&s, sw_str_of(text), &v) != SW_EPARSE)
		fail_msg("not refused: %s", text);
	assert_int_equal(v.reason, SW_R_MEDIA_SDP);
	if (!strstr(v.detail, detail))
		fail_msg("\"%s\" not in \"%s\"", detail, v.detail);
}

static void write_is(const char *in, const struct sw_sdp_rewrite *r, const char *want)
{
	struct sw_sdp s = parse(in);
	struct sw_buf b;

	sw_buf_init(&b, 0);
	assert_int_equal(sw_sdp_write(&s, r, &b), 0);
	sw_buf_put(&b, "", 1);
	assert_string_equal(b.data, want);
	sw_buf_free(&b);
	sw_sdp_free(&s);
}

/* Each m-line's address; NULL ends, "-" is no address. */
static struct sw_sdp_rewrite to(const char *const *list)
{
	struct sw_sdp_rewrite r = { 0 };

	for (size_t i = 0; list[i]; i++)
		if (list[i][0] != '-')
			r.local[i] = addr(list[i]);
	return r;
}
#define TO(...) (&(struct sw_sdp_rewrite[]){ to((const char *[]){ __VA_ARGS__, NULL }) }[0])

static void addr_is(const struct sw_addr *a, const char *want)
{
	char text[SW_ADDR_STRLEN];

	assert_string_equal(sw_addr_text(a, text), want);
}

/* --- reading --- */

static void a_webex_like_offer_is_understood(void **state)
{
	struct sw_sdp s = parse(V "c=IN IP4 203.0.113.5\r\nb=AS:4096\r\nt=0 0\r\na=sendonly\r\n"
		"m=audio 52000 RTP/SAVP 9 0 101\r\nb=TIAS:64001\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r\na=rtcp-mux\r\n"
		"m=video 52004 RTP/SAVPF 96\r\nc=IN IP6 2001:db8::5\r\nb=AS:2000\r\na=rtcp:52099\r\na=content:slides\r\na=recvonly\r\n"
		"m=application 52010 UDP/BFCP *\r\na=floorctrl:c-s\r\n"
		"m=application 52012 TCP/TLS/BFCP *\r\n"
		"m=application 52020 RTP/AVP 107\r\na=rtcp:53000 IN IP4 203.0.113.9\r\n"
		"m=image 52030 udptl t38\r\n"
		"m=message 52040 TCP/MSRP *\r\n");

	(void)state;
	assert_int_equal(s.n_media, 7);
	assert_int_equal(s.media[0].proto, SW_SDP_RTP_SAVP);
	assert_true(s.media[0].relayed && s.media[0].pair && s.media[0].has_crypto && s.media[0].rtcp_mux);
	assert_false(s.media[0].rtcp_mux_only || s.media[0].has_fingerprint || s.media[0].has_ice || s.media[0].hold_address);
	addr_is(&s.media[0].remote, "203.0.113.5:52000");
	addr_is(&s.media[0].remote_rtcp, "203.0.113.5:52001");
	assert_int_equal(s.media[0].kbps, 65);
	assert_int_equal(s.media[0].dir, SW_SDP_SENDONLY);
	assert_true(sw_str_eq(s.media[0].formats, SW_STR("9 0 101")));

	addr_is(&s.media[1].remote, "[2001:db8::5]:52004");
	addr_is(&s.media[1].remote_rtcp, "[2001:db8::5]:52099");
	assert_int_equal(s.media[1].kbps, 2000);
	assert_int_equal(s.media[1].dir, SW_SDP_RECVONLY);

	assert_int_equal(s.media[2].proto, SW_SDP_UDP_BFCP);
	assert_true(s.media[2].relayed && !s.media[2].pair);
	assert_int_equal(s.media[3].proto, SW_SDP_TCP_BFCP);
	assert_false(s.media[3].relayed);
	assert_true(s.media[4].relayed && s.media[4].pair);  /* H.224 */
	addr_is(&s.media[4].remote_rtcp, "203.0.113.9:53000");
	assert_int_equal(s.media[5].proto, SW_SDP_UDPTL);
	assert_true(s.media[5].relayed && !s.media[5].pair);
	assert_int_equal(s.media[6].proto, SW_SDP_OTHER);
	assert_false(s.media[6].relayed);
	assert_true(sw_str_eq(s.media[6].proto_text, SW_STR("TCP/MSRP")));
	sw_sdp_free(&s);
}

static void session_security_and_ice_reach_the_media(void **state)
{
	struct sw_sdp s = parse(V "t=0 0\r\na=ice-lite\r\na=fingerprint:sha-256 AA:BB\r\n"
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=rtcp-mux-only\r\n");

	(void)state;
	assert_true(s.session_fingerprint && !s.session_crypto);
	assert_true(s.media[0].has_fingerprint && s.media[0].has_ice && s.media[0].hold_address);
	assert_true(s.media[0].rtcp_mux && s.media[0].rtcp_mux_only && !s.media[0].pair);
	addr_is(&s.media[0].remote_rtcp, "0.0.0.0:9");
	assert_int_equal(s.media[0].proto, SW_SDP_DTLS_SAVPF);
	sw_sdp_free(&s);
}

static void names_and_missing_ports_have_no_address(void **state)
{
	struct sw_sdp s = parse(V "c=IN IP4 media.example.com\r\nt=0 0\r\nm=audio 65535 RTP/AVP 0\r\n"
		"m=audio 4000 RTP/AVP 0\r\nc=IN IP4 203.0.113.5\r\na=rtcp:4001 IN IP4 rtcp.example.com\r\n"
		"m=audio 65535 RTP/AVP 0\r\nc=IN IP4 203.0.113.5\r\n"
		"m=audio 4000 RTP/AVP 0\r\nc=IN IP4 203.0.113.5\r\na=rtcp:0\r\n"
		"m=video 0 RTP/AVP 96\r\na=bundle-only\r\n"
		"m=audio 4000 RTP/AVP 0\r\na=rtcp:5000 IN IP4 203.0.113.7\r\n");

	(void)state;
	assert_int_equal(sw_addr_family(&s.media[0].remote), AF_UNSPEC);
	assert_int_equal(sw_addr_family(&s.media[0].remote_rtcp), AF_UNSPEC);
	assert_false(s.media[0].hold_address);
	assert_int_equal(sw_addr_family(&s.media[1].remote_rtcp), AF_UNSPEC);
	addr_is(&s.media[2].remote, "203.0.113.5:65535");
	assert_int_equal(sw_addr_family(&s.media[2].remote_rtcp), AF_UNSPEC);
	assert_int_equal(sw_addr_family(&s.media[3].remote_rtcp), AF_UNSPEC);
	assert_true(s.media[4].bundle_only && s.media[4].port == 0);
	addr_is(&s.media[5].remote_rtcp, "203.0.113.7:5000");
	sw_sdp_free(&s);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
	static const char *const bodies[] = {
		"", "\r\n", "v=1\r\n", "s=-\r\nv=0\r\n", "\r\nv=0\r\n",
		V "m=audio 4000 RTP/AVP 0\r\n",                              /* no c= */
		V "c=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\n",
		V "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\n",
		V "C=IN IP4 192.0.2.1\r\n", V " c=IN IP4 192.0.2.1\r\n", V "c =IN IP4 192.0.2.1\r\n",
		V "s=x\rc=IN IP4 192.0.2.1\r\n", V "\r\nm=audio 0 RTP/AVP 0\r\n", V "x\r\n",
		V "c=IN IP4 2001:db8::1\r\n", V "c=IN IP6 192.0.2.1\r\n", V "c=IN IP4 127.1\r\n", V "c=IN IP4 0x7f000001\r\n",
		V "c=IN IP4 2130706433\r\n", V "c=IN IP4 192.0.2.1:5000\r\n", V "c=IN IP6 [2001:db8::1]\r\n", V "c=IN IP6 fe80::1%eth0\r\n",
		V "c=IN IP4\r\n", V "c=ATM NSAP 47\r\n", V "c=\r\n", V "c=IN IP4 192.0.2.1 192.0.2.2\r\n", V "c=IN IP4 192.0.2.1/x\r\n",
		V "c=IN IP4 a\tb\r\n", V "v=0\r\n",
		V "c=IN IP4 192.0.2.1\r\nm=audio 4000/2 RTP/AVP 0\r\n", V "c=IN IP4 192.0.2.1\r\nm=audio 99999 RTP/AVP 0\r\n",
		V "c=IN IP4 192.0.2.1\r\nm=audio 4294967296 RTP/AVP 0\r\n", V "c=IN IP4 192.0.2.1\r\nm=audio\t4000 RTP/AVP 0\r\n",
		V "c=IN IP4 192.0.2.1\r\nm=audio  4000 RTP/AVP 0\r\n", V "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP\r\n",
		V "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp:x\r\n",
		V "c=IN IP4 192.0.2.1\r\nm=audio 1 RTP/AVP 0\r\na=rtcp:70000\r\n",
		V "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp:4001 IN IP4 1.2\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		refused_with(bodies[i], "");
	refused_with(V "c=IN IP4 nonsense!\r\n", "line 4: not an address: c=IN IP4 nonsense!");
	refused_with(V "c=IN IP4 192.0.2.1\r\nm=audio 4000/2 RTP/AVP 0\r\n", "line 5: several ports");
}

static void nul_bytes_are_refused(void **state)
{
	static const char text[] = V "a=x\0c=IN IP4 127.0.0.1\r\n";
	struct sw_sdp s;
	struct sw_verdict v;

	(void)state;
	assert_int_equal(sw_sdp_parse(&s, (struct sw_str){ text, sizeof(text) - 1 }, &v), SW_EPARSE);
}

static void keys_stay_out_of_the_verdict(void **state)
{
	struct sw_sdp s;
	struct sw_verdict v = { 0 };

	(void)state;
	assert_int_equal(sw_sdp_parse(&s, SW_STR(V "m=audio 0 RTP/SAVP 0\r\na=crypto:1 X inline:sec\rret\r\n"), &v), SW_EPARSE);
	assert_null(strstr(v.detail, "inline"));
	assert_non_null(strstr(v.detail, "line 5"));
}

static void sizes_are_bounded(void **state)
{
	char *big = malloc(SW_SDP_BYTES_MAX + 2);
	struct sw_buf b;
	struct sw_sdp s;
	struct sw_verdict v;

	(void)state;
	assert_non_null(big);
	memset(big, 'a', SW_SDP_BYTES_MAX + 1);
	memcpy(big, "v=0\n", 4);
	assert_int_equal(sw_sdp_parse(&s, (struct sw_str){ big, SW_SDP_BYTES_MAX + 1 }, &v), SW_EPARSE);
	free(big);

	sw_buf_init(&b, 0);
	sw_buf_str(&b, "v=0\n");
	for (size_t i = 1; i < SW_SDP_LINES_MAX; i++)
		sw_buf_str(&b, "a=x\n");
	assert_int_equal(sw_sdp_parse(&s, sw_buf_view(&b), &v), 0);
	sw_sdp_free(&s);
	sw_buf_str(&b, "a=x\n");
	assert_int_equal(sw_sdp_parse(&s, sw_buf_view(&b), &v), SW_EPARSE);

	sw_buf_clear(&b);
	sw_buf_str(&b, V);
	for (size_t i = 0; i < SW_SDP_MEDIA_MAX; i++)
		sw_buf_str(&b, "m=audio 0 RTP/AVP 0\r\n");
	assert_int_equal(sw_sdp_parse(&s, sw_buf_view(&b), &v), 0);
	sw_sdp_free(&s);
	sw_buf_str(&b, "m=audio 0 RTP/AVP 0\r\n");
	assert_int_equal(sw_sdp_parse(&s, sw_buf_view(&b), &v), SW_EPARSE);
	sw_buf_free(&b);
}

/* --- writing --- */

static void only_addresses_and_ports_change(void **state)
{
	(void)state;
	write_is("v=0\r\no=jane 20 1 IN IP4 203.0.113.5\r\ns= two  spaces \r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\nz=0 0\r\n"
		 "m=audio 52000 RTP/SAVP 9 101 \r\nb=TIAS:64000\r\nb=RS:0\r\na=crypto:1 AEAD_AES_256_GCM inline:k==|2^31\r\n"
		 "a=fingerprint:sha-256 aa:BB\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=unknown:\xc3\xa9 \r\nq=what\r\na=sendrecv\r\n",
		 TO(LOCAL ":36000"),
		 "v=0\r\no=jane 20 1 IN IP4 203.0.113.5\r\ns= two  spaces \r\nc=IN IP4 " LOCAL "\r\nt=0 0\r\nz=0 0\r\n"
		 "m=audio 36000 RTP/SAVP 9 101 \r\nb=TIAS:64000\r\nb=RS:0\r\na=crypto:1 AEAD_AES_256_GCM inline:k==|2^31\r\n"
		 "a=fingerprint:sha-256 aa:BB\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=unknown:\xc3\xa9 \r\nq=what\r\na=sendrecv\r\n");
}

static void line_ends_stay_as_they_came(void **state)
{
	(void)state;
	write_is("v=0\ns=-\r\nc=IN IP4 203.0.113.5\nt=0 0\nm=audio 52000 RTP/AVP 0\r\na=ptime:20", TO(LOCAL ":36000"),
		 "v=0\ns=-\r\nc=IN IP4 " LOCAL "\nt=0 0\nm=audio 36000 RTP/AVP 0\r\na=ptime:20");
	write_is(V "c=IN IP4 203.0.113.5\r\nm=audio 52000 RTP/AVP 0\r\n\r\n", TO(LOCAL ":36000"),
		 V "c=IN IP4 " LOCAL "\r\nm=audio 36000 RTP/AVP 0\r\n\r\n");
}

static void media_level_addresses_are_rewritten_and_families_may_change(void **state)
{
	(void)state;
	write_is(V "t=0 0\r\nm=audio 52000 RTP/AVP 0\r\nc=IN IP4 203.0.113.5\r\nm=video 52002 RTP/AVP 96\r\nc=IN IP6 2001:db8::5\r\n",
		 TO("[2001:db8::10]:36000", LOCAL ":36002"),
		 V "t=0 0\r\nm=audio 36000 RTP/AVP 0\r\nc=IN IP6 2001:db8::10\r\nm=video 36002 RTP/AVP 96\r\nc=IN IP4 " LOCAL "\r\n");
}

static void a_session_address_serving_two_locals_is_split(void **state)
{
	(void)state;
	/* i= stays right behind its m= */
	write_is(V "c=IN IP4 203.0.113.5\r\nt=0 0\r\nm=audio 52000 RTP/AVP 0\r\n"
		 "m=video 52002 RTP/AVP 96\r\ni=camera\r\nb=AS:9\r\nm=audio 52004 RTP/AVP 0\r\n",
		 TO(LOCAL ":36000", "[2001:db8::10]:36002", "192.0.2.11:36004"),
		 V "c=IN IP4 " LOCAL "\r\nt=0 0\r\nm=audio 36000 RTP/AVP 0\r\n"
		 "m=video 36002 RTP/AVP 96\r\ni=camera\r\nc=IN IP6 2001:db8::10\r\nb=AS:9\r\n"
		 "m=audio 36004 RTP/AVP 0\r\nc=IN IP4 192.0.2.11\r\n");
	/* the first m-line is rejected: the second decides what the session's c= says */
	write_is(V "c=IN IP4 203.0.113.5\nm=audio 52000 RTP/AVP 0\nm=video 52002 RTP/AVP 96\nm=video 52006 RTP/AVP 96",
		 TO("-", LOCAL ":36002", "192.0.2.11:36004"),
		 V "c=IN IP4 " LOCAL "\nm=audio 0 RTP/AVP 0\nm=video 36002 RTP/AVP 96\nm=video 36004 RTP/AVP 96\r\nc=IN IP4 192.0.2.11\r\n");
	/* a session c= nobody uses still does not show the peer's address */
	write_is(V "c=IN IP4 203.0.113.5\r\nm=audio 52000 RTP/AVP 0\r\nc=IN IP4 203.0.113.6\r\n", TO(LOCAL ":36000"),
		 V "c=IN IP4 " LOCAL "\r\nm=audio 36000 RTP/AVP 0\r\nc=IN IP4 " LOCAL "\r\n");
	/* names and multicast TTLs are replaced as a whole */
	write_is(V "c=IN IP4 media.example\r\nm=audio 52000 RTP/AVP 0\r\n", TO(LOCAL ":36000"),
		 V "c=IN IP4 " LOCAL "\r\nm=audio 36000 RTP/AVP 0\r\n");
}

static void hold_stays_verbatim(void **state)
{
	(void)state;
	write_is(V "c=IN IP4 0.0.0.0\r\nm=audio 52000 RTP/AVP 0\r\na=inactive\r\n", TO("[2001:db8::10]:36000"),
		 V "c=IN IP4 0.0.0.0\r\nm=audio 36000 RTP/AVP 0\r\na=inactive\r\n");
	write_is(V "c=IN IP4 203.0.113.5\r\nm=audio 52000 RTP/AVP 0\r\nc=IN IP6 :: \r\nm=video 52002 RTP/AVP 96\r\n",
		 TO(LOCAL ":36000", LOCAL ":36002"),
		 V "c=IN IP4 " LOCAL "\r\nm=audio 36000 RTP/AVP 0\r\nc=IN IP6 :: \r\nm=video 36002 RTP/AVP 96\r\n");
}

static void rtcp_is_rewritten_left_out_or_added(void **state)
{
	static const char head[] = V "c=IN IP4 203.0.113.5\r\n";
	struct sw_sdp_rewrite r = *TO(LOCAL ":36000", LOCAL ":36010", LOCAL ":36020", LOCAL ":36030");
	char in[1024], want[1024];

	(void)state;
	r.local_rtcp[0] = 36005;  /* with an address */
	r.local_rtcp[1] = 36011;  /* what everybody assumes */
	r.local_rtcp[2] = 36025;  /* had none */
	r.local_rtcp[3] = 36035;  /* without an address, twice */
	snprintf(in, sizeof(in), "%s%s", head,
		 "m=audio 5000 RTP/AVP 0\r\na=rtcp:5009 IN IP4 203.0.113.9\r\na=ptime:20\r\nm=audio 5010 RTP/AVP 0\r\na=rtcp:5019\r\n"
		 "m=audio 5020 RTP/AVP 0\r\na=ptime:20\r\nm=audio 5030 RTP/AVP 0\r\na=rtcp:5035\r\na=rtcp:5037\r\n");
	snprintf(want, sizeof(want), "%s%s", V "c=IN IP4 " LOCAL "\r\n",
		 "m=audio 36000 RTP/AVP 0\r\na=rtcp:36005 IN IP4 " LOCAL "\r\na=ptime:20\r\nm=audio 36010 RTP/AVP 0\r\n"
		 "m=audio 36020 RTP/AVP 0\r\na=ptime:20\r\na=rtcp:36025\r\nm=audio 36030 RTP/AVP 0\r\na=rtcp:36035\r\n");
	write_is(in, &r, want);

	/* one port for both */
	r = *TO(LOCAL ":36000");
	r.local_rtcp[0] = 36000;
	write_is(V "c=IN IP4 203.0.113.5\r\nm=audio 5000 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp:5000", &r,
		 V "c=IN IP4 " LOCAL "\r\nm=audio 36000 RTP/AVP 0\r\na=rtcp-mux\r\na=rtcp:36000");
	/* no way round the relay by a=rtcp of the session, of a rejected line, or of one that has no RTCP */
	write_is(V "c=IN IP4 203.0.113.5\r\na=rtcp:1 IN IP4 203.0.113.5\r\nm=audio 5000 RTP/AVP 0\r\na=rtcp:5007\r\n"
		 "m=application 5002 UDP/BFCP *\r\na=rtcp:7\r\n",
		 TO("-", LOCAL ":36002"), V "c=IN IP4 " LOCAL "\r\nm=audio 0 RTP/AVP 0\r\nm=application 36002 UDP/BFCP *\r\n");
}

static void ice_and_bundle_go(void **state)
{
	(void)state;
	write_is(V "c=IN IP4 203.0.113.5\r\na=group:BUNDLE 0 1\r\na=group:LS 0 1\r\na=ice-lite\r\na=ice-options:trickle\r\n"
		 "m=audio 5000 RTP/AVP 0\r\na=mid:0\r\na=ice-ufrag:x\r\na=ice-pwd:y\r\na=candidate:1 1 UDP 1 203.0.113.5 5000 typ host\r\n"
		 "a=remote-candidates:1 203.0.113.5 5000\r\na=end-of-candidates\r\na=ice-mismatch\r\na=Candidate:2\r\n"
		 "a=altc:1 IP4 203.0.113.5 5000\r\n"
		 "a=candidates-are-not:this\r\nm=video 0 RTP/AVP 96\r\na=bundle-only\r\na=mid:1\r\n",
		 TO(LOCAL ":36000", LOCAL ":36002"),
		 V "c=IN IP4 " LOCAL "\r\na=group:LS 0 1\r\nm=audio 36000 RTP/AVP 0\r\na=mid:0\r\na=candidates-are-not:this\r\n"
		 "m=video 0 RTP/AVP 96\r\na=mid:1\r\n");
}

static void what_is_not_relayed_leaves_with_port_0(void **state)
{
	/* an address given for it changes nothing */
	(void)state;
	write_is(V "c=IN IP4 203.0.113.5\r\nm=application 5000 TCP/BFCP *\r\na=setup:passive\r\nm=message 5002 TCP/MSRP *\r\n"
		 "m=application 5004 UDP/BFCP (\r\nm=image 5006 udptl t38\r\n",
		 TO(LOCAL ":36000", LOCAL ":36002", LOCAL ":36004", LOCAL ":36006"),
		 V "c=IN IP4 " LOCAL "\r\nm=application 0 TCP/BFCP *\r\na=setup:passive\r\nm=message 0 TCP/MSRP *\r\n"
		 "m=application 36004 UDP/BFCP (\r\nm=image 36006 udptl t38\r\n");
}

static void an_address_without_port_is_the_callers_fault(void **state)
{
	struct sw_sdp s = parse(V "c=IN IP4 203.0.113.5\r\nm=audio 5000 RTP/AVP 0\r\n");
	struct sw_buf b;

	(void)state;
	sw_buf_init(&b, 0);
	assert_int_equal(sw_sdp_write(&s, TO(LOCAL), &b), SW_EINVALID);
	sw_buf_free(&b);
	sw_buf_init(&b, 10);
	assert_true(sw_sdp_write(&s, TO(LOCAL ":36000"), &b) < 0);
	sw_buf_free(&b);
	sw_sdp_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_webex_like_offer_is_understood),
		cmocka_unit_test(session_security_and_ice_reach_the_media),
		cmocka_unit_test(names_and_missing_ports_have_no_address),
		cmocka_unit_test(what_could_be_read_in_two_ways_is_refused),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(keys_stay_out_of_the_verdict),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(only_addresses_and_ports_change),
		cmocka_unit_test(line_ends_stay_as_they_came),
		cmocka_unit_test(media_level_addresses_are_rewritten_and_families_may_change),
		cmocka_unit_test(a_session_address_serving_two_locals_is_split),
		cmocka_unit_test(hold_stays_verbatim),
		cmocka_unit_test(rtcp_is_rewritten_left_out_or_added),
		cmocka_unit_test(ice_and_bundle_go),
		cmocka_unit_test(what_is_not_relayed_leaves_with_port_0),
		cmocka_unit_test(an_address_without_port_is_the_callers_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
