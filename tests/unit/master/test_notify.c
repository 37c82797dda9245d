#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/utf8.h"
#include "master/notify.h"
#include "test_master.h"

static char socket_name[64];

/* The manager's end. */
static int manager_open(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    snprintf(socket_name, sizeof(socket_name), "@stratslab-unit-notify-%d", getpid());
    memcpy(at.sun_path + 1, socket_name + 1, strlen(socket_name) - 1);
    CU_ASSERT_EQUAL_FATAL(
        bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(socket_name))), 0);
    return fd;
}

static const char *manager_hears(int fd)
{
    static char message[4096];
    ssize_t got = recv(fd, message, sizeof(message) - 1, 0);

    message[got < 0 ? 0 : got] = '\0';
    return message;
}

static void test_nobody_to_tell(void)
{
    struct notify n;

    notify_unset_environment();
    notify_init(&n, 5);
    notify_update(&n, NOTIFY_READY, 0, "x");
    notify_advance(&n, 1000000);
    CU_ASSERT_EQUAL(notify_next_ms(&n), UINT64_MAX);
}

static void test_more_time_is_asked_for_while_the_start_waits(void)
{
    int fd = manager_open();
    struct notify n;

    setenv("NOTIFY_SOCKET", socket_name, 1);
    notify_init(&n, 0);
    notify_update(&n, NOTIFY_WAITING, NOTIFY_WAITING_MS, "for %s", "it");
    UNIT_STR(manager_hears(fd), "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=for it");
    for (int i = 0; i < 3; i++) {
        uint64_t next = notify_next_ms(&n);

        notify_advance(&n, next - 1);
        UNIT_STR(manager_hears(fd), "");
        notify_advance(&n, next);
        UNIT_STR(manager_hears(fd), "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=for it");
        UNIT_INT(notify_next_ms(&n), next + NOTIFY_WAITING_EVERY_MS);
    }
    notify_update(&n, NOTIFY_READY, 0, "ready");
    UNIT_STR(manager_hears(fd), "READY=1\nSTATUS=ready");
    CU_ASSERT_EQUAL(notify_next_ms(&n), UINT64_MAX);
    close(fd);
    notify_unset_environment();
}

static void test_a_status_is_one_line_of_utf8(void)
{
    int fd = manager_open();
    struct notify n;
    char longer[2000];
    const char *told;

    setenv("NOTIFY_SOCKET", socket_name, 1);
    notify_init(&n, 0);
    notify_update(&n, NOTIFY_READY, 0, "a\nREADY=0\tb\xff\xc3");
    UNIT_STR(manager_hears(fd), "READY=1\nSTATUS=a READY=0 b??");
    for (size_t i = 0; i < sizeof(longer) - 2; i += 2) memcpy(longer + i, "\xc3\xa9", 2);
    longer[sizeof(longer) - 2] = '\0';
    notify_update(&n, NOTIFY_STOPPING, 7, "1%s", longer);
    told = manager_hears(fd);
    CU_ASSERT(utf8_is_valid(told, strlen(told)));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, "STOPPING=1\nEXTEND_TIMEOUT_USEC=7000\nSTATUS=1\xc3\xa9"));
    UNIT_INT(strlen(strstr(told, "STATUS=")), strlen("STATUS=") + NOTIFY_STATUS_BYTES - 1);
    close(fd);
    notify_unset_environment();
}

static void test_what_cannot_be_sent_is_sent_later_as_it_is_by_then(void)
{
    struct notify n;

    close(manager_open());
    setenv("NOTIFY_SOCKET", socket_name, 1);
    notify_init(&n, 0);
    notify_update(&n, NOTIFY_RELOADING, 0, "first");
    notify_update(&n, NOTIFY_READY, 0, "second");
    uint64_t next = notify_next_ms(&n);

    CU_ASSERT_NOT_EQUAL_FATAL(next, UINT64_MAX);
    notify_advance(&n, next);
    UNIT_INT(notify_next_ms(&n), next + NOTIFY_RETRY_MS);

    int fd = manager_open();

    notify_advance(&n, next + NOTIFY_RETRY_MS);
    UNIT_STR(manager_hears(fd), "READY=1\nSTATUS=second");
    UNIT_STR(manager_hears(fd), "");

    /* A manager that does not read: nothing blocks. */
    for (int i = 0; i < 1000; i++) notify_update(&n, NOTIFY_READY, 0, "third");
    CU_ASSERT_NOT_EQUAL(notify_next_ms(&n), UINT64_MAX);
    close(fd);
    notify_unset_environment();
}

static void watchdog(const char *usec, const char *pid, uint64_t expected_ms)
{
    struct notify n;

    setenv("NOTIFY_SOCKET", socket_name, 1);
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid != NULL) setenv("WATCHDOG_PID", pid, 1);
    notify_init(&n, 100);
    UNIT_INT(n.watchdog_ms, expected_ms);
    CU_ASSERT_EQUAL(notify_next_ms(&n), expected_ms == 0 ? UINT64_MAX : 100);
    notify_unset_environment();
}

static void test_the_watchdog_is_fed_at_half_its_time(void)
{
    char pid[16];
    struct notify n;
    int fd = manager_open();

    snprintf(pid, sizeof(pid), "%d", getpid());
    watchdog("30000000", NULL, 15000);
    watchdog("30000000", pid, 15000);
    watchdog("30000000", "1", 0);
    watchdog("nonsense", pid, 0);
    watchdog("", NULL, 0);
    setenv("NOTIFY_SOCKET", socket_name, 1);
    setenv("WATCHDOG_USEC", "2000000", 1);
    notify_init(&n, 100);
    notify_advance(&n, 100);
    UNIT_STR(manager_hears(fd), "WATCHDOG=1");
    notify_advance(&n, 1099);
    UNIT_STR(manager_hears(fd), "");
    notify_advance(&n, 1100);
    UNIT_STR(manager_hears(fd), "WATCHDOG=1");
    notify_unset_environment();
    CU_ASSERT_PTR_NULL(getenv("NOTIFY_SOCKET"));
    CU_ASSERT_PTR_NULL(getenv("WATCHDOG_USEC"));
    close(fd);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_nobody_to_tell),
    UNIT_TEST(test_more_time_is_asked_for_while_the_start_waits),
    UNIT_TEST(test_a_status_is_one_line_of_utf8),
    UNIT_TEST(test_what_cannot_be_sent_is_sent_later_as_it_is_by_then),
    UNIT_TEST(test_the_watchdog_is_fed_at_half_its_time),
};
const struct unit_part notify_tests = UNIT_PART(tests);
