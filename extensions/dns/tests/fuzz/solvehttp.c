/* SPDX-License-Identifier: Apache-2.0 */
/* What anybody may send to the solver's web server, and what a file of --dns-key may hold: a proof is
 * given only for the request line that names its token; a key that is taken is whole. */
#include <stdlib.h>
#include <string.h>

#include "extensions/dns/solve.h"

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define THUMB ".NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
#define LINE "GET /.well-known/acme-challenge/" TOKEN " HTTP/1."

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_answer(const char *request, size_t n)
{
    const struct chy_task task = {.ident = {"dns", "a.example", "a.example"},
                                  .token = TOKEN,
                                  .key_authorization = TOKEN THUMB};
    char out[1024];
    const char *answer = dns_http_answer(request, n, &task, 1, out, sizeof out);

    if (answer == NULL)
        return;
    must(strncmp(answer, "HTTP/1.1 ", 9) == 0 && strlen(answer) < sizeof out);
    must(strstr(answer, THUMB) == NULL ||
         (n > sizeof LINE && memcmp(request, LINE, sizeof LINE - 1) == 0));
}

static void check_key(const char *text, size_t n)
{
    struct dns_key key = {.name = ""};

    if (dns_key_read(text, n, &key) != NULL)
        return;
    must(key.name[0] != '\0' && key.secret[0] != '\0');
    must(strncasecmp(key.algorithm, "hmac-sha", 8) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_answer(text, size);
    check_key(text, size);
    free(text);
    return 0;
}
