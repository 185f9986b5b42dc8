/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at what runs and what is in the way.  Linux's /proc says whose socket it is. */
#include "services/chancery/probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "core/base/auto.h"
#include "core/base/problem.h"
#include "services/chancery/greeting.h"

#define DIRECTORY_TIMEOUT_MS 5000
#define ACCEPTS 0x10000u /* __SO_ACCEPTCON in /proc/net/unix */

bool chy_probe_socket(const char *path)
{
    chy_auto_file FILE *f = fopen("/proc/net/unix", "re");
    char line[512];

    /* Looked up, not connected to: the signer would log a stranger. */
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        unsigned flags;
        int at = 0;

        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%*x: %*x %*x %x %*x %*x %*u %n", &flags, &at) == 1 && at > 0 &&
            (flags & ACCEPTS) != 0 && strcmp(line + at, path) == 0)
            return true;
    }
    return false;
}

static size_t ignore_body(char *b, size_t size, size_t n, void *arg)
{
    (void)b;
    (void)arg;
    return size * n;
}

/* Where to connect for a listener that may be bound to every address. */
static const char *target_of(const char *address)
{
    if (strcmp(address, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(address, "::") == 0 ? "::1" : address;
}

bool chy_probe_directory(struct chy_ctx *cx, const struct chy_node *node, const char **ret_why)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *to = NULL;
    const char *target = target_of(node->acme.address);
    bool six = strchr(target, ':') != NULL;
    char why[CURL_ERROR_SIZE] = "";
    struct chy_greeting greeting = {node->acme.proxies, node->acme.n_proxies};
    long status = 0;
    CURLcode e;

    if (curl == NULL)
        return false;
    to = curl_slist_append(NULL, chy_fmt(cx, "::%s%s%s:%u", six ? "[" : "", target, six ? "]" : "",
                                         (unsigned)node->acme.port));
    curl_easy_setopt(curl, CURLOPT_URL, chy_fmt(cx, "%s/directory", node->base_url));
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, to);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    chy_greet_as_balancer(curl, &greeting);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)DIRECTORY_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_body);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    /* Exactly the listener's own certificate, whoever signed it and whatever name clients use (a
     * balancer may stand before us): what is asked here is whether this listener is up. */
    curl_easy_setopt(curl, CURLOPT_CAINFO, node->acme.certificate);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    e = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(to);
    curl_easy_cleanup(curl);
    if (ret_why != NULL && e != CURLE_OK)
        *ret_why = chy_fmt(cx, "%s", why[0] != '\0' ? why : curl_easy_strerror(e));
    else if (ret_why != NULL)
        *ret_why = chy_fmt(cx, "answers %ld", status);
    return e == CURLE_OK && status == 200;
}

/* ---- ports ----------------------------------------------------------------- */

static bool make_address(const char *address, unsigned port, struct sockaddr_storage *ret,
                         socklen_t *ret_n)
{
    struct sockaddr_in *four = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;

    memset(ret, 0, sizeof *ret);
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        *ret_n = sizeof *four;
        return true;
    }
    if (inet_pton(AF_INET6, address, &six->sin6_addr) != 1)
        return false;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    *ret_n = sizeof *six;
    return true;
}

bool chy_probe_local(const char *address)
{
    struct sockaddr_storage a;
    chy_auto_fd int fd = -1;
    socklen_t n;

    if (!make_address(address, 0, &a, &n))
        return false;
    fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0;
}

/* 0, or why it cannot be bound. */
static int try_bind(const char *address, unsigned port)
{
    struct sockaddr_storage a;
    chy_auto_fd int fd = -1;
    socklen_t n;
    int one = 1;

    if (!make_address(address, port, &a, &n))
        return EINVAL;
    fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, n) != 0 || listen(fd, 1) != 0)
        return errno;
    return 0;
}

/* Inode of a listening socket on that port; 0 if there is none. */
static unsigned long listening_inode(const char *table, unsigned port)
{
    chy_auto_file FILE *f = fopen(table, "re");
    char line[512];

    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        unsigned at, state;
        unsigned long inode;

        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*d %*d %lu", &at,
                   &state, &inode) == 3 &&
            at == port && state == 10)
            return inode;
    }
    return 0;
}

static bool process_has(struct chy_ctx *cx, const char *pid, const char *wanted)
{
    char *dir = chy_fmt(cx, "/proc/%s/fd", pid), target[64];
    DIR *d = opendir(dir);
    const struct dirent *e;
    bool found = false;

    while (d != NULL && !found && (e = readdir(d)) != NULL) {
        ssize_t n = readlink(chy_fmt(cx, "%s/%s", dir, e->d_name), target, sizeof target - 1);

        found = n > 0 && (size_t)n == strlen(wanted) && memcmp(target, wanted, (size_t)n) == 0;
    }
    if (d != NULL)
        closedir(d);
    return found;
}

static char *process_name(struct chy_ctx *cx, const char *pid)
{
    chy_auto_file FILE *f = fopen(chy_fmt(cx, "/proc/%s/comm", pid), "re");
    char name[64] = "?";

    if (f != NULL && fgets(name, sizeof name, f) != NULL)
        name[strcspn(name, "\n")] = '\0';
    return chy_printable(cx, name, strlen(name), sizeof name);
}

/* "nginx (pid 812)", or NULL where it cannot be seen. */
static char *holder_of(struct chy_ctx *cx, unsigned port)
{
    unsigned long inode = listening_inode("/proc/net/tcp", port);
    DIR *d = opendir("/proc");
    const struct dirent *e;
    char *wanted, *found = NULL;

    if (inode == 0)
        inode = listening_inode("/proc/net/tcp6", port);
    wanted = chy_fmt(cx, "socket:[%lu]", inode);
    while (inode != 0 && d != NULL && found == NULL && (e = readdir(d)) != NULL)
        if (strspn(e->d_name, "0123456789") == strlen(e->d_name) &&
            process_has(cx, e->d_name, wanted))
            found = chy_fmt(cx, "%s (pid %s)", process_name(cx, e->d_name), e->d_name);
    if (d != NULL)
        closedir(d);
    return found;
}

enum chy_rc chy_probe_port(struct chy_ctx *cx, const char *address, unsigned port, bool privileged,
                           const char *setting)
{
    int e = try_bind(address, port);
    char *holder = e == EADDRINUSE ? holder_of(cx, port) : NULL;

    if (e == 0 || (e == EACCES && privileged))
        return CHY_OK;
    if (e == EADDRINUSE)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s port %u: is taken by %s; stop that, or change %s in node.yaml", address,
                        port, holder != NULL ? holder : "another program", setting);
    if (e == EACCES)
        return chy_fail(cx, &CHY_P_serverInternal,
                        "%s port %u: only root may listen below 1024; run this as root, or change "
                        "%s in node.yaml",
                        address, port, setting);
    return chy_fail(cx, &CHY_P_serverInternal, "%s port %u: %s; correct %s in node.yaml", address,
                    port, strerror(e), setting);
}
