/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/scripthttp.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_MAX 64
#define REQUEST_MAX 65536

struct script {
    int listens, stop;
    char url[40];
    pthread_t thread;
    pthread_mutex_t lock;
    char *answers[ANSWERS_MAX], *bodies[ANSWERS_MAX];
    size_t n_answers, given;
};

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- one request ---- */

/* Is something there to be read?  False: the test is over. */
static bool readable(const struct script *s, int fd)
{
    struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = s->stop, .events = POLLIN}};

    return poll(p, 2, -1) > 0 && p[1].revents == 0;
}

/* A whole request; returns its body, or NULL when the peer is gone. */
static char *read_request(const struct script *s, int fd)
{
    char *b = calloc(1, REQUEST_MAX + 1), *end, *length;
    size_t n = 0, body = 0;

    must(b != NULL);
    while (n < REQUEST_MAX && readable(s, fd)) {
        ssize_t got = read(fd, b + n, REQUEST_MAX - n);

        if (got <= 0)
            break;
        n += (size_t)got;
        end = strstr(b, "\r\n\r\n");
        if (end == NULL)
            continue;
        length = strcasestr(b, "\r\nContent-Length:");
        body = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
        if ((size_t)(b + n - (end + 4)) < body)
            continue;
        memmove(b, end + 4, strlen(end + 4) + 1);
        return b;
    }
    free(b);
    return NULL;
}

/* Every "@" replaced. */
static char *with_url(const struct script *s, const char *text)
{
    char *out = calloc(1, strlen(text) * 2 + 40 * 64);
    size_t n = 0;

    must(out != NULL);
    for (; *text != '\0'; text++) {
        if (*text == '@')
            n += (size_t)snprintf(out + n, 40, "%s", s->url);
        else
            out[n++] = *text;
    }
    return out;
}

static void send_all(int fd, const char *b, size_t n)
{
    while (n > 0) {
        ssize_t put = send(fd, b, n, MSG_NOSIGNAL);

        if (put <= 0)
            return;
        b += put;
        n -= (size_t)put;
    }
}

/* False: close the connection. */
static bool give(struct script *s, int fd, const char *answer)
{
    char *text, *end;
    bool whole;

    if (strcmp(answer, SCRIPT_SILENCE) == 0)
        return readable(s, fd);
    text = with_url(s, answer);
    end = strstr(text, "\r\n\r\n");
    whole = end != NULL;
    if (whole) {
        char length[64];

        send_all(fd, text, (size_t)(end - text));
        snprintf(length, sizeof length, "\r\nContent-Length: %zu\r\n\r\n", strlen(end + 4));
        send_all(fd, length, strlen(length));
        send_all(fd, end + 4, strlen(end + 4));
    } else {
        send_all(fd, text, strlen(text));
    }
    free(text);
    return whole;
}

/* The next answer, kept with the body it is for; NULL when there is none. */
static const char *next(struct script *s, char *body)
{
    const char *answer = NULL;

    pthread_mutex_lock(&s->lock);
    if (s->given < s->n_answers) {
        s->bodies[s->given] = body;
        answer = s->answers[s->given++];
    }
    pthread_mutex_unlock(&s->lock);
    return answer;
}

static void serve(struct script *s, int fd)
{
    char *body;

    while ((body = read_request(s, fd)) != NULL) {
        const char *answer = next(s, body);

        if (answer == NULL)
            free(body);
        if (answer == NULL || !give(s, fd, answer))
            return;
    }
}

static void *run(void *arg)
{
    struct script *s = arg;

    while (readable(s, s->listens)) {
        int fd = accept(s->listens, NULL, NULL);

        if (fd < 0)
            continue;
        serve(s, fd);
        close(fd);
    }
    return NULL;
}

/* ---- the server ---- */

struct script *script_start(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct script *s = calloc(1, sizeof *s);
    socklen_t n = sizeof sa;

    must(s != NULL);
    s->listens = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    s->stop = eventfd(0, EFD_CLOEXEC);
    must(s->listens >= 0 && s->stop >= 0);
    must(bind(s->listens, (struct sockaddr *)&sa, n) == 0 && listen(s->listens, 8) == 0);
    must(getsockname(s->listens, (struct sockaddr *)&sa, &n) == 0);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", ntohs(sa.sin_port));
    pthread_mutex_init(&s->lock, NULL);
    must(pthread_create(&s->thread, NULL, run, s) == 0);
    return s;
}

void script_stop(struct script *s)
{
    must(write(s->stop, &(uint64_t){1}, sizeof(uint64_t)) == sizeof(uint64_t));
    pthread_join(s->thread, NULL);
    close(s->listens);
    close(s->stop);
    for (size_t i = 0; i < ANSWERS_MAX; i++) {
        free(s->answers[i]);
        free(s->bodies[i]);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *script_url(const struct script *s)
{
    return s->url;
}

void script_answer(struct script *s, const char *text)
{
    pthread_mutex_lock(&s->lock);
    must(s->n_answers < ANSWERS_MAX);
    s->answers[s->n_answers++] = strdup(text);
    pthread_mutex_unlock(&s->lock);
}

size_t script_count(struct script *s)
{
    size_t n;

    pthread_mutex_lock(&s->lock);
    n = s->given;
    pthread_mutex_unlock(&s->lock);
    return n;
}

const char *script_body(struct script *s, size_t i)
{
    const char *body;

    pthread_mutex_lock(&s->lock);
    must(i < s->given);
    body = s->bodies[i];
    pthread_mutex_unlock(&s->lock);
    return body;
}
