/* SPDX-License-Identifier: Apache-2.0 */
/* RSA moduli that fall apart: small factors, close primes (Fermat), ROCA (CVE-2017-15361), prime
 * powers (NIST SP 800-89 section 5.3.3).  Numbers are public: nothing here need be constant-time.
 * Debian's weak keys (CVE-2008-0166) need a list and are not looked for. */
#include "core/pki/rsa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define FERMAT_ROUNDS 100
#define EVIDENCE_BITS 40

static const unsigned short odd_primes[] = {
    3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
    73,  79,  83,  89,  97,  101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    173, 179, 181, 191, 193, 197, 199, 211, 223, 227, 229, 233, 239, 241, 251, 257, 263, 269, 271,
    277, 281, 283, 293, 307, 311, 313, 317, 331, 337, 347, 349, 353, 359, 367, 373, 379, 383, 389,
    397, 401, 409, 419, 421, 431, 433, 439, 443, 449, 457, 461, 463, 467, 479, 487, 491, 499, 503,
    509, 521, 523, 541, 547, 557, 563, 569, 571, 577, 587, 593, 599, 601, 607, 613, 617, 619, 631,
    641, 643, 647, 653, 659, 661, 673, 677, 683, 691, 701, 709, 719, 727, 733, 739, 743, 751};

static bool has_small_factor(const BIGNUM *n)
{
    if (!BN_is_odd(n))
        return true;
    for (size_t i = 0; i < sizeof odd_primes / sizeof *odd_primes; i++)
        if (BN_mod_word(n, odd_primes[i]) == 0)
            return true;
    return false;
}

/* A vulnerable library chose primes k * M + (65537^a mod M), M a product of small primes.  Then n
 * mod p is a power of 65537 for every p of M: it has the order r, which a random n has for all p at
 * once about once in 2^27 times. */
static bool is_roca(const BIGNUM *n)
{
    static const unsigned char order_prime[][2] = {
        {2, 11},   {6, 13},   {8, 17},   {9, 19},   {3, 37},  {26, 53},
        {20, 61},  {35, 71},  {24, 73},  {13, 79},  {6, 97},  {51, 103},
        {53, 107}, {54, 109}, {42, 127}, {50, 151}, {78, 157}};

    for (size_t i = 0; i < sizeof order_prime / sizeof *order_prime; i++) {
        unsigned r = order_prime[i][0], p = order_prime[i][1];
        unsigned base = (unsigned)BN_mod_word(n, p), power = 1;

        for (unsigned k = 0; k < r; k++)
            power = power * base % p;
        if (power != 1)
            return false;
    }
    return true;
}

/* a = floor(sqrt(n)), by Newton's steps from above. */
static bool square_root(BIGNUM *a, const BIGNUM *n, BN_CTX *bn)
{
    BIGNUM *next;
    bool ok = true, done = false;

    if (BN_is_zero(n)) {
        BN_zero(a);
        return true;
    }
    BN_CTX_start(bn);
    next = BN_CTX_get(bn);
    ok = next != NULL && BN_one(a) && BN_lshift(a, a, (BN_num_bits(n) + 1) / 2);
    while (ok && !done) {
        ok = BN_div(next, NULL, n, a, bn) && BN_add(next, next, a) && BN_rshift1(next, next);
        done = !ok || BN_cmp(next, a) >= 0;
        if (!done)
            ok = BN_copy(a, next) != NULL;
    }
    BN_CTX_end(bn);
    return ok;
}

/* Squares leave few remainders: nearly every other number is told apart without a root. */
static bool may_be_square(const BIGNUM *x)
{
    static const unsigned char moduli[] = {64, 63, 65, 11, 17, 19, 23, 31};

    for (size_t i = 0; i < sizeof moduli; i++) {
        unsigned m = moduli[i], want = (unsigned)BN_mod_word(x, m);
        bool found = false;

        for (unsigned k = 0; k <= m / 2 && !found; k++)
            found = k * k % m == want;
        if (!found)
            return false;
    }
    return true;
}

