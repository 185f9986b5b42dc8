/* SPDX-License-Identifier: Apache-2.0 */
/* A server that answers HTTP requests with whatever octets it finds in files, right or wrong:
 *   scriptd DIR LOG ADDRESS PORT [CERT.pem KEY.pem]
 * PORT 0: the kernel chooses.  Prints "PORT n" when it listens.  With a certificate it speaks TLS.
 * A request for /a/b is answered with the octets of DIR/a_b, 404 if there is none; the connection is
 * closed after it.  Every connection adds a line "address:port connect" to LOG, every request its head,
 * line by line, each after "address:port ".  Paths that never end or never answer:
 *   /~drip      one octet of a header every 100 ms
 *   /~headers   headers without end
 *   /~continue  100 Continue without end
 *   /~body      a body without end
 *   /~silent    nothing
 *   /~reset     a reset instead of an answer
 *   /~slow/X    after two seconds, what X is answered with */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

struct server {
    const char *dir, *log, *address;
    unsigned port;
    SSL_CTX *tls;
};

struct connection {
    const struct server *server;
    int fd;
    SSL *tls;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void note(const struct server *s, const char *text)
{
    char line[2200];
    int n = snprintf(line, sizeof line, "%s:%u %s\n", s->address, s->port, text);
    int fd = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, line, n < (int)sizeof line ? (size_t)n : sizeof line) < 0)
        die(s->log);
    close(fd);
}

