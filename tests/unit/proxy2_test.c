/* SPDX-License-Identifier: Apache-2.0 */
/* The PROXY header, version 2: what is right is read right, everything else is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "services/front/proxy2.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IPV4 "\xc0\x00\x02\x07\x7f\x00\x00\x01\x9c\x40\x01\xbb" /* 192.0.2.7 port 40000 */
#define IPV6                                                                                       \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x9c\x40\x01\xbb"
#define TEXT(s) s, sizeof(s) - 1

/* Whole, and octet by octet; both must end alike.  Octets behind a header that is done are not asked
 * for. */
static void read_header(struct chy_proxy2 *p, const char *b, size_t n)
{
    struct chy_proxy2 whole = {0};
    size_t used = 0, wanted;

    *p = (struct chy_proxy2){0};
    for (size_t i = 0; i < n && chy_proxy2_wanted(p) > 0; i++)
        chy_proxy2_feed(p, (const uint8_t *)b + i, 1);
    while (used < n && (wanted = chy_proxy2_wanted(&whole)) > 0) {
        wanted = wanted < n - used ? wanted : n - used;
        chy_proxy2_feed(&whole, (const uint8_t *)b + used, wanted);
        used += wanted;
    }
    assert_int_equal(whole.state, p->state);
    assert_ptr_equal(whole.reason, p->reason);
}

static void expect_client(const char *b, size_t n, const char *address, uint16_t port)
{
    struct chy_proxy2 p;
    const struct sockaddr_in *sin = (struct sockaddr_in *)&p.client;
    const struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&p.client;
    char text[INET6_ADDRSTRLEN] = "";

    read_header(&p, b, n);
    if (p.state != CHY_PROXY2_DONE)
        fail_msg("%s: %s", address, p.reason != NULL ? p.reason : "unfinished");
    assert_int_equal(p.n, 16 + (size_t)(uint8_t)b[14] * 256 + (uint8_t)b[15]);
    assert_false(p.local);
    inet_ntop(p.client.ss_family,
              p.client.ss_family == AF_INET ? (const void *)&sin->sin_addr : &sin6->sin6_addr, text,
              sizeof text);
    assert_string_equal(text, address);
    assert_int_equal(ntohs(p.client.ss_family == AF_INET ? sin->sin_port : sin6->sin6_port), port);
}

static void the_client_is_read_and_nothing_behind_the_header(void **state)
{
    (void)state;
    expect_client(TEXT(SIGNATURE "\x21\x11\0\x0c" IPV4), "192.0.2.7", 40000);
    expect_client(TEXT(SIGNATURE "\x21\x11\0\x0c" IPV4 "\x16\x03\x01 and TLS"), "192.0.2.7", 40000);
    expect_client(TEXT(SIGNATURE "\x21\x21\0\x24" IPV6 "GET"), "2001:db8::7", 40000);
    /* ALPN, a field without value, one of an unknown type. */
    expect_client(TEXT(SIGNATURE "\x21\x11\0\x18" IPV4 "\x01\0\x02h2"
                                 "\x04\0\0"
                                 "\xe7\0\x01x"),
                  "192.0.2.7", 40000);
    /* With the checksum that haproxy's "proxy-v2-options crc32c" adds. */
    expect_client(TEXT(SIGNATURE "\x21\x11\0\x13" IPV4 "\x03\0\x04\x28\x4d\x3f\x77"), "192.0.2.7",
                  40000);
}

static void a_balancer_may_speak_for_itself(void **state)
{
    struct chy_proxy2 p;

    (void)state;
    read_header(&p, TEXT(SIGNATURE "\x20\0\0\0"));
    assert_int_equal(p.state, CHY_PROXY2_DONE);
    assert_true(p.local);
    /* Section 2.2: what it says about addresses is passed over. */
    read_header(&p, TEXT(SIGNATURE "\x20\x11\0\x0c" IPV4));
    assert_int_equal(p.state, CHY_PROXY2_DONE);
    assert_true(p.local);
    assert_int_equal(p.client.ss_family, AF_UNSPEC);
}

