/* SPDX-License-Identifier: Apache-2.0 */
/* The text of one document: which octets may stand in it, and where an octet is for a reader who counts
 * lines and characters. */
#include "core/policy/yaml_tree.h"

#include "core/base/utf8.h"

static size_t line_start(const struct chy_yaml_source *src, size_t at)
{
    while (at > 0 && src->text[at - 1] != '\n')
        at--;
    return at;
}

unsigned chy_yaml_line_at(const struct chy_yaml_source *src, size_t at)
{
    unsigned line = 1;

    for (size_t i = 0; i < at && i < src->n; i++)
        line += src->text[i] == '\n';
    return line;
}

void chy_yaml_verror_at(const struct chy_yaml_source *src, size_t at, const char *f, va_list ap)
{
    size_t start;
    unsigned column = 1;
    uint32_t rune;

    if (at > src->n)
        at = src->n;
    /* Beyond what is shown only the number counts: no scan of the text for each. */
    if (src->file == NULL || chy_report_count(src->report) >= CHY_REPORT_MAX) {
        chy_report_verror(src->report, "default", 0, 0, NULL, f, ap);
        return;
    }
    start = line_start(src, at);
    for (size_t i = start; i < at; column++) {
        size_t len = chy_utf8_next((const uint8_t *)src->text + i, src->n - i, &rune);

        i += len > 0 ? len : 1;
    }
    chy_report_verror(src->report, src->file, chy_yaml_line_at(src, at), column, src->text + start,
                      f, ap);
}

void chy_yaml_error_at(const struct chy_yaml_source *src, size_t at, const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    chy_yaml_verror_at(src, at, f, ap);
    va_end(ap);
}

bool chy_yaml_text_valid(const struct chy_yaml_source *src)
{
    const uint8_t *s = (const uint8_t *)src->text;

    for (size_t i = 0; i < src->n;) {
        uint32_t rune;
        size_t len = chy_utf8_next(s + i, src->n - i, &rune);

        if (len == 0) {
            chy_yaml_error_at(src, i, "not UTF-8: octet 0x%02x does not belong here", s[i]);
            return false;
        }
        if (!chy_utf8_printable(rune) && rune != '\t' && rune != '\n' &&
            !(rune == '\r' && i + 1 < src->n && s[i + 1] == '\n')) {
            chy_yaml_error_at(src, i, "character U+%04X is not allowed in policy", rune);
            return false;
        }
        i += len;
    }
    return true;
}
