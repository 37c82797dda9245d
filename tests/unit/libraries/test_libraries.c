/* With which libraries did these suites run? Said for all to read, and within what configure.ac says is supported. */
#include <event2/event.h>
#include <json-c/json.h>
#include <libpq-fe.h>
#include <llhttp.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "unit.h"

/* llhttp tells its version in its header alone. */
#define NUMBER(n) NUMBER_(n)
#define NUMBER_(n) #n
#define LLHTTP_VERSION NUMBER(LLHTTP_VERSION_MAJOR) "." NUMBER(LLHTTP_VERSION_MINOR) "." NUMBER(LLHTTP_VERSION_PATCH)

/* Below zero where `version` is the older, in the parts that `other` has: 17.12 is 17's. */
static long order(const char *version, const char *other)
{
    for (;;) {
        char *version_end, *other_end;
        const long difference = strtol(version, &version_end, 10) - strtol(other, &other_end, 10);

        if (difference != 0 || *other_end != '.') return difference;
        if (*version_end != '.') return -1;
        version = version_end + 1;
        other = other_end + 1;
    }
}

static void test_order(void)
{
    CU_ASSERT(order("2.1.12-stable", "2.1.12") == 0);
    CU_ASSERT(order("2.1.12-stable", "2.1") == 0);
    CU_ASSERT(order("2.1.9-stable", "2.1.12") < 0);
    CU_ASSERT(order("0.9", "0.16") < 0);
    CU_ASSERT(order("1.0", "0.16") > 0);
    CU_ASSERT(order("15.18", "15") == 0);
    CU_ASSERT(order("3", "3.0") < 0);
}

/* Newer ones are no failure, as the suites are what says whether they work. */
static void test_versions_are_supported(void)
{
    char libpq[16];
    const struct {
        const char *name, *linked, *oldest, *newest;
    } libraries[] = {
        {"libevent", event_get_version(), LIBEVENT_OLDEST, LIBEVENT_NEWEST},
        {"libpq", libpq, LIBPQ_OLDEST, LIBPQ_NEWEST},
        {"libcrypto", OpenSSL_version(OPENSSL_VERSION_STRING), LIBCRYPTO_OLDEST, LIBCRYPTO_NEWEST},
        {"json-c", json_c_version(), JSONC_OLDEST, JSONC_NEWEST},
        {"llhttp", LLHTTP_VERSION, LLHTTP_OLDEST, LLHTTP_NEWEST},
        {"zlib", zlibVersion(), ZLIB_OLDEST, ZLIB_NEWEST},
    };

    snprintf(libpq, sizeof(libpq), "%d.%d", PQlibVersion() / 10000, PQlibVersion() % 10000);
    for (size_t i = 0; i < countof(libraries); i++) {
        const bool is_newer = order(libraries[i].linked, libraries[i].newest) > 0;

        printf("library: %s %s (supported from %s; %s %s)\n", libraries[i].name, libraries[i].linked,
               libraries[i].oldest, is_newer ? "newer than all that was tried before:" : "tried up to",
               libraries[i].newest);
        CU_ASSERT(order(libraries[i].linked, libraries[i].oldest) >= 0);
    }
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(test_order),
        UNIT_TEST(test_versions_are_supported),
    };

    return unit_main("libraries", tests, countof(tests));
}
