/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target without libFuzzer, so that every compiler and every test run replays the corpora:
 *     fuzz-X FILE-OR-FOLDER...                replay, in the order of the names
 *     fuzz-X -random N SEED FILE-OR-FOLDER... replay, then N mutations of the corpus, the same for
 *                                             the same seed
 * Prints the number of inputs.  A crash leaves the input in crash-input (fatal signals only in builds
 * without a sanitizer).  For libFuzzer link the target with -fsanitize=fuzzer instead of this file. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX (1u << 20)
#define MUTANT_MAX (1u << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *b;
    size_t n;
};

struct corpus {
    struct input *inputs;
    size_t n;
};

/* What the target works on now, for the signal handler. */
static const uint8_t *current;
static size_t current_n;

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(2);
}

static void keep_input(int sig)
{
    FILE *f = fopen("crash-input", "wb");

    if (f != NULL) {
        fwrite(current, 1, current_n, f);
        fclose(f);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

static void run_one(const uint8_t *b, size_t n)
{
    /* A buffer of the exact size, so that a sanitizer sees the first octet beyond it. */
    uint8_t *exact = malloc(n > 0 ? n : 1);

    if (exact == NULL)
        die("malloc");
    if (n > 0)
        memcpy(exact, b, n);
    current = exact;
    current_n = n;
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static void add_file(struct corpus *c, const char *path)
{
    FILE *f = fopen(path, "rb");
    struct input in = {malloc(INPUT_MAX), 0};

    if (f == NULL || in.b == NULL)
        die(path);
    in.n = fread(in.b, 1, INPUT_MAX, f);
    fclose(f);
    in.b = realloc(in.b, in.n > 0 ? in.n : 1);
    c->inputs = realloc(c->inputs, (c->n + 1) * sizeof *c->inputs);
    if (in.b == NULL || c->inputs == NULL)
        die("realloc");
    c->inputs[c->n++] = in;
}

static void add_path(struct corpus *c, const char *path)
{
    struct dirent **entries;
    struct stat st;
    int n;

    if (stat(path, &st) != 0)
        die(path);
    if (!S_ISDIR(st.st_mode)) {
        add_file(c, path);
        return;
    }
    n = scandir(path, &entries, NULL, alphasort);
    if (n < 0)
        die(path);
    for (int i = 0; i < n; i++) {
        char *name = NULL;

        if (entries[i]->d_name[0] != '.') {
            if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
                die("asprintf");
            add_path(c, name);
        }
        free(name);
        free(entries[i]);
    }
    free(entries);
}

/* xorshift64*: small, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

static size_t below(uint64_t *state, size_t n)
{
    return n == 0 ? 0 : (size_t)(next_random(state) % n);
}

static void insert_octets(struct input *m, size_t at, const uint8_t *b, size_t n)
{
    if (n > MUTANT_MAX - m->n)
        n = MUTANT_MAX - m->n;
    memmove(m->b + at + n, m->b + at, m->n - at);
    memmove(m->b + at, b, n);
    m->n += n;
}

static void delete_octets(struct input *m, size_t at, size_t n)
{
    if (n > m->n - at)
        n = m->n - at;
    memmove(m->b + at, m->b + at + n, m->n - at - n);
    m->n -= n;
}

static void mutate(struct input *m, const struct corpus *c, uint64_t *state)
{
    static const char interesting[] = "\0\xff\r\n \t:;,%0\x7f\x80/\"{}[]\\=+-";
    const struct input *other = &c->inputs[below(state, c->n)];
    size_t at = below(state, m->n + 1), from = below(state, other->n);
    uint8_t octet = (uint8_t)next_random(state);
    uint8_t odd = (uint8_t)interesting[below(state, sizeof interesting - 1)];

    switch (below(state, 8)) {
    case 0:
        if (at < m->n)
            m->b[at] ^= (uint8_t)(1u << (octet & 7));
        break;
    case 1:
        if (at < m->n)
            m->b[at] = octet;
        break;
    case 2:
        if (at < m->n)
            m->b[at] = odd;
        break;
    case 3:
        insert_octets(m, at, &odd, 1);
        break;
    case 4:
        delete_octets(m, at, 1 + below(state, 16));
        break;
    case 5: /* a piece of another input */
        insert_octets(m, at, other->b + from, below(state, other->n - from + 1));
        break;
    case 6: /* its tail instead of ours */
        m->n = at;
        insert_octets(m, at, other->b + from, other->n - from);
        break;
    default: /* a piece of our own twice */
        if (at < m->n) {
            uint8_t copy[64];
            size_t n = 1 + below(state, sizeof copy);

            n = n < m->n - at ? n : m->n - at;
            memcpy(copy, m->b + at, n);
            insert_octets(m, at, copy, n);
        }
        break;
    }
}

static void run_random(const struct corpus *c, uint64_t n, uint64_t seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    struct input m = {malloc(MUTANT_MAX), 0};

    if (m.b == NULL)
        die("malloc");
    for (uint64_t i = 0; i < n; i++) {
        const struct input *from = &c->inputs[below(&state, c->n)];
        size_t rounds = 1 + below(&state, 6);

        m.n = from->n < MUTANT_MAX ? from->n : MUTANT_MAX;
        memcpy(m.b, from->b, m.n);
        for (size_t r = 0; r < rounds; r++)
            mutate(&m, c, &state);
        run_one(m.b, m.n);
    }
    free(m.b);
}

int main(int argc, char **argv)
{
    struct corpus c = {NULL, 0};
    uint64_t n = 0, seed = 0;
    int i = 1;

    if (argc > 3 && strcmp(argv[1], "-random") == 0) {
        n = strtoull(argv[2], NULL, 10);
        seed = strtoull(argv[3], NULL, 10);
        i = 4;
    }
    for (; i < argc; i++)
        add_path(&c, argv[i]);
    if (c.n == 0) {
        fprintf(stderr, "usage: %s [-random N SEED] FILE-OR-FOLDER...\n", argv[0]);
        return 2;
    }
    signal(SIGABRT, keep_input);
    signal(SIGSEGV, keep_input);
    for (size_t k = 0; k < c.n; k++)
        run_one(c.inputs[k].b, c.inputs[k].n);
    run_random(&c, n, seed);
    printf("%zu inputs\n", c.n + (size_t)n);
    for (size_t k = 0; k < c.n; k++)
        free(c.inputs[k].b);
    free(c.inputs);
    return 0;
}
