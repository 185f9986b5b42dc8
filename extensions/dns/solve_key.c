/* SPDX-License-Identifier: Apache-2.0 */
/* TSIG keys (RFC 8945) in the two forms that name servers' tools write. */
#include "solve.h"

#include <string.h>

#define SPACE " \t\r\n"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
#define BASE64 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/="

/* Those that libldns computes; its 1.8 misspells hmac-sha384 to itself. */
static const char *const algorithms[] = {"hmac-sha256", "hmac-sha512"};

/* Copy n octets of one alphabet; false if others are among them, or too many. */
static bool take(char *out, size_t room, const char *s, size_t n, const char *alphabet)
{
    if (n == 0 || n > room)
        return false;
    memcpy(out, s, n);
    out[n] = '\0';
    return strspn(out, alphabet) == n;
}

static const char *check(const struct dns_key *key)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (strcasecmp(key->algorithm, algorithms[i]) == 0)
            return NULL;
    return "its algorithm is none of hmac-sha256, hmac-sha512";
}

/* algorithm:name:secret, the rest of the line white space. */
static const char *read_line(const char *s, struct dns_key *key)
{
    size_t a = strcspn(s, ":"), n = s[a] == ':' ? strcspn(s + a + 1, ":") : 0;
    const char *secret = s + a + 1 + n + 1;

    if (s[a] != ':' || s[a + 1 + n] != ':' ||
        !take(key->algorithm, sizeof key->algorithm - 1, s, a, NAME_CHARS) ||
        !take(key->name, sizeof key->name - 1, s + a + 1, n, NAME_CHARS) ||
        !take(key->secret, sizeof key->secret - 1, secret, strcspn(secret, SPACE), BASE64))
        return "it is no line algorithm:name:secret";
    secret += strlen(key->secret);
    if (secret[strspn(secret, SPACE)] != '\0')
        return "something stands behind the key";
    return check(key);
}

/* ---- key "name" { algorithm x; secret "y"; }; ---- */

/* The next word, or one of { } ; NULL at the end, or where a quote is not closed.  # and // begin a
 * comment. */
static const char *next_word(const char **at, size_t *ret_n)
{
    const char *p = *at;
    size_t n;

    for (;;) {
        p += strspn(p, SPACE);
        if (*p != '#' && strncmp(p, "//", 2) != 0)
            break;
        p += strcspn(p, "\n");
    }
    if (*p == '"') {
        n = strcspn(++p, "\"");
        if (p[n] != '"')
            return NULL; /* and *at stays before it: something is left */
        *at = p + n + 1;
        *ret_n = n;
        return p;
    }
    n = *p != '\0' && strchr("{};", *p) != NULL ? 1 : strcspn(p, SPACE "{};\"");
    *at = p + n;
    *ret_n = n;
    return n > 0 ? p : NULL;
}

static bool is(const char *word, size_t n, const char *expected)
{
    return word != NULL && n == strlen(expected) && memcmp(word, expected, n) == 0;
}

static bool expect(const char **at, const char *expected)
{
    size_t n = 0;
    const char *word = next_word(at, &n);

    return is(word, n, expected);
}

/* One "algorithm x;" or "secret y;" */
static bool read_member(const char **at, const char *what, size_t what_n, struct dns_key *key)
{
    size_t n = 0;
    const char *value = next_word(at, &n);
    bool good = false;

    if (value == NULL)
        return false;
    if (is(what, what_n, "algorithm"))
        good = take(key->algorithm, sizeof key->algorithm - 1, value, n, NAME_CHARS);
    else if (is(what, what_n, "secret"))
        good = take(key->secret, sizeof key->secret - 1, value, n, BASE64);
    return good && expect(at, ";");
}

static const char *read_statement(const char *s, struct dns_key *key)
{
    size_t n = 0;
    const char *word = next_word(&s, &n);

    if (word == NULL || !take(key->name, sizeof key->name - 1, word, n, NAME_CHARS) ||
        !expect(&s, "{"))
        return "it is no statement key \"name\" { ... };";
    while ((word = next_word(&s, &n)) != NULL && !is(word, n, "}"))
        if (!read_member(&s, word, n, key))
            return "between the braces stands something else than algorithm x; secret \"y\";";
    if (word == NULL || !expect(&s, ";") || next_word(&s, &n) != NULL || *s != '\0')
        return "the statement does not end with }; or something stands behind it";
    if (key->algorithm[0] == '\0' || key->secret[0] == '\0')
        return "the statement names no algorithm or no secret";
    return check(key);
}

const char *dns_key_read(const char *text, size_t n, struct dns_key *ret)
{
    struct dns_key key = {0};
    const char *wrong, *s = text + strspn(text, SPACE);

    if (strlen(text) != n)
        return "it is no text";
    /* Comments may stand before a statement. */
    while (*s == '#' || strncmp(s, "//", 2) == 0) {
        s += strcspn(s, "\n");
        s += strspn(s, SPACE);
    }
    wrong = strncmp(s, "key", 3) == 0 && strchr(SPACE "\"", s[3]) != NULL && s[3] != '\0'
                ? read_statement(s + 3, &key)
                : read_line(s, &key);
    if (wrong == NULL)
        *ret = key;
    OPENSSL_cleanse(&key, sizeof key);
    return wrong;
}
