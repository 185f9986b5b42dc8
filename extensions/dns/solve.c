/* SPDX-License-Identifier: Apache-2.0 */
/* Options and records of the solvers. */
#include "solve.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "_acme-challenge."

const char *dns_option(const json_t *options, const char *name)
{
    return json_string_value(json_object_get(options, name));
}

enum chy_rc dns_option_count(struct chy_ctx *cx, const json_t *options, const char *name,
                             unsigned min, unsigned max, unsigned *ret)
{
    const char *text = dns_option(options, name);
    size_t n = text != NULL ? strspn(text, "0123456789") : 0;
    unsigned long number = n > 0 && n <= 9 && text[n] == '\0' ? strtoul(text, NULL, 10) : 0;

    if (n == 0 || n > 9 || text[n] != '\0' || number < min || number > max)
        return DNS_FAIL(cx, &CHY_P_malformed, "--%s takes a number from %u to %u, not '%.40s'",
                        name, min, max, text != NULL ? text : "");
    *ret = (unsigned)number;
    return CHY_OK;
}

enum chy_rc dns_txt_of(struct chy_ctx *cx, const struct chy_task *task, const char **ret_name,
                       char ret_value[44])
{
    if (task->key_authorization == NULL || !dns_digest(task->key_authorization, ret_value))
        return DNS_FAIL(cx, &CHY_P_malformed, "%s: the server's challenge has no token",
                        task->ident.value);
    *ret_name = dns_host->fmt(cx, PREFIX "%s", task->ident.value);
    return CHY_OK;
}
