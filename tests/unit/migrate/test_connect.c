/* A server that has gone from the network is noticed; what cannot be used is said without quoting it. */
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "migrate/migrate.h"
#include "test_migrate.h"

static struct migrate_options options_of(const char *conninfo)
{
    return (struct migrate_options){.conninfo = conninfo,
                                    .label = "label",
                                    .application_name = "test_migrate",
                                    .app_version = "0",
                                    .connect_timeout_ms = 30000};
}

/* The socket's idle time, in seconds, and its user time-out, in milliseconds. */
static void times_of(PGconn *conn, int *ret_idle, int *ret_user)
{
    socklen_t len = sizeof(int);

    CU_ASSERT(getsockopt(PQsocket(conn), IPPROTO_TCP, TCP_KEEPIDLE, ret_idle, &len) == 0);
    CU_ASSERT(getsockopt(PQsocket(conn), IPPROTO_TCP, TCP_USER_TIMEOUT, ret_user, &len) == 0);
}

static void test_keepalive(void)
{
    const char *url = getenv("STRATSLAB_TEST_DATABASE_URL");
    struct migrate_options options = options_of(url);
    struct error err = {0};
    PGconn *conn = NULL;
    int idle = 0, user = 0;

    CU_ASSERT_FATAL(url != NULL);
    if (url == NULL) return;
    CU_ASSERT_FATAL(migrate_connect(&options, &conn, &err) == 0);
    times_of(conn, &idle, &user);
    UNIT_INT(idle, 15);
    UNIT_INT(user, 30000);
    PQfinish(conn);
    char *own = mem_printf("%s%ckeepalives_idle=77&tcp_user_timeout=5000", url, strchr(url, '?') == NULL ? '?' : '&');

    options.conninfo = own;
    CU_ASSERT_FATAL(migrate_connect(&options, &conn, &err) == 0);
    times_of(conn, &idle, &user);
    UNIT_INT(idle, 77);
    UNIT_INT(user, 5000);
    PQfinish(conn);
    free(own);
}

static void test_unusable(void)
{
    struct migrate_options options = options_of("postgresql://user:s3cret@and@127.0.0.1:1/db");
    struct error err = {0};
    PGconn *conn = NULL;

    CU_ASSERT(migrate_connect(&options, &conn, &err) != 0);
    UNIT_INT(err.code, ERROR_SETTINGS);
    CU_ASSERT(strstr(err.message, "DATABASE_URL") != NULL && strstr(err.message, "s3cret") == NULL);
}

static const struct unit_test tests[] = {UNIT_TEST(test_keepalive), UNIT_TEST(test_unusable)};
const struct unit_part connect_tests = UNIT_PART(tests);
