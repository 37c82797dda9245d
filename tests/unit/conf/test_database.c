#include "test_conf.h"

static void test_database_parts(void)
{
    static const struct {
        const char *variables[6];
        const char *url, *label;
    } cases[] = {
        {{"POSTGRES_HOST=db", "POSTGRES_PORT=5433", "POSTGRES_DB=d", "POSTGRES_USER=u", "POSTGRES_PASSWORD=p"},
         "postgresql://u:p@db:5433/d",
         "u@db:5433/d"},
        {{"POSTGRES_USER=a@b", "POSTGRES_PASSWORD=:/?#[]@!$&'()*+,;=% \"", "POSTGRES_DB=x/y?z"},
         "postgresql://a%40b:%3A%2F%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2B%2C%3B%3D%25%20%22@127.0.0.1:5432/x%2Fy%3Fz",
         "a@b@127.0.0.1:5432/x/y?z"},
        {{"POSTGRES_HOST=/run/postgresql"},
         "postgresql://stratslab@%2Frun%2Fpostgresql:5432/stratslab",
         "stratslab@/run/postgresql:5432/stratslab"},
        {{"POSTGRES_HOST=::1"}, "postgresql://stratslab@[::1]:5432/stratslab", "stratslab@[::1]:5432/stratslab"},
        {{"POSTGRES_HOST=[::1]"}, "postgresql://stratslab@[::1]:5432/stratslab", "stratslab@[::1]:5432/stratslab"},
        {{"POSTGRES_HOST=fe80::1%eth0"},
         "postgresql://stratslab@[fe80::1%25eth0]:5432/stratslab",
         "stratslab@[fe80::1%eth0]:5432/stratslab"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct conf *conf = NULL;
        struct error err;

        CU_ASSERT_EQUAL_FATAL(test_load(cases[i].variables, NULL, &conf, &err), 0);
        UNIT_STR(conf->database.url, cases[i].url);
        UNIT_STR(conf->database.label, cases[i].label);
        conf_free(conf);
    }
}

static void printed(const struct conf *conf, const char *line)
{
    struct buf out = {0};

    conf_print_text(conf, &out);
    size_t len = strcspn(buf_cstr(&out), "\n");
    struct slice first = {out.data, len}, source = first;

    /* Up to the source, without the padding. */
    for (size_t i = 0; i + 2 < len; i++) {
        if (memcmp(out.data + i, " # ", 3) == 0) source.len = i;
    }
    UNIT_SLICE(slice_trim(source), line);
    buf_clear(&out);
}

static void test_database_urls(void)
{
    static const struct {
        const char *variable, *url, *label, *line;
    } cases[] = {
        {"DATABASE_URL=postgresql://u:p@h:1/d", "postgresql://u:p@h:1/d", "u@h:1/d",
         "DATABASE_URL=postgresql://u:***@h:1/d"},
        {"DATABASE_URL=postgres://u:p@h/d", "postgres://u:p@h/d", "u@h/d", "DATABASE_URL=postgres://u:***@h/d"},
        {"DATABASE_URL=postgresql+asyncpg://u:p@h:1/d", "postgresql://u:p@h:1/d", "u@h:1/d",
         "DATABASE_URL=postgresql://u:***@h:1/d"},
        {"DATABASE_URL=postgres+psycopg2://u@h", "postgres://u@h", "u@h", "DATABASE_URL=postgres://u@h"},
        {"DATABASE_URL=postgresql://u:p%40%3A%2F@h/d%20e", "postgresql://u:p%40%3A%2F@h/d%20e", "u@h/d e",
         "DATABASE_URL=postgresql://u:***@h/d%20e"},
        /* libpq takes the first colon and the first @. */
        {"DATABASE_URL=postgresql://u:a:b?c@h/d", "postgresql://u:a:b?c@h/d", "u@h/d",
         "DATABASE_URL=postgresql://u:***@h/d"},
        {"DATABASE_URL=postgresql:///d", "postgresql:///d", "local/d", "DATABASE_URL=postgresql:///d"},
        {"DATABASE_URL=postgresql://", "postgresql://", "local", "DATABASE_URL=postgresql://"},
        {"DATABASE_URL=postgresql://u:@[::1]:5,b:6,c/d?sslmode=require",
         "postgresql://u:@[::1]:5,b:6,c/d?sslmode=require", "u@[::1]:5,b:6,c/d",
         "DATABASE_URL=postgresql://u:@[::1]:5,b:6,c/d?sslmode=require"},
        {"DATABASE_URL=postgresql://u@%2Frun%2Fpg/d", "postgresql://u@%2Frun%2Fpg/d", "u@/run/pg/d",
         "DATABASE_URL=postgresql://u@%2Frun%2Fpg/d"},
        {"DATABASE_URL=postgresql://h/d?user=u&password=p&sslpassword=q&pass%77ord=r&user=x",
         "postgresql://h/d?user=u&password=p&sslpassword=q&pass%77ord=r&user=x", "h/d",
         "DATABASE_URL=postgresql://h/d?user=u&password=***&sslpassword=***&pass%77ord=***&user=x"},
        {"DATABASE_URL=host=h port=1 user=u password=p dbname=d", "host=h port=1 user=u password=p dbname=d", "u@h:1/d",
         "DATABASE_URL=\"host=h port=1 user=u password=*** dbname=d\""},
        {"DATABASE_URL= host = 'h h' password='a \\' b' sslpassword=\\'x  application_name=''",
         " host = 'h h' password='a \\' b' sslpassword=\\'x  application_name=''", "h h",
         "DATABASE_URL=\"host='h h' password=*** sslpassword=*** application_name=''\""},
        {"DATABASE_URL=dbname=postgresql://u:p@h/d", "dbname=postgresql://u:p@h/d", NULL, "DATABASE_URL=dbname=***"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct conf *conf = test_load_one(cases[i].variable, NULL);

        UNIT_STR(conf->database.url, cases[i].url);
        if (cases[i].label != NULL) UNIT_STR(conf->database.label, cases[i].label);
        CU_ASSERT_PTR_NULL(strstr(conf->database.label, "u:p@"));
        printed(conf, cases[i].line);
        conf_free(conf);
    }
}

static void test_database_refused(void)
{
    static const char scheme[] = "environment: DATABASE_URL: its scheme is neither postgresql:// nor postgres://";
    static const char hosts[] = "environment: DATABASE_URL: what follows its user is not host:port (in a user or "
                                "password, characters such as / ? # : @ are written %2F %3F %23 %3A %40)";
    static const char percent[] = "environment: DATABASE_URL: a % in it is not followed by two hexadecimal digits, or "
                                  "makes a NUL (% itself is %25)";
    static const char space[] = "environment: DATABASE_URL: it holds a space or a control character (write it as % and "
                                "two hexadecimal digits)";
    static const char words[] = "environment: DATABASE_URL: it is neither a postgresql:// URL nor a string of keywords "
                                "and values such as host=... dbname=...";
    static const struct {
        const char *variable, *message;
    } cases[] = {
        {"DATABASE_URL=mysql://u:p@h/d", scheme},
        {"DATABASE_URL=sqlite:///d", scheme},
        {"DATABASE_URL=POSTGRES://h/d", scheme},
        {"DATABASE_URL=postgresqlx://h/d", scheme},
        {"DATABASE_URL=postgresql+://h/d", "environment: DATABASE_URL: its scheme has no driver after the +"},
        {"DATABASE_URL=postgresql://u:a/b@h/d", hosts},
        {"DATABASE_URL=postgresql://u:1/b@h/d", hosts},
        {"DATABASE_URL=postgresql://u:a@b@h/d", hosts},
        {"DATABASE_URL=postgresql://u:p@h:0/d", hosts},
        {"DATABASE_URL=postgresql://u:p@h:65536/d", hosts},
        {"DATABASE_URL=postgresql://u:p@h:x/d", hosts},
        {"DATABASE_URL=postgresql://u:p@[::1/d", hosts},
        {"DATABASE_URL=postgresql://u:p@[::1]x/d", hosts},
        {"DATABASE_URL=postgresql://u:p@::1/d", hosts},
        {"DATABASE_URL=postgresql://u:100%@h/d", percent},
        {"DATABASE_URL=postgresql://u:%zz@h/d", percent},
        {"DATABASE_URL=postgresql://u:%00@h/d", percent},
        {"DATABASE_URL=postgresql://u:p q@h/d", space},
        {"DATABASE_URL=postgresql://u:p@h/d\n", space},
        {"DATABASE_URL=stratslab", words},
        {"DATABASE_URL=host", words},
        {"DATABASE_URL=host=h port", words},
        {"DATABASE_URL=host='h", words},
        {"DATABASE_URL==h", words},
        {"DATABASE_URL=postgresql:/h=d", words},
    };

    for (size_t i = 0; i < countof(cases); i++) test_refused(TEST_LIST(cases[i].variable), NULL, cases[i].message);
}

static void test_database_url_wins(void)
{
    struct conf *conf = NULL;
    struct error err;
    struct buf out = {0};

    CU_ASSERT_EQUAL_FATAL(test_load(TEST_LIST("POSTGRES_HOST=other", "DATABASE_URL=postgresql://u@h:1/d"),
                                    TEST_LIST("POSTGRES_PORT=7"), &conf, &err),
                          0);
    UNIT_STR(conf->database.url, "postgresql://u@h:1/d");
    conf_print_text(conf, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), "# environment, not used: DATABASE_URL is set\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), "# --set, not used: DATABASE_URL is set\n"));
    buf_clear(&out);
    conf_free(conf);
}

static void test_database_of_the_owner(void)
{
    static const struct {
        const char *variables[8];
        const char *url, *label, *setting; /* of migrations; NULL: as DATABASE_URL */
    } cases[] = {
        {{"POSTGRES_USER=api"}, NULL, NULL, "DATABASE_URL"},
        {{"DATABASE_URL=postgresql://api@h/d"}, NULL, NULL, "DATABASE_URL"},
        {{"DATABASE_URL=postgresql://api@h/d", "MIGRATE_DATABASE_URL=postgresql+asyncpg://owner:p@h/d"},
         "postgresql://owner:p@h/d",
         "owner@h/d",
         "MIGRATE_DATABASE_URL"},
        {{"MIGRATE_DATABASE_URL=host=h dbname=d user=owner password=p"},
         "host=h dbname=d user=owner password=p",
         "owner@h/d",
         "MIGRATE_DATABASE_URL"},
        {{"POSTGRES_HOST=h", "POSTGRES_USER=api", "POSTGRES_PASSWORD=a", "MIGRATE_POSTGRES_USER=owner",
          "MIGRATE_POSTGRES_PASSWORD=p/"},
         "postgresql://owner:p%2F@h:5432/stratslab",
         "owner@h:5432/stratslab",
         "MIGRATE_POSTGRES_USER"},
        {{"MIGRATE_POSTGRES_USER=owner"},
         "postgresql://owner@127.0.0.1:5432/stratslab",
         "owner@127.0.0.1:5432/stratslab",
         "MIGRATE_POSTGRES_USER"},
        /* The pieces go with the pieces. */
        {{"DATABASE_URL=postgresql://api@h/d", "MIGRATE_POSTGRES_USER=owner"}, NULL, NULL, "DATABASE_URL"},
        {{"DATABASE_URL=postgresql://api@h/d", "MIGRATE_DATABASE_URL="}, NULL, NULL, "DATABASE_URL"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct conf *conf = NULL;
        struct error err;

        CU_ASSERT_EQUAL_FATAL(test_load(cases[i].variables, NULL, &conf, &err), 0);
        UNIT_STR(conf->migrations.url, cases[i].url == NULL ? conf->database.url : cases[i].url);
        UNIT_STR(conf->migrations.label, cases[i].label == NULL ? conf->database.label : cases[i].label);
        UNIT_STR(conf->migrations.url_setting, cases[i].setting);
        CU_ASSERT_EQUAL(conf->migrations.own_role, cases[i].url != NULL);
        conf_free(conf);
    }
    test_refused(TEST_LIST("MIGRATE_POSTGRES_PASSWORD=p"), NULL,
                 "environment: MIGRATE_POSTGRES_PASSWORD: whose password it is, is not set: set MIGRATE_POSTGRES_USER "
                 "too");
    test_refused(TEST_LIST("MIGRATE_DATABASE_URL=mysql://u:p@h/d"), NULL,
                 "environment: MIGRATE_DATABASE_URL: its scheme is neither postgresql:// nor postgres://");
}

/* A process that serves has no need of it: neither in the snapshot nor in its environment. */
static void test_database_owner_is_forgotten(void)
{
    char secret[] = "MIGRATE_DATABASE_URL=postgresql://owner:hush@h/d", other[] = "POSTGRES_USER=api";
    char file[] = "MIGRATE_DATABASE_URL_FILE=/run/secret";
    char *environ_list[] = {secret, other, NULL};
    char *with_file[] = {file, NULL};
    struct buf out = {0};
    struct conf *conf = NULL;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(test_load((const char *const *)environ_list, NULL, &conf, &err), 0);
    conf_export(conf, &out);
    CU_ASSERT_PTR_NULL(memmem(out.data, out.len, "hush", 4));
    conf_forget_owner(conf, environ_list);
    conf_forget_owner(conf, with_file);
    UNIT_STR(secret, "MIGRATE_DATABASE_URL=");
    UNIT_INT(secret[sizeof(secret) - 2], 0);
    UNIT_STR(other, "POSTGRES_USER=api");
    UNIT_STR(file, "MIGRATE_DATABASE_URL_FILE=/run/secret");
    UNIT_STR(conf->migrations.url, conf->database.url);
    CU_ASSERT_FALSE(conf->migrations.own_role);
    buf_reset(&out);
    conf_print_text(conf, &out);
    CU_ASSERT_PTR_NULL(memmem(out.data, out.len, "owner", 5));
    buf_clear(&out);
    conf_free(conf);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_database_parts),        UNIT_TEST(test_database_urls),
    UNIT_TEST(test_database_refused),      UNIT_TEST(test_database_url_wins),
    UNIT_TEST(test_database_of_the_owner), UNIT_TEST(test_database_owner_is_forgotten),
};
const struct unit_part database_tests = UNIT_PART(tests);
