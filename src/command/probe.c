#include "command/probe.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/lookup.h"
#include "base/number.h"

enum { PROBE_ANSWER_MAX = 1 << 20 };

static int probe_socket(int family, const struct sockaddr *sa, socklen_t len)
{
    static const struct timeval timeout = {.tv_sec = PROBE_TIMEOUT_MS / 1000};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, sa, len) == 0) return fd;
    int saved = errno;

    close(fd);
    errno = saved;
    return -1;
}

/* A look-up without a host means loopback, without AI_PASSIVE. */
static int probe_connect(const struct conf_address *address, struct error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    bool any = address->host != NULL && (strcmp(address->host, "") == 0 || strcmp(address->host, "0.0.0.0") == 0 ||
                                         strcmp(address->host, "::") == 0);
    struct addrinfo *found = NULL;
    char port[8];
    int fd = -1;

    if (address->path != NULL) {
        struct sockaddr_un sun = {.sun_family = AF_UNIX};

        snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", address->path);
        fd = probe_socket(AF_UNIX, (const struct sockaddr *)&sun, sizeof(sun));
    } else {
        snprintf(port, sizeof(port), "%u", address->port);
        int rc = lookup_within(any ? NULL : address->host, port, &hints, PROBE_TIMEOUT_MS, &found);

        if (rc != 0) return error_set(err, ERROR_UNAVAILABLE, "cannot find %s: %s", address->text, lookup_strerror(rc));
        for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
            fd = probe_socket(at->ai_family, at->ai_addr, at->ai_addrlen);
        }
        freeaddrinfo(found);
    }
    if (fd < 0) {
        return error_set(err, ERROR_UNAVAILABLE,
                         "nobody answers on %s: %s. Is the service running, with these settings?", address->text,
                         strerror(errno));
    }
    return fd;
}

static int probe_read(int fd, struct buf *answer)
{
    for (;;) {
        ssize_t got = recv(fd, buf_reserve(answer, 4096), 4096, 0);

        if (got == 0) return 0;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 || answer->len > PROBE_ANSWER_MAX) return -1;
        answer->len += (size_t)got;
    }
}

/* "HTTP/1.1 200 OK" and so on; our own service closes after it and never chunks what has a length. */
static int probe_parse(struct buf *answer, unsigned *ret_status, struct error *err)
{
    const char *text = buf_cstr(answer);
    const char *end = strstr(text, "\r\n\r\n");
    uint64_t status;

    if (end == NULL || answer->len < 12 || strncmp(text, "HTTP/1.", 7) != 0 ||
        !number_parse_u64((struct slice){text + 9, 3}, &status)) {
        return error_set(err, ERROR_INVALID, "the answer is not HTTP: is something else listening there?");
    }
    *ret_status = (unsigned)status;
    buf_consume(answer, (size_t)(end + 4 - text));
    return 0;
}

int probe_get(const struct conf_addresses *addresses, const char *path, unsigned *ret_status, struct buf *ret_body,
              struct error *err)
{
    char request[256];
    int fd;
    int rc;

    if (addresses->count == 0) {
        return error_set(err, ERROR_SETTINGS, "STRATSLAB_ADMIN_LISTEN is off: there is nothing to ask");
    }
    fd = probe_connect(&addresses->items[0], err);
    if (fd < 0) return -1;
    int len =
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);

    if (send(fd, request, (size_t)len, MSG_NOSIGNAL) != len || probe_read(fd, ret_body) != 0) {
        rc = error_set(err, ERROR_UNAVAILABLE, "no answer from %s within %d s", addresses->items[0].text,
                       PROBE_TIMEOUT_MS / 1000);
    } else {
        rc = probe_parse(ret_body, ret_status, err);
    }
    close(fd);
    return rc;
}

int probe_status(const struct command_context *context, struct buf *body, struct json_object **ret_status,
                 struct error *err)
{
    const struct conf_addresses *where = &context->conf->admin_listen;
    unsigned status = 0;

    buf_reset(body);
    if (probe_get(where, "/status", &status, body, err) != 0) return -1;
    if (status == 200) *ret_status = json_tokener_parse(buf_cstr(body));
    if (status == 200 && *ret_status != NULL) return 0;
    return error_set(err, ERROR_INVALID, "what listens on STRATSLAB_ADMIN_LISTEN is not %s: %s answers /status with %u",
                     context->program->name, where->items[0].text, status);
}

const char *probe_text(struct json_object *object, const char *name)
{
    const char *text = json_object_get_string(json_object_object_get(object, name));

    return text == NULL ? "-" : text;
}

int64_t probe_number(struct json_object *object, const char *name)
{
    return json_object_get_int64(json_object_object_get(object, name));
}
