/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one unit of work: taken in pieces, given back all at once. */
#ifndef CHY_BASE_ARENA_H
#define CHY_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct chy_arena;

/* New empty arena.  Aborts when memory is out: all state is in transactions. */
struct chy_arena *chy_arena_new(void);
/* Gives everything back and runs the cleanups, last registered first.  NULL is allowed. */
void chy_arena_free(struct chy_arena *a);
/* Empties the arena for the next unit of work, keeping its first block. */
void chy_arena_reset(struct chy_arena *a);
/* n zeroed octets, aligned for any type.  Never NULL; n is bounded by the caller. */
void *chy_arena_alloc(struct chy_arena *a, size_t n);
char *chy_arena_strndup(struct chy_arena *a, const char *s, size_t n);
char *chy_arena_strdup(struct chy_arena *a, const char *s);
char *chy_arena_fmt(struct chy_arena *a, const char *f, ...) __attribute__((format(printf, 2, 3)));
char *chy_arena_vfmt(struct chy_arena *a, const char *f, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Run release(object) when the arena is emptied: for X509, json_t, file descriptors and the like. */
void chy_arena_defer(struct chy_arena *a, void (*release)(void *object), void *object);

#endif
