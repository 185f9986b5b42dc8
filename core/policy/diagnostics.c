/* SPDX-License-Identifier: Apache-2.0 */
/* Collects mistakes and prints them with the source line and a caret.  It knows nothing of YAML; text
 * that comes from files is made printable here, so that no file can write to a terminal. */
#include "core/policy/diagnostics.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/problem.h"
#include "core/base/utf8.h"

#define SOURCE_WIDTH 120 /* characters of a source line that are shown */
#define SOURCE_LEAD 60   /* of these, before the caret in a longer line */
#define MESSAGE_MAX 1000

struct mistake {
    const char *file;
    unsigned line, column;
    const char *source; /* printable window of the line, or NULL */
    const char *pad;    /* what stands before the caret */
    const char *message;
    size_t order;
};

struct chy_report {
    struct chy_ctx *cx;
    size_t count, kept;
    struct mistake mistakes[CHY_REPORT_MAX];
};

struct chy_report *chy_report_new(struct chy_ctx *cx)
{
    struct chy_report *r = chy_alloc(cx, sizeof *r);

    r->cx = cx;
    return r;
}

/* Columns that a terminal gives a character: 0 for combining marks, 2 for East Asian wide ones and
 * emoji.  wcwidth() would need a locale, which a library must not set. */
static unsigned width_of(uint32_t rune)
{
    static const struct {
        uint32_t first, last;
    } wide[] = {{0x1100, 0x115f},   {0x2e80, 0xa4cf},   {0xac00, 0xd7a3},  {0xf900, 0xfaff},
                {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
                {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};

    if ((rune >= 0x0300 && rune <= 0x036f) || (rune >= 0xfe00 && rune <= 0xfe0f))
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (rune >= wide[i].first && rune <= wide[i].last)
            return 2;
    return 1;
}

/* One character of the line, and what it is shown as. */
struct glyph {
    const char *text;
    size_t text_n, octets;
    unsigned width;
};

static struct glyph read_glyph(const char *s, size_t n)
{
    struct glyph g = {.text = "?", .text_n = 1, .octets = 1, .width = 1};
    uint32_t rune = 0;
    size_t len = chy_utf8_next((const uint8_t *)s, n, &rune);

    if (len > 0)
        g.octets = len;
    if (len > 0 && (rune == '\t' || chy_utf8_printable(rune))) {
        g.text = s;
        g.text_n = len;
        g.width = width_of(rune);
    }
    return g;
}

/* Fill m->source and m->pad from the line: tabs stay tabs in both, so that the caret falls right. */
static void draw_source(struct chy_ctx *cx, struct mistake *m, const char *line)
{
    size_t n = strcspn(line, "\n");
    unsigned first = m->column > SOURCE_WIDTH ? m->column - SOURCE_LEAD : 1, column = 1;
    char *shown = chy_alloc(cx, (size_t)SOURCE_WIDTH * 4 + 7);
    char *pad = chy_alloc(cx, (size_t)SOURCE_WIDTH * 2 + 4);
    size_t shown_n = 0, pad_n = 0;

    if (n > 0 && line[n - 1] == '\r')
        n--;
    if (first > 1) {
        memcpy(shown, "...", shown_n = 3);
        memcpy(pad, "   ", pad_n = 3);
    }
    for (size_t i = 0; i < n; column++) {
        struct glyph g = read_glyph(line + i, n - i);

        i += g.octets;
        if (column < first)
            continue;
        if (column >= first + SOURCE_WIDTH) {
            memcpy(shown + shown_n, "...", 3);
            break;
        }
        memcpy(shown + shown_n, g.text, g.text_n);
        shown_n += g.text_n;
        for (unsigned w = 0; column < m->column && w < g.width; w++)
            pad[pad_n++] = *g.text == '\t' ? '\t' : ' ';
    }
    m->source = shown;
    m->pad = pad;
}

void chy_report_verror(struct chy_report *r, const char *file, unsigned line, unsigned column,
                       const char *source, const char *f, va_list ap)
{
    struct mistake *m;
    const char *text;

    if (r->count++ >= CHY_REPORT_MAX)
        return;
    m = &r->mistakes[r->kept];
    text = chy_arena_vfmt(r->cx->arena, f, ap);
    m->message = chy_printable(r->cx, text, strlen(text), MESSAGE_MAX);
    m->file = chy_printable(r->cx, file, strlen(file), MESSAGE_MAX);
    m->line = line;
    m->column = column;
    m->order = r->kept++;
    if (source != NULL && line > 0)
        draw_source(r->cx, m, source);
}

void chy_report_error(struct chy_report *r, const char *file, unsigned line, unsigned column,
                      const char *source, const char *f, ...)
{
    va_list ap;

    va_start(ap, f);
    chy_report_verror(r, file, line, column, source, f, ap);
    va_end(ap);
}

size_t chy_report_count(const struct chy_report *r)
{
    return r->count;
}

static int compare(const void *a, const void *b)
{
    const struct mistake *x = *(const struct mistake *const *)a;
    const struct mistake *y = *(const struct mistake *const *)b;
    int by_file = strcmp(x->file, y->file);

    if (by_file != 0)
        return by_file;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static void print_one(const struct mistake *m, FILE *out)
{
    if (m->line == 0) {
        fprintf(out, "%s: error: %s\n", m->file, m->message);
        return;
    }
    fprintf(out, "%s:%u:%u: error: %s\n", m->file, m->line, m->column, m->message);
    if (m->source != NULL)
        fprintf(out, "%5u | %s\n%5s | %s^\n", m->line, m->source, "", m->pad);
}

void chy_report_print(const struct chy_report *r, FILE *out)
{
    const struct mistake *sorted[CHY_REPORT_MAX];

    if (r->count == 0)
        return;
    for (size_t i = 0; i < r->kept; i++)
        sorted[i] = &r->mistakes[i];
    qsort(sorted, r->kept, sizeof *sorted, compare);
    for (size_t i = 0; i < r->kept; i++)
        print_one(sorted[i], out);
    fprintf(out, "%zu error%s", r->count, r->count == 1 ? "" : "s");
    if (r->count > r->kept)
        fprintf(out, " (the first %zu found are shown)", r->kept);
    fputc('\n', out);
}

char *chy_report_text(const struct chy_report *r)
{
    char *text = NULL, *copy;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (out == NULL)
        abort();
    chy_report_print(r, out);
    fclose(out);
    copy = chy_arena_strndup(r->cx->arena, text, n);
    free(text);
    return copy;
}