static bool put(struct connection *c, const char *b, size_t n)
{
    while (n > 0) {
        int size = n > 65536 ? 65536 : (int)n;
        int wrote =
            c->tls != NULL ? SSL_write(c->tls, b, size) : (int)write(c->fd, b, (size_t)size);

        if (wrote <= 0)
            return false;
        b += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

static void put_forever(struct connection *c, const char *first, const char *again, unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    for (bool more = put(c, first, strlen(first)); more; more = put(c, again, strlen(again)))
        nanosleep(&pause, NULL);
}

static void put_file(struct connection *c, const char *path)
{
    static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    char name[4096], b[65536];
    FILE *f;
    size_t n;

    snprintf(name, sizeof name, "%.1900s/%.2000s", c->server->dir,
             path[0] == '/' ? path + 1 : path);
    for (char *p = name + strlen(c->server->dir) + 1; *p != '\0'; p++)
        if (*p == '/')
            *p = '_';
    f = fopen(name, "rb");
    if (f == NULL) {
        put(c, missing, sizeof missing - 1);
        return;
    }
    while ((n = fread(b, 1, sizeof b, f)) > 0 && put(c, b, n))
        continue;
    fclose(f);
}

static void reset(struct connection *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void answer(struct connection *c, const char *path)
{
    static char block[65537];

    if (strcmp(path, "/~drip") == 0) {
        put_forever(c, "HTTP/1.1 200 OK\r\nX: ", "x", 100);
    } else if (strcmp(path, "/~headers") == 0) {
        put_forever(c, "HTTP/1.1 200 OK\r\n", "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 0);
    } else if (strcmp(path, "/~continue") == 0) {
        put_forever(c, "", "HTTP/1.1 100 Continue\r\n\r\n", 0);
    } else if (strcmp(path, "/~body") == 0) {
        memset(block, 'a', sizeof block - 1);
        put_forever(c, "HTTP/1.1 200 OK\r\n\r\n", block, 0);
    } else if (strcmp(path, "/~silent") == 0) {
        sleep(60);
    } else if (strncmp(path, "/~slow/", 7) == 0) {
        sleep(2);
        put_file(c, path + 6);
    } else if (strcmp(path, "/~reset") == 0) {
        reset(c);
    } else {
        put_file(c, path);
    }
}

/* Read up to the empty line; the target of the request line in path. */
static bool read_head(struct connection *c, char *head, size_t size)
{
    size_t n = 0;

    while (n + 1 < size) {
        int got = c->tls != NULL ? SSL_read(c->tls, head + n, (int)(size - 1 - n))
                                 : (int)read(c->fd, head + n, size - 1 - n);

        if (got <= 0)
            return false;
        n += (size_t)got;
        head[n] = '\0';
        if (head[0] < 'A' || head[0] > 'Z')
            return false; /* TLS where plain text is spoken, say */
        if (strstr(head, "\r\n\r\n") != NULL)
            return true;
    }
    return false;
}

static void serve(struct connection *c)
{
    char head[8192], path[2100] = "";
    char *save = NULL;

    if (c->tls != NULL && SSL_accept(c->tls) != 1)
        return;
    if (!read_head(c, head, sizeof head) || sscanf(head, "%*s %2099s", path) != 1)
        return;
    for (char *line = strtok_r(head, "\r\n", &save); line != NULL;
         line = strtok_r(NULL, "\r\n", &save))
        note(c->server, line);
    answer(c, path);
    if (c->tls != NULL)
        SSL_shutdown(c->tls);
}

static void *run_connection(void *arg)
{
    struct connection *c = arg;

    serve(c);
    SSL_free(c->tls);
    close(c->fd);
    free(c);
    return NULL;
}

/* The first that is offered; under some server names one that is not, or none. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char with_nul[] = "acme-tls/1\0x", other[] = "http/1.1";
    const struct server *s = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    for (unsigned i = 0; i < in_n; i += 1u + in[i]) {
        char text[300];

        snprintf(text, sizeof text, "alpn %.*s", in[i], (const char *)in + i + 1);
        note(s, text);
    }
    *out = in + 1;
    *out_n = in[0];
    if (name != NULL && strncmp(name, "alpn-nul.", 9) == 0) {
        *out = with_nul;
        *out_n = sizeof with_nul - 1;
    } else if (name != NULL && strncmp(name, "alpn-other.", 11) == 0) {
        *out = other;
        *out_n = sizeof other - 1;
    } else if (name != NULL && strncmp(name, "alpn-none.", 10) == 0) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_tls(struct server *s, const char *cert, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        die(cert);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, s);
    return ctx;
}

static int listen_at(struct server *s)
{
    bool v6 = strchr(s->address, ':') != NULL;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)s->port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    struct sockaddr *sa = v6 ? (struct sockaddr *)&six : (struct sockaddr *)&four;
    socklen_t size = v6 ? sizeof six : sizeof four;
    int one = 1, fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (inet_pton(sa->sa_family, s->address,
                  v6 ? (void *)&six.sin6_addr : (void *)&four.sin_addr) != 1)
        die(s->address);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, sa, size) != 0 || listen(fd, 64) != 0 || getsockname(fd, sa, &size) != 0)
        die("listen");
    s->port = ntohs(v6 ? six.sin6_port : four.sin_port);
    return fd;
}

static void accept_one(struct server *s, int listener)
{
    struct connection *c = calloc(1, sizeof *c);
    pthread_t thread;

    if (c == NULL)
        abort();
    c->server = s;
    c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (c->fd < 0)
        die("accept");
    note(s, "connect");
    if (s->tls != NULL) {
        c->tls = SSL_new(s->tls);
        SSL_set_fd(c->tls, c->fd);
    }
    if (pthread_create(&thread, NULL, run_connection, c) != 0)
        die("thread");
    pthread_detach(thread);
}

int main(int argc, char **argv)
{
    struct server s;
    int listener;

    if (argc != 5 && argc != 7) {
        fprintf(stderr, "scriptd DIR LOG ADDRESS PORT [CERT.pem KEY.pem]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    s = (struct server){.dir = argv[1],
                        .log = argv[2],
                        .address = argv[3],
                        .port = (unsigned)strtoul(argv[4], NULL, 10)};
    if (argc == 7)
        s.tls = make_tls(&s, argv[5], argv[6]);
    listener = listen_at(&s);
    printf("PORT %u\n", s.port);
    fflush(stdout);
    for (;;)
        accept_one(&s, listener);
}
