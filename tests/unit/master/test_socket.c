#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "master/port_owner.h"
#include "master/socket.h"
#include "test_master.h"

static struct conf_addresses on_port(uint16_t port, const char *text)
{
    return (struct conf_addresses){.items = {{.text = text, .host = "127.0.0.1", .port = port}}, .count = 1};
}

static void test_an_address_in_use_is_named_with_its_holder(void)
{
    struct conf_addresses any = on_port(0, "127.0.0.1:0");
    struct sockets first = {0};
    struct sockets second = {.count = 77};
    struct sockaddr_in bound = {0};
    socklen_t len = sizeof(bound);
    struct error err;
    char owner[PORT_OWNER_TEXT_BYTES];
    char wanted[32];

    CU_ASSERT_EQUAL_FATAL(sockets_open(&any, &first, &err), 0);
    getsockname(first.fds[0], (struct sockaddr *)&bound, &len);
    struct conf_addresses same = on_port(ntohs(bound.sin_port), "the same");

    UNIT_INT(sockets_open(&same, &second, &err), -1);
    UNIT_INT(second.count, 77);
    UNIT_INT(err.code, ERROR_SYSTEM);
    snprintf(wanted, sizeof(wanted), "(pid %d)", getpid());
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "the same"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, wanted));
    CU_ASSERT(port_owner_find(ntohs(bound.sin_port), owner));
    sockets_close(&first);
    CU_ASSERT_FALSE(port_owner_find(ntohs(bound.sin_port), owner));
}

static void test_a_stale_unix_socket_is_replaced_a_living_one_is_not(void)
{
    char *path = mem_printf("/tmp/stratslabd-unit-%d.sock", getpid());
    struct conf_addresses at = {.items = {{.text = "unix:test", .path = path}}, .count = 1};
    struct sockets first;
    struct sockets second;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(sockets_open(&at, &first, &err), 0);
    UNIT_INT(sockets_open(&at, &second, &err), -1);
    UNIT_INT(access(path, F_OK), 0);
    sockets_close(&first); /* as if killed: the file stays */
    UNIT_INT(sockets_open(&at, &second, &err), 0);
    sockets_remove(&second);
    sockets_close(&second);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    free(path);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_an_address_in_use_is_named_with_its_holder),
    UNIT_TEST(test_a_stale_unix_socket_is_replaced_a_living_one_is_not),
};
const struct unit_part socket_tests = UNIT_PART(tests);
