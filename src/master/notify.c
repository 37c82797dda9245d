#include "master/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/utf8.h"

static const char *const notify_variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"};

void notify_unset_environment(void)
{
    for (size_t i = 0; i < countof(notify_variables); i++) unsetenv(notify_variables[i]);
}

/* A path, or a name in the abstract namespace behind an "@"; other kinds are for virtual machines' managers. */
static socklen_t notify_address(const char *text, struct sockaddr_un *ret_address)
{
    size_t len = text == NULL ? 0 : strlen(text);

    if (len < 2 || len >= sizeof(ret_address->sun_path) || (text[0] != '/' && text[0] != '@')) return 0;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_address->sun_path, text, len);
    if (text[0] == '@') ret_address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
}

static uint64_t notify_number(const char *name)
{
    uint64_t number = 0;
    const char *text = getenv(name);

    return text != NULL && number_parse_u64(slice_of(text), &number) ? number : 0;
}

void notify_init(struct notify *n, uint64_t now_ms)
{
    bool ours = getenv("WATCHDOG_PID") == NULL || notify_number("WATCHDOG_PID") == (uint64_t)getpid();

    *n = (struct notify){.send_ms = UINT64_MAX, .watchdog_next_ms = UINT64_MAX};
    n->address_len = notify_address(getenv("NOTIFY_SOCKET"), &n->address);
    if (n->address_len == 0 || !ours) return;
    n->watchdog_ms = notify_number("WATCHDOG_USEC") / 1000 / 2;
    if (n->watchdog_ms > 0) n->watchdog_next_ms = now_ms;
}

/* Each message has its own socket: a socket that is not open cannot pass to a child, and needs no place in what a
 * reload hands over. */
static bool notify_send(struct notify *n, const char *message)
{
    size_t len = strlen(message);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool sent = fd >= 0 && sendto(fd, message, len, MSG_NOSIGNAL, (const struct sockaddr *)&n->address,
                                  n->address_len) == (ssize_t)len;
    int saved = errno;

    if (fd >= 0) close(fd);
    if (sent) {
        n->failed = false;
    } else if (!n->failed) {
        n->failed = true;
        log_warning("the service manager cannot be notified; trying again", LOG_STR("error", strerror(saved)));
    }
    return sent;
}

static void notify_compose(const struct notify *n, char out[NOTIFY_MESSAGE_BYTES])
{
    static const char *const words[] = {
        [NOTIFY_WAITING] = "",
        [NOTIFY_STARTING] = "",
        [NOTIFY_READY] = "READY=1\n",
        [NOTIFY_RELOADING] = "RELOADING=1\n",
        [NOTIFY_STOPPING] = "STOPPING=1\n",
    };
    char extend[64] = "";
    char since[64] = "";

    if (n->extend_ms > 0) {
        snprintf(extend, sizeof(extend), "EXTEND_TIMEOUT_USEC=%llu\n", (unsigned long long)n->extend_ms * 1000);
    }
    /* systemd before 253 does not need this; later versions cannot tell this reload from the one before without it. */
    if (n->state == NOTIFY_RELOADING) {
        snprintf(since, sizeof(since), "MONOTONIC_USEC=%llu\n", (unsigned long long)n->reloading_us);
    }
    snprintf(out, NOTIFY_MESSAGE_BYTES, "%s%s%sSTATUS=%s", words[n->state], since, extend, n->status);
}

static void notify_send_state(struct notify *n, uint64_t now_ms)
{
    char message[NOTIFY_MESSAGE_BYTES];
    uint64_t next_ms = n->state == NOTIFY_WAITING ? now_ms + NOTIFY_WAITING_EVERY_MS : UINT64_MAX;

    notify_compose(n, message);
    n->send_ms = notify_send(n, message) ? next_ms : now_ms + NOTIFY_RETRY_MS;
}

/* The status must be one line of UTF-8: the manager drops any other. */
static void notify_set_status(struct notify *n, const char *fmt, va_list ap)
{
    vsnprintf(n->status, sizeof(n->status), fmt, ap);
    for (size_t at = 0, wide; n->status[at] != '\0'; at += wide) {
        wide = utf8_length(n->status + at, strlen(n->status + at));
        if (wide == 0) { /* also if the end was cut */
            n->status[at] = '?';
            wide = 1;
        } else if ((unsigned char)n->status[at] < ' ') {
            n->status[at] = ' ';
        }
    }
}

void notify_update(struct notify *n, enum notify_state state, uint64_t extend_ms, const char *fmt, ...)
{
    uint64_t now_ns = clock_monotonic_ns();
    va_list ap;

    if (n->address_len == 0) return;
    if (state == NOTIFY_RELOADING && n->state != NOTIFY_RELOADING) n->reloading_us = now_ns / 1000;
    n->state = state;
    n->extend_ms = extend_ms;
    va_start(ap, fmt);
    notify_set_status(n, fmt, ap);
    va_end(ap);
    notify_send_state(n, now_ns / 1000000);
}

void notify_advance(struct notify *n, uint64_t now_ms)
{
    if (now_ms >= n->watchdog_next_ms) {
        n->watchdog_next_ms = now_ms + n->watchdog_ms;
        notify_send(n, "WATCHDOG=1");
    }
    if (now_ms >= n->send_ms) notify_send_state(n, now_ms);
}

uint64_t notify_next_ms(const struct notify *n)
{
    return n->watchdog_next_ms < n->send_ms ? n->watchdog_next_ms : n->send_ms;
}
