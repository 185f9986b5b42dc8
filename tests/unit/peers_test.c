/* SPDX-License-Identifier: Apache-2.0 */
/* Counting connections by client address (core.md H-08). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "services/front/peers.h"

static const struct sockaddr *address(const char *text)
{
    static struct sockaddr_storage ss;
    struct sockaddr_in *sin = (struct sockaddr_in *)&ss;
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&ss;

    memset(&ss, 0, sizeof ss);
    if (inet_pton(AF_INET, text, &sin->sin_addr) == 1)
        sin->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1)
        sin6->sin6_family = AF_INET6;
    else
        fail_msg("%s", text);
    return (struct sockaddr *)&ss;
}

static void one_address_cannot_take_everything(void **state)
{
    struct chy_peers *p = chy_peers_new(10, 2);

    (void)state;
    assert_true(chy_peers_enter(p, address("192.0.2.1")));
    /* The same client, seen through a socket of both families. */
    assert_true(chy_peers_enter(p, address("::ffff:192.0.2.1")));
    assert_false(chy_peers_enter(p, address("192.0.2.1")));
    assert_true(chy_peers_enter(p, address("192.0.2.2")));
    chy_peers_leave(p, address("192.0.2.1"));
    assert_true(chy_peers_enter(p, address("192.0.2.1")));
    chy_peers_free(p);
}

static void an_ipv6_site_counts_as_one(void **state)
{
    struct chy_peers *p = chy_peers_new(10, 2);

    (void)state;
    assert_true(chy_peers_enter(p, address("2001:db8:0:1::1")));
    assert_true(chy_peers_enter(p, address("2001:db8:0:1:ffff::2")));
    assert_false(chy_peers_enter(p, address("2001:db8:0:1::3")));
    assert_true(chy_peers_enter(p, address("2001:db8:0:2::1")));
    chy_peers_free(p);
}

static void the_total_is_bounded_and_nothing_is_kept(void **state)
{
    struct chy_peers *p = chy_peers_new(1000, 2);
    char text[32];

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
        assert_true(chy_peers_enter(p, address(text)));
    }
    assert_false(chy_peers_enter(p, address("192.0.2.1")));
    assert_int_equal(chy_peers_addresses(p), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "10.0.%u.%u", i / 256, i % 256);
        chy_peers_leave(p, address(text));
    }
    assert_int_equal(chy_peers_addresses(p), 0);
    assert_true(chy_peers_enter(p, address("192.0.2.1")));
    chy_peers_free(p);
}

/* Those of a balancer, before it has named the client. */
static void a_client_without_a_name_counts_in_the_total_only(void **state)
{
    struct chy_peers *p = chy_peers_new(3, 1);

    (void)state;
    assert_true(chy_peers_enter(p, NULL));
    assert_true(chy_peers_enter(p, NULL));
    assert_int_equal(chy_peers_addresses(p), 0);
    assert_true(chy_peers_enter(p, address("192.0.2.1")));
    assert_false(chy_peers_enter(p, NULL));
    assert_false(chy_peers_enter(p, address("192.0.2.2")));
    chy_peers_leave(p, NULL);
    assert_false(chy_peers_enter(p, address("192.0.2.1")));
    assert_true(chy_peers_enter(p, address("192.0.2.2")));
    chy_peers_free(p);
}

static void addresses_are_written_in_one_way(void **state)
{
    char text[INET6_ADDRSTRLEN];

    (void)state;
    chy_peers_text(address("::ffff:192.0.2.1"), text);
    assert_string_equal(text, "192.0.2.1");
    chy_peers_text(address("192.0.2.1"), text);
    assert_string_equal(text, "192.0.2.1");
    chy_peers_text(address("2001:DB8::0:1"), text);
    assert_string_equal(text, "2001:db8::1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_address_cannot_take_everything),
        cmocka_unit_test(an_ipv6_site_counts_as_one),
        cmocka_unit_test(the_total_is_bounded_and_nothing_is_kept),
        cmocka_unit_test(a_client_without_a_name_counts_in_the_total_only),
        cmocka_unit_test(addresses_are_written_in_one_way),
    };

    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