static void everything_else_is_refused(void **state)
{
    static const struct {
        const char *what, *b;
        size_t n;
        const char *reason;
    } cases[] = {
        {"TLS", TEXT("\x16\x03\x01\0\xc8"), "no PROXY header"},
        {"HTTP", TEXT("GET / HTTP/1.1\r\n"), "no PROXY header"},
        {"version 1", TEXT("PROXY TCP4 192.0.2.7 127.0.0.1 4 5\r\n"), "no PROXY header"},
        {"two empty lines", TEXT("\r\n\r\nGET / HTTP/1.1\r\n"), "no PROXY header"},
        {"last octet of the signature", TEXT("\r\n\r\n\0\r\nQUIT\r"), "no PROXY header"},
        {"version 1 in binary", TEXT(SIGNATURE "\x11\x11\0\x0c"), "version 2"},
        {"version 3", TEXT(SIGNATURE "\x31\x11\0\x0c"), "version 2"},
        {"unknown command", TEXT(SIGNATURE "\x22\x11\0\x0c"), "version 2"},
        {"no family", TEXT(SIGNATURE "\x21\0\0\0"), "TCP over"},
        {"TCP over nothing", TEXT(SIGNATURE "\x21\x01\0\x0c"), "TCP over"},
        {"UDP", TEXT(SIGNATURE "\x21\x12\0\x0c"), "TCP over"},
        {"UDP over IPv6", TEXT(SIGNATURE "\x21\x22\0\x24"), "TCP over"},
        {"unix socket", TEXT(SIGNATURE "\x21\x31\0\xd8"), "TCP over"},
        {"too long", TEXT(SIGNATURE "\x21\x11\x02\x09"), "too long"},
        {"as long as can be said", TEXT(SIGNATURE "\x21\x11\xff\xff"), "too long"},
        {"LOCAL, too long", TEXT(SIGNATURE "\x20\0\xff\xff"), "too long"},
        {"IPv4 too short", TEXT(SIGNATURE "\x21\x11\0\x0b\1\1\1\1\1\1\1\1\1\1\1"), "too short"},
        {"nothing there", TEXT(SIGNATURE "\x21\x11\0\0"), "too short"},
        {"IPv6 with IPv4's length", TEXT(SIGNATURE "\x21\x21\0\x0c" IPV4), "too short"},
        {"0.0.0.0", TEXT(SIGNATURE "\x21\x11\0\x0c\0\0\0\0\x7f\0\0\1\1\1\1\1"), "is none"},
        {"multicast", TEXT(SIGNATURE "\x21\x11\0\x0c\xe0\0\0\1\x7f\0\0\1\1\1\1\1"), "is none"},
        {"broadcast", TEXT(SIGNATURE "\x21\x11\0\x0c\xff\xff\xff\xff\x7f\0\0\1\1\1\1\1"),
         "is none"},
        {"::",
         TEXT(SIGNATURE "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                        "\0\0\0\0\0\1\1\1\1"),
         "is none"},
        {"half a field", TEXT(SIGNATURE "\x21\x11\0\x0e" IPV4 "\1\0"), "longer than"},
        {"a field over the end", TEXT(SIGNATURE "\x21\x11\0\x10" IPV4 "\1\0\2x"), "longer than"},
        {"wrong checksum", TEXT(SIGNATURE "\x21\x11\0\x13" IPV4 "\x03\0\x04\x28\x4d\x3f\x76"),
         "checksum"},
        {"short checksum", TEXT(SIGNATURE "\x21\x11\0\x11" IPV4 "\x03\0\x02\x28\x4d"), "checksum"},
        {"checksum over another address",
         TEXT(SIGNATURE "\x21\x11\0\x13\xc0\x00\x02\x08\x7f\x00\x00\x01\x9c\x40\x01\xbb"
                        "\x03\0\x04\x28\x4d\x3f\x77"),
         "checksum"},
    };
    struct chy_proxy2 p;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_header(&p, cases[i].b, cases[i].n);
        if (p.state != CHY_PROXY2_REFUSED || strstr(p.reason, cases[i].reason) == NULL)
            fail_msg("%s: %s", cases[i].what, p.reason != NULL ? p.reason : "not refused");
        assert_int_equal(chy_proxy2_wanted(&p), 0);
    }
}

static void nothing_is_asked_for_beyond_the_bound(void **state)
{
    struct chy_proxy2 p = {0};
    uint8_t zeros[CHY_PROXY2_MAX] = {0};

    (void)state;
    assert_int_equal(chy_proxy2_wanted(&p), 16);
    /* LOCAL with the most that fits. */
    chy_proxy2_feed(&p, (const uint8_t *)SIGNATURE "\x20\0\x02\x08", 16);
    assert_int_equal(chy_proxy2_wanted(&p), CHY_PROXY2_MAX - 16);
    assert_int_equal(chy_proxy2_feed(&p, zeros, CHY_PROXY2_MAX - 16), CHY_PROXY2_DONE);
    assert_int_equal(chy_proxy2_wanted(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_read_and_nothing_behind_the_header),
        cmocka_unit_test(a_balancer_may_speak_for_itself),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(nothing_is_asked_for_beyond_the_bound),
    };

    return cmocka_run_group_tests_name("proxy2", tests, NULL, NULL);
}
