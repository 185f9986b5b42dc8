/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for names under profiles that are marked public, whatever these say (core.md NO-20 to
 * NO-22, BR-11): by the public suffix list, of which Debian keeps a compiled copy. */
#include <string.h>

#include <libpsl.h>

#include "dns.h"

#define LIST "/usr/share/publicsuffix/public_suffix_list.dafsa"
/* Only what registries say of themselves counts (BR 3.2.2.6); and a name under a top-level domain that
 * the list does not have is under none at all. */
#define REGISTRIES (PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE)

static psl_ctx_t *list; /* read once, by init; NULL: could not be read */

void dns_suffixes_load(const char *path)
{
    dns_suffixes_drop();
    list = psl_load_file(path != NULL ? path : LIST);
}

void dns_suffixes_drop(void)
{
    psl_free(list);
    list = NULL;
}

static bool is_known_top(const char *name)
{
    const char *dot = strrchr(name, '.');

    return psl_is_public_suffix2(list, dot != NULL ? dot + 1 : name, REGISTRIES) != 0;
}

enum chy_rc dns_permitted_publicly(struct chy_ctx *cx, const struct chy_ident *id)
{
    const char *base = dns_base(id->value);
    const char *special = dns_special_suffix(base);

    if (list == NULL)
        return DNS_FAIL(cx, &CHY_P_serverInternal,
                        "the public suffix list cannot be read, so no name is issued in public; "
                        "install the package publicsuffix");
    if (special != NULL)
        return DNS_FAIL(cx, &CHY_P_rejectedIdentifier,
                        "%s: %s is of special use and not had under public profiles (RFC 6761)",
                        id->value, special);
    if (!is_known_top(base))
        return DNS_FAIL(cx, &CHY_P_rejectedIdentifier,
                        "%s: its last label is no top-level domain of the public DNS", id->value);
    if (psl_is_public_suffix2(list, base, REGISTRIES) != 0)
        return DNS_FAIL(cx, &CHY_P_rejectedIdentifier,
                        "%s: %s is a public suffix: a registry's, not one of its customers'",
                        id->value, base);
    return CHY_OK;
}
