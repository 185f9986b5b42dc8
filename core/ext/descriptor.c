/* SPDX-License-Identifier: Apache-2.0 */
/* The protected head of a descriptor: what must hold before any other field may be read.  While the
 * ABI is 0.x nothing is promised, so that major, minor and size must all be this program's own. */
#include <string.h>

#include "core/ext/tables.h"

bool chy_module_name_ok(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return name[0] >= 'a' && name[0] <= 'z' && name[n] == '\0' && n <= 32;
}

enum chy_rc chy_descriptor_check(struct chy_ctx *cx, const struct chy_module *m,
                                 const char *expected)
{
    /* The descriptor's own name is not believed before its magic and ABI are. */
    const char *called = expected != NULL ? expected : "in memory";

    if (m->magic != CHY_MODULE_MAGIC)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "module %s: chy_module has magic 0x%08x, not 0x%08x: it is no Chancery "
                        "module; begin the descriptor with CHY_MODULE(name, version)",
                        called, m->magic, CHY_MODULE_MAGIC);
    if (m->abi_major != CHY_ABI_MAJOR || m->abi_minor != CHY_ABI_MINOR)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "module %s: built for ABI %u.%u, this program has %u.%u; rebuild it with "
                        "this version's chancery/extension.h",
                        called, m->abi_major, m->abi_minor, CHY_ABI_MAJOR, CHY_ABI_MINOR);
    if (m->size != sizeof *m)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "module %s: descriptor of %u octets where this program has %zu; rebuild it "
                        "with this version's chancery/extension.h",
                        called, m->size, sizeof *m);
    if (m->name == NULL || !chy_module_name_ok(m->name))
        return chy_fail(cx, &CHY_P_serverInternal,
                        "module %s: the descriptor's name '%s' is not a lower-case word of at most "
                        "32 letters, digits and '_'; correct it",
                        called, m->name != NULL ? m->name : "");
    if (expected != NULL && strcmp(m->name, expected) != 0)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "module %s: the descriptor in %s.so calls itself '%s'; file and descriptor "
                        "must have one name, rename one of them",
                        expected, expected, m->name);
    if (m->version == NULL || m->version[0] == '\0')
        return CHY_REFUSE(cx, m, "has no version; give one in CHY_MODULE(name, version)");
    return CHY_OK;
}
