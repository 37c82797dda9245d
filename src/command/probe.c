#include "command/probe.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
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

/* The time is for all of the answer: whoever sends a byte now and then does not hold us. */
static int probe_read(int fd, struct buf *answer)
{
    const uint64_t end_ms = clock_monotonic_ms() + PROBE_TIMEOUT_MS;

    for (;;) {
        ssize_t got = recv(fd, buf_reserve(answer, 4096), 4096, 0);

        if (got == 0) return 0;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 || answer->len > PROBE_ANSWER_MAX || clock_monotonic_ms() >= end_ms) return -1;
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

/* What a terminal would act on. Line ends and tabs stay. */
static bool probe_is_control(int c)
{
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0);
}

void probe_tame(struct buf *body)
{
    for (size_t i = 0; i < body->len; i++) {
        char *c = body->data + i;
        const size_t left = body->len - i;

        if (left > 5 && memcmp(c, "\\u00", 4) == 0) {
            const int high = hex_value(c[4]), low = hex_value(c[5]);

            if (high >= 0 && low >= 0 && probe_is_control(high * 16 + low)) memcpy(c + 4, "3f", 2);
            i += 5;
        } else if (*c == '\\' && left > 1) {
            if (memchr("bfr", c[1], 3) != NULL) c[1] = 't';
            i++;
        } else if (*c == '\xc2' && left > 1 && probe_is_control((unsigned char)c[1])) {
            memcpy(c, "??", 2); /* U+0080 to U+009F */
            i++;
        } else if ((unsigned char)*c < 0x80 && probe_is_control(*c)) {
            *c = '?';
        }
    }
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
        probe_tame(ret_body);
    }
    close(fd);
    return rc;
}

/* What every answer has that the commands read. An older service may have less than this one. */
static const struct {
    const char *object; /* in which it is; NULL: in the answer itself */
    const char *name;
    json_type type;
} probe_members[] = {
    {NULL, "status", json_type_string},     {NULL, "version", json_type_string},   {NULL, "pid", json_type_int},
    {NULL, "generation", json_type_int},    {NULL, "workers", json_type_array},    {NULL, "reload", json_type_object},
    {"reload", "number", json_type_int},    {"reload", "state", json_type_string}, {"reload", "step", json_type_string},
    {"reload", "reason", json_type_string},
};

/* json_tokener_parse would take what stands before damage, or before more. */
struct json_object *probe_parse_json(const struct buf *body)
{
    struct json_tokener *tokener = json_tokener_new();
    struct json_object *parsed = NULL;

    if (tokener == NULL || body->len > PROBE_ANSWER_MAX) goto out;
    parsed = json_tokener_parse_ex(tokener, body->data, (int)body->len);
    if (json_tokener_get_error(tokener) == json_tokener_success && json_tokener_get_parse_end(tokener) == body->len) {
        goto out;
    }
    json_object_put(parsed);
    parsed = NULL;
out:
    if (tokener != NULL) json_tokener_free(tokener);
    return parsed;
}

static bool probe_has_members(struct json_object *status, const char **ret_missing)
{
    for (size_t i = 0; i < countof(probe_members); i++) {
        struct json_object *in =
            probe_members[i].object == NULL ? status : json_object_object_get(status, probe_members[i].object);

        *ret_missing = probe_members[i].name;
        if (!json_object_is_type(json_object_object_get(in, probe_members[i].name), probe_members[i].type))
            return false;
    }
    return true;
}

int probe_judge(const char *program, const struct buf *body, struct json_object **ret_status, struct error *err)
{
    struct json_object *status = probe_parse_json(body);
    const char *name = probe_text(status, "program");
    const char *missing = "";

    if (!json_object_is_type(status, json_type_object)) {
        error_set(err, ERROR_INVALID, "it answers /status with something that is not a JSON object");
    } else if (strcmp(name, program) != 0) {
        error_set(err, ERROR_INVALID, "its /status says that it is the program \"%.40s\"", name);
    } else if (!probe_has_members(status, &missing)) {
        error_set(err, ERROR_INVALID, "its /status lacks \"%s\", or has it in another form", missing);
    } else {
        *ret_status = status;
        return 0;
    }
    json_object_put(status);
    return -1;
}

int probe_status(const struct command_context *context, struct buf *body, struct json_object **ret_status,
                 struct error *err)
{
    const struct conf_addresses *where = &context->conf->admin_listen;
    unsigned status = 0;

    buf_reset(body);
    if (probe_get(where, "/status", &status, body, err) != 0) return -1;
    if (status != 200) {
        error_set(err, ERROR_INVALID, "it answers /status with %u", status);
    } else if (probe_judge(context->program->name, body, ret_status, err) == 0) {
        return 0;
    }
    return error_prefix(err, "what listens on %s (STRATSLAB_ADMIN_LISTEN) is not %s", where->items[0].text,
                        context->program->name);
}

const char *probe_text(struct json_object *object, const char *name)
{
    struct json_object *member =
        json_object_is_type(object, json_type_object) ? json_object_object_get(object, name) : NULL;
    const char *text = json_object_get_string(member);

    return text == NULL ? "-" : text;
}

int64_t probe_number(struct json_object *object, const char *name)
{
    return json_object_is_type(object, json_type_object) ? json_object_get_int64(json_object_object_get(object, name))
                                                         : 0;
}
