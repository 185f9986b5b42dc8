/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table by name with open addressing, at most half full.  Names and texts are compared, never
 * addresses: an address may come back with another statement in it. */
#include "core/db/prepared.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 128

/* FNV-1a. */
static size_t hash(const char *s)
{
    uint64_t h = 14695981039346656037u;

    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)h;
}

/* The slot of name: its own, or the empty one where it belongs. */
static struct chy_prepared_one *slot_of(struct chy_prepared_one *slots, size_t room,
                                        const char *name)
{
    size_t i = hash(name) & (room - 1);

    while (slots[i].name != NULL && strcmp(slots[i].name, name) != 0)
        i = (i + 1) & (room - 1);
    return &slots[i];
}

enum chy_prepared_state chy_prepared_state(const struct chy_prepared *p, const struct chy_sql *q)
{
    const struct chy_prepared_one *one;

    if (p->n == 0)
        return CHY_PREPARED_NOT;
    one = slot_of(p->slots, p->room, q->name);
    if (one->name == NULL)
        return CHY_PREPARED_NOT;
    return strcmp(one->text, q->text) == 0 ? CHY_PREPARED_YES : CHY_PREPARED_OTHER;
}

static void grow(struct chy_prepared *p)
{
    size_t room = p->room == 0 ? ROOM_FIRST : 2 * p->room;
    struct chy_prepared_one *slots = calloc(room, sizeof *slots);

    if (slots == NULL)
        abort();
    for (size_t i = 0; i < p->room; i++) {
        if (p->slots[i].name != NULL)
            *slot_of(slots, room, p->slots[i].name) = p->slots[i];
    }
    free(p->slots);
    p->slots = slots;
    p->room = room;
}

void chy_prepared_add(struct chy_prepared *p, const struct chy_sql *q)
{
    struct chy_prepared_one one = {strdup(q->name), strdup(q->text)};

    if (one.name == NULL || one.text == NULL)
        abort();
    if (2 * (p->n + 1) > p->room)
        grow(p);
    *slot_of(p->slots, p->room, q->name) = one;
    p->n++;
}

void chy_prepared_clear(struct chy_prepared *p)
{
    for (size_t i = 0; i < p->room; i++) {
        free(p->slots[i].name);
        free(p->slots[i].text);
    }
    free(p->slots);
    *p = (struct chy_prepared){0};
}
