/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: a list of blocks, bump allocation, and a list of cleanups.  Not thread-safe: one unit of
 * work belongs to one thread. */
#include "core/base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (16u * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct block {
    struct block *next;
    size_t used, size;
    max_align_t data[];
};

struct cleanup {
    struct cleanup *next;
    void (*release)(void *);
    void *object;
};

struct chy_arena {
    struct block *newest;
    struct cleanup *cleanups;
};

static struct block *block_new(size_t at_least)
{
    size_t size = at_least > BLOCK_SIZE ? at_least : BLOCK_SIZE;
    struct block *b = calloc(1, sizeof *b + size);

    if (b == NULL)
        abort();
    b->size = size;
    return b;
}

struct chy_arena *chy_arena_new(void)
{
    struct chy_arena *a = calloc(1, sizeof *a);

    if (a == NULL)
        abort();
    a->newest = block_new(BLOCK_SIZE);
    return a;
}

static void run_cleanups(struct chy_arena *a)
{
    struct cleanup *c = a->cleanups;

    /* The list itself lives in the blocks, so it is walked before they go. */
    a->cleanups = NULL;
    for (; c != NULL; c = c->next)
        c->release(c->object);
}

void chy_arena_reset(struct chy_arena *a)
{
    run_cleanups(a);
    while (a->newest->next != NULL) {
        struct block *next = a->newest->next;

        free(a->newest);
        a->newest = next;
    }
    memset(a->newest->data, 0, a->newest->used);
    a->newest->used = 0;
}

void chy_arena_free(struct chy_arena *a)
{
    if (a == NULL)
        return;
    chy_arena_reset(a);
    free(a->newest);
    free(a);
}

void *chy_arena_alloc(struct chy_arena *a, size_t n)
{
    struct block *b = a->newest;
    void *p;

    if (n > SIZE_MAX / 2)
        abort();
    n = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (b->size - b->used < n) {
        b = block_new(n);
        b->next = a->newest;
        a->newest = b;
    }
    p = (char *)b->data + b->used;
    b->used += n;
    return p;
}

char *chy_arena_strndup(struct chy_arena *a, const char *s, size_t n)
{
    char *copy = chy_arena_alloc(a, n + 1);

    memcpy(copy, s, n);
    return copy;
}

char *chy_arena_strdup(struct chy_arena *a, const char *s)
{
    return chy_arena_strndup(a, s, strlen(s));
}

char *chy_arena_vfmt(struct chy_arena *a, const char *f, va_list ap)
{
    va_list again;
    char *text;
    int n;

    if (f == NULL) /* and the compiler may rely on it below */
        abort();
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, f, again);
    va_end(again);
    if (n < 0)
        abort();
    text = chy_arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, f, ap);
    return text;
}

char *chy_arena_fmt(struct chy_arena *a, const char *f, ...)
{
    va_list ap;
    char *text;

    va_start(ap, f);
    text = chy_arena_vfmt(a, f, ap);
    va_end(ap);
    return text;
}

void chy_arena_defer(struct chy_arena *a, void (*release)(void *), void *object)
{
    struct cleanup *c = chy_arena_alloc(a, sizeof *c);

    c->release = release;
    c->object = object;
    c->next = a->cleanups;
    a->cleanups = c;
}