/* Is x = b^2 for some b, 0 included? */
static bool is_square(const BIGNUM *x, BIGNUM *root, BIGNUM *square, BN_CTX *bn)
{
    return may_be_square(x) && square_root(root, x, bn) && BN_sqr(square, root, bn) &&
           BN_cmp(square, x) == 0;
}

/* Fermat: n = a^2 - b^2 with a near sqrt(n) if the primes are near each other.  The first a is
 * ceil(sqrt(n)), so that p = q is found too. */
static bool has_close_primes(const BIGNUM *n, BN_CTX *bn)
{
    BIGNUM *a = BN_CTX_get(bn), *b2 = BN_CTX_get(bn), *root = BN_CTX_get(bn);
    BIGNUM *square = BN_CTX_get(bn);

    if (square == NULL || !square_root(a, n, bn) || !BN_sqr(b2, a, bn))
        return true;
    if (BN_cmp(b2, n) < 0 && (!BN_add_word(a, 1) || !BN_sqr(b2, a, bn)))
        return true;
    if (!BN_sub(b2, b2, n))
        return true;
    for (int round = 0; round < FERMAT_ROUNDS; round++) {
        if (is_square(b2, root, square, bn))
            return true;
        /* (a + 1)^2 = a^2 + 2a + 1 */
        if (!BN_add(b2, b2, a) || !BN_add(b2, b2, a) || !BN_add_word(b2, 1) || !BN_add_word(a, 1))
            return true;
    }
    return false;
}

static bool is_prime_word(unsigned r)
{
    for (unsigned d = 3; d * d <= r; d += 2)
        if (r % d == 0)
            return false;
    return r % 2 == 1 && r > 1;
}

static unsigned power_mod(uint64_t base, unsigned exponent, unsigned m)
{
    uint64_t product = 1;

    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1)
            product = product * base % m;
        base = base * base % m;
    }
    return (unsigned)product;
}

/* Is n = x^k?  Then n is a k-th power modulo every prime r = 1 (mod k), where only one number in k
 * is: nearly every n is told apart by the first, and forty bits of evidence are proof enough. */
static bool is_kth_power(const BIGNUM *n, unsigned k)
{
    unsigned bits_each = 0, evidence = 0;

    for (unsigned v = k; v > 1; v /= 2)
        bits_each++;
    for (unsigned r = 2 * k + 1; evidence < EVIDENCE_BITS; r += 2 * k) {
        unsigned rest;

        if (!is_prime_word(r) || (rest = (unsigned)BN_mod_word(n, r)) == 0)
            continue;
        if (power_mod(rest, (r - 1) / k, r) != 1)
            return false;
        evidence += bits_each;
    }
    return true;
}

/* p^2 is what Fermat finds first; a composite k has a prime in it; p is over 751, nearly 10 bits.
 * That n might itself be prime is not asked: it costs ten times all of this and no generator does
 * it. */
static bool is_power(const BIGNUM *n)
{
    for (unsigned k = 3; k * 9 <= (unsigned)BN_num_bits(n); k += 2)
        if (is_prime_word(k) && is_kth_power(n, k))
            return true;
    return false;
}

static const char *weakness(const BIGNUM *n, BN_CTX *bn)
{
    if (has_small_factor(n))
        return "RSA modulus has a small factor (NIST SP 800-89 section 5.3.3)";
    if (is_roca(n))
        return "RSA modulus comes from a faulty generator (ROCA, CVE-2017-15361)";
    if (has_close_primes(n, bn))
        return "RSA modulus is a product of two close primes (Fermat's method factors it)";
    if (is_power(n))
        return "RSA modulus is a power of a prime (NIST SP 800-89 section 5.3.3)";
    return NULL;
}

const char *chy_rsa_weakness(const BIGNUM *n)
{
    BN_CTX *bn = BN_CTX_new();
    const char *why;

    if (bn == NULL)
        abort();
    BN_CTX_start(bn);
    why = weakness(n, bn);
    BN_CTX_end(bn);
    BN_CTX_free(bn);
    return why;
}
