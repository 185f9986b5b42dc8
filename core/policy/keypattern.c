/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of key patterns.  Which keys are sound is core/pki/keys.c's business. */
#include "core/policy/keypattern.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Four digits without a leading zero, a size that keys may have; moves *s behind them. */
static bool read_bits(const char **s, unsigned *ret)
{
    unsigned long bits;

    if (strspn(*s, "0123456789") != 4 || **s == '0')
        return false;
    bits = strtoul(*s, NULL, 10);
    *s += 4;
    *ret = (unsigned)bits;
    return bits >= CHY_RSA_BITS_MIN && bits <= CHY_RSA_BITS_MAX && bits % 8 == 0;
}

bool chy_policy_rsa_pattern_read(const char *pattern, unsigned *ret_least, unsigned *ret_most)
{
    unsigned least, most;

    if (strncmp(pattern, "rsa-", 4) != 0)
        return false;
    pattern += 4;
    if (!read_bits(&pattern, &least))
        return false;
    most = least;
    if (strncmp(pattern, "..", 2) == 0) {
        pattern += 2;
        if (!read_bits(&pattern, &most))
            return false;
    }
    if (*pattern != '\0' || least > most)
        return false;
    *ret_least = least;
    *ret_most = most;
    return true;
}

bool chy_policy_key_pattern_valid(const char *pattern)
{
    static const char *const names[] = {"ec-p256", "ec-p384", "ec-p521", "ed25519"};
    unsigned least, most;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], pattern) == 0)
            return true;
    return chy_policy_rsa_pattern_read(pattern, &least, &most);
}
