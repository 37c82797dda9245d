#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/port_owner.h"
#include "master/socket.h"
#include "test_master.h"

static const struct conf_socket_access usual = {.mode = 0600, .owner = ""};

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

    CU_ASSERT_EQUAL_FATAL(sockets_open(&(struct sockets_wanted){&any, "THE_SETTING", &usual}, &first, &err), 0);
    getsockname(first.fds[0], (struct sockaddr *)&bound, &len);
    struct conf_addresses same = on_port(ntohs(bound.sin_port), "the same");

    UNIT_INT(sockets_open(&(struct sockets_wanted){&same, "THE_SETTING", &usual}, &second, &err), -1);
    UNIT_INT(second.count, 77);
    UNIT_INT(err.code, ERROR_SYSTEM);
    snprintf(wanted, sizeof(wanted), "(pid %d)", getpid());
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "the same"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, wanted));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "(THE_SETTING): it is in use by "));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "choose another address with THE_SETTING."));
    CU_ASSERT(port_owner_find(ntohs(bound.sin_port), owner));
    sockets_close(&first);
    CU_ASSERT_FALSE(port_owner_find(ntohs(bound.sin_port), owner));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_an_address_in_use_is_named_with_its_holder),
};
const struct unit_part socket_tests = UNIT_PART(tests);
