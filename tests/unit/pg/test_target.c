#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_pg.h"

/* "name/address/port" of each host; a * at those that have to be looked up. */
static const char *hosts_of(const struct pg_target *t)
{
    static char text[1024];

    text[0] = '\0';
    for (size_t i = 0; i < t->host_count; i++) {
        const struct pg_host *h = &t->hosts[i];

        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s/%s/%s", i > 0 ? " " : "",
                 h->by_name ? "*" : "", h->name == NULL ? "" : h->name, h->address == NULL ? "" : h->address,
                 h->port == NULL ? "" : h->port);
    }
    return text;
}

static void test_hosts(void)
{
    static const struct {
        const char *conninfo;
        const char *hosts;
    } cases[] = {
        {"postgresql://u:p@db.example/x", "*db.example//5432"},
        {"postgresql://u@a:1,b:2,[::1]:3/x", "*a//1 *b//2 ::1//3"},
        {"postgresql://u@a,127.0.0.1:2/x", "*a// 127.0.0.1//2"},
        {"host=a,b port=7", "*a//7 *b//7"},
        {"host=a,b port=7,", "*a//7 *b//"},
        {"host=a,b hostaddr=127.0.0.1,", "a/127.0.0.1/5432 *b//5432"},
        {"hostaddr=127.0.0.1,::1", "/127.0.0.1/5432 /::1/5432"},
        {"postgresql:///x?host=/run/pg&port=6", "/run/pg//6"},
        {"host=@abstract,,a", "@abstract//5432 //5432 *a//5432"},
        {"dbname=x", "//5432"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct pg_target *t = pg_target_new(cases[i].conninfo);

        UNIT_STR(pg_target_refusal(t), NULL);
        UNIT_STR(hosts_of(t), cases[i].hosts);
        pg_target_free(t);
    }
}

/* Environment and service file have their say, and the string wins. */
static void test_other_sources(void)
{
    char path[] = "/tmp/test_pg.XXXXXX";
    const int fd = mkstemp(path);
    static const char service[] = "[mine]\nhost=s1,s2\nport=8\ntarget_session_attrs=primary\nconnect_timeout=1\n";

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT(write(fd, service, strlen(service)) == (ssize_t)strlen(service));
    close(fd);
    setenv("PGHOST", "env", 1);
    setenv("PGTARGETSESSIONATTRS", "standby", 1);
    setenv("PGSERVICEFILE", path, 1);
    struct pg_target *t = pg_target_new("dbname=x");

    UNIT_STR(hosts_of(t), "*env//5432");
    UNIT_STR(t->attributes, "standby");
    pg_target_free(t);
    t = pg_target_new("postgresql:///x?service=mine&port=9");
    UNIT_STR(hosts_of(t), "*s1//9 *s2//9");
    UNIT_STR(t->attributes, "primary");
    UNIT_INT(t->longest_try_ms, 2000);
    pg_target_free(t);
    t = pg_target_new("service=nobodys");
    CU_ASSERT(pg_target_refusal(t) != NULL && strstr(pg_target_refusal(t), "nobodys") != NULL);
    pg_target_free(t);
    unsetenv("PGHOST");
    unsetenv("PGTARGETSESSIONATTRS");
    unsetenv("PGSERVICEFILE");
    unlink(path);
}

static void test_words(void)
{
    struct pg_target *t =
        pg_target_new("postgresql://u:s3cret@a,b/x?options=-cwork_mem%3D5MB&load_balance_hosts=random");

    UNIT_STR(pg_target_refusal(t), NULL);
    CU_ASSERT(t->balanced);
    UNIT_STR(pg_target_given(t, "options"), "-cwork_mem=5MB");
    UNIT_STR(pg_target_given(t, "dbname"), "x");
    UNIT_STR(pg_target_given(t, "password"), "s3cret");
    UNIT_STR(pg_target_given(t, "sslmode"), NULL);
    pg_target_set(t, "sslmode", "disable");
    UNIT_STR(pg_target_given(t, "sslmode"), NULL); /* not the string's */
    pg_target_free(t);
}

static void test_refusals(void)
{
    static const struct {
        const char *conninfo;
        const char *why;
    } cases[] = {
        {"postgresql://user:s3cret@and@127.0.0.1:1/db", "%40"},
        {"postgresql://user:s3cret/more@127.0.0.1:1/db", "connection string"},
        {"postgresql://user:s3cret%zz@127.0.0.1:1/db", "cannot be parsed"},
        {"user=x password='s3cret", "cannot be parsed"},
        {"host=a,b port=1,2,3 password=s3cret", "match 3 port numbers to 2 hosts"},
        {"host=a target_session_attrs=s3cret", "target_session_attrs is not one of"},
        {"host=a load_balance_hosts=s3cret", "load_balance_hosts is neither"},
        {"host=a sslmode=often", "sslmode"},
        {"host=,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,", "more than 32 hosts"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct pg_target *t = pg_target_new(cases[i].conninfo);
        const char *why = pg_target_refusal(t);

        CU_ASSERT_FATAL(why != NULL);
        if (why == NULL) return;
        if (strstr(why, cases[i].why) == NULL) UNIT_STR(why, cases[i].why);
        CU_ASSERT(strstr(why, "s3cret") == NULL && strchr(why, '\n') == NULL);
        pg_target_free(t);
    }
    pg_target_free(NULL);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_hosts),
    UNIT_TEST(test_other_sources),
    UNIT_TEST(test_words),
    UNIT_TEST(test_refusals),
};
const struct unit_part target_tests = UNIT_PART(tests);
