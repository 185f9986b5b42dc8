/* SPDX-License-Identifier: Apache-2.0 */
/* "did you mean": the nearest name by optimal string alignment distance (insert, delete, replace,
 * swap two neighbours).  It suggests only; nothing is ever accepted because it is near. */
#include "core/policy/diagnostics.h"

#include <string.h>

#define WORD_MAX 64 /* longer words get no suggestion */
#define NEAR_MAX 3  /* edits */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Edits from a to b; both at most WORD_MAX octets. */
static unsigned distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
    unsigned rows[3][WORD_MAX + 1]; /* the row before the last, the last, this one */
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= b_n; j++)
        last[j] = (unsigned)j;
    memset(before, 0, sizeof rows[0]);
    for (size_t i = 1; i <= a_n; i++) {
        unsigned *oldest = before;

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_n; j++) {
            unsigned d = last[j - 1] + (a[i - 1] != b[j - 1]);

            d = least(d, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = least(d, before[j - 2] + 1);
            row[j] = d;
        }
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_n];
}

const char *chy_did_you_mean(const char *word, const char *const *names, size_t n)
{
    size_t word_n = strnlen(word, WORD_MAX + 1);
    const char *best = NULL;
    unsigned best_d = NEAR_MAX + 1;

    if (word_n > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t name_n = strnlen(names[i], WORD_MAX + 1);
        size_t longer = name_n > word_n ? name_n : word_n;
        size_t shorter = name_n > word_n ? word_n : name_n;
        unsigned d;

        if (name_n > WORD_MAX || longer - shorter > NEAR_MAX)
            continue;
        d = distance(word, word_n, names[i], name_n);
        /* A third of the letters may be wrong: with more, the suggestion is a guess. */
        if (d > 0 && d <= longer / 3 && d < best_d) {
            best = names[i];
            best_d = d;
        }
    }
    return best;
}
