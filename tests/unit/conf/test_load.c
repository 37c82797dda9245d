#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "test_conf.h"

static void test_sources_precedence(void)
{
    static const char content[] = "STRATSLAB_WORKERS=3\nSTRATSLAB_DATABASE_QUEUE=3\nSTRATSLAB_HTTP_CONNECTIONS=3\n";
    const char *path = test_file(content, strlen(content));
    char *variable = config_variable(path);
    struct conf *conf = NULL;
    struct error err;
    int result = test_load(TEST_LIST("STRATSLAB_DATABASE_QUEUE=4", variable, "STRATSLAB_HTTP_CONNECTIONS=4"),
                           TEST_LIST("STRATSLAB_HTTP_CONNECTIONS=5"), &conf, &err);

    CU_ASSERT_EQUAL_FATAL(result, 0);
    UNIT_INT(conf->http.header_fields, 100);
    UNIT_INT(conf->supervision.workers, 3);
    UNIT_INT(conf->database.limits.queue_max, 4);
    UNIT_INT(conf->http.connections, 5);
    UNIT_STR(conf->config_path, path);
    conf_free(conf);
    free(variable);
    test_file_remove(path);
}

static void test_sources_set_twice(void)
{
    struct conf *conf = NULL;
    struct error err;
    int result = test_load(TEST_LIST("STRATSLAB_DATABASE_QUEUE=1", "STRATSLAB_DATABASE_QUEUE=2"),
                           TEST_LIST("STRATSLAB_WORKERS=1", "STRATSLAB_WORKERS=2"), &conf, &err);

    CU_ASSERT_EQUAL_FATAL(result, 0);
    UNIT_INT(conf->supervision.workers, 2);       /* a command line's last word counts */
    UNIT_INT(conf->database.limits.queue_max, 1); /* as getenv(3) has it */
    conf_free(conf);
}

static void test_sources_config_missing(void)
{
    test_refused(TEST_LIST("STRATSLAB_CONFIG=/nonexistent/a.conf"), NULL,
                 "environment: STRATSLAB_CONFIG: cannot read /nonexistent/a.conf: No such file or directory");
    test_refused(TEST_LIST("STRATSLAB_CONFIG=/nonexistent/a.conf"), TEST_LIST("STRATSLAB_CONFIG=/nonexistent/b.conf"),
                 "--set: STRATSLAB_CONFIG: cannot read /nonexistent/b.conf: No such file or directory");
    test_refused(TEST_LIST("STRATSLAB_CONFIG=/"), NULL, "environment: STRATSLAB_CONFIG: cannot read /: Is a directory");
    conf_free(test_load_one("STRATSLAB_CONFIG=", NULL));
}

static void test_sources_empty_is_absent(void)
{
    struct conf *conf = NULL;
    struct error err;
    int result = test_load(
        TEST_LIST("DATABASE_URL=", "DATABASE_URL_FILE=", "POSTGRES_HOST=", "POSTGRES_PORT=", "POSTGRES_DB=",
                  "POSTGRES_USER=", "POSTGRES_PASSWORD=", "POSTGRES_PASSWORD_FILE=", "STRATSLAB_MIGRATIONS_DIR="),
        NULL, &conf, &err);

    CU_ASSERT_EQUAL_FATAL(result, 0);
    UNIT_STR(conf->database.url, "postgresql://stratslab@127.0.0.1:5432/stratslab");
    UNIT_STR(conf->migrations.dir, STRATSLAB_MIGRATIONSDIR);
    conf_free(conf);
}

static void test_sources_unknown_names(void)
{
    static const struct {
        const char *variable, *message;
    } cases[] = {
        {"STRATSLAB_WORKER=1", "environment: \"STRATSLAB_WORKER\" is not a setting; did you mean STRATSLAB_WORKERS?"},
        {"STRATSLAB_LOGLEVEL=1",
         "environment: \"STRATSLAB_LOGLEVEL\" is not a setting; did you mean STRATSLAB_LOG_LEVEL?"},
        {"STRATSLAB_HTTP_IDEL_TIMEOUT=1",
         "environment: \"STRATSLAB_HTTP_IDEL_TIMEOUT\" is not a setting; did you mean STRATSLAB_HTTP_IDLE_TIMEOUT?"},
        {"STRATSLAB_SOMETHING_ELSE_ALTOGETHER=1",
         "environment: \"STRATSLAB_SOMETHING_ELSE_ALTOGETHER\" is not a setting; if it is one of a newer version, list "
         "it in STRATSLAB_NEWER_SETTINGS"},
        {"STRATSLAB_=1", "environment: \"STRATSLAB_\" is not a setting; if it is one of a newer version, list it in "
                         "STRATSLAB_NEWER_SETTINGS"},
        {"STRATSLAB_WORKERS_FILE=/x",
         "environment: STRATSLAB_WORKERS_FILE: STRATSLAB_WORKERS cannot be read from a file"},
    };

    for (size_t i = 0; i < countof(cases); i++) test_refused(TEST_LIST(cases[i].variable), NULL, cases[i].message);
    test_refused(NULL, TEST_LIST("POSTGRES_HOTS=1"),
                 "--set: \"POSTGRES_HOTS\" is not a setting; did you mean POSTGRES_HOST?");
    /* Other programs' variables. */
    conf_free(test_load_one("POSTGRES_INITDB_ARGS=--data-checksums", NULL));
    conf_free(test_load_one("stratslab_workers=none", NULL));
}

/* Two versions share an environment: what the older does not know is listed, and only that is passed over. */
static void test_sources_newer_settings(void)
{
    static const char newer[] = "STRATSLAB_NEWER_SETTINGS=STRATSLAB_KEY, STRATSLAB_NOVELTY,STRATSLAB_WORKERS";
    struct conf *conf = NULL;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(
        test_load(TEST_LIST("STRATSLAB_NOVELTY=1", "STRATSLAB_KEY_FILE=/nonexistent", newer, "STRATSLAB_WORKERS=3"),
                  NULL, &conf, &err),
        0);
    UNIT_STR(conf->newer_passed, "STRATSLAB_NOVELTY STRATSLAB_KEY_FILE");
    CU_ASSERT_EQUAL(conf->supervision.workers, 3);
    conf_free(conf);

    test_refused(
        TEST_LIST("STRATSLAB_NOVELTY=1", "STRATSLAB_WORKER=2", "STRATSLAB_NOVELTY_FILES=1",
                  "STRATSLAB_NEWER_SETTINGS=STRATSLAB_NOVELTY STRATSLAB_KEY"),
        NULL,
        "environment: \"STRATSLAB_WORKER\" is not a setting; did you mean STRATSLAB_WORKERS?\n"
        "environment: \"STRATSLAB_NOVELTY_FILES\" is not a setting; if it is one of a newer version, list it in "
        "STRATSLAB_NEWER_SETTINGS");
    /* What it knows is judged, listed or not; and the command line is for one program. */
    test_refused(TEST_LIST("STRATSLAB_WORKERS=none", "STRATSLAB_NEWER_SETTINGS=STRATSLAB_WORKERS"), NULL,
                 "environment: STRATSLAB_WORKERS: \"none\" is not an integer from 1 to 256");
    test_refused(TEST_LIST("STRATSLAB_NEWER_SETTINGS=STRATSLAB_NOVELTY"), TEST_LIST("STRATSLAB_NOVELTY=1"),
                 "--set: \"STRATSLAB_NOVELTY\" is not a setting");

    static const char content[] = "STRATSLAB_NOVELTY=1\nSTRATSLAB_NEWER_SETTINGS=STRATSLAB_NOVELTY\n";
    const char *path = test_file(content, strlen(content));
    char *variable = config_variable(path);

    CU_ASSERT_EQUAL_FATAL(test_load(TEST_LIST(variable), NULL, &conf, &err), 0);
    UNIT_STR(conf->newer_passed, "STRATSLAB_NOVELTY");
    conf_free(conf);
    free(variable);
    test_file_remove(path);
}

static void test_sources_all_at_once(void)
{
    static const char content[] = "# a comment\n"
                                  "STRATSLAB_WORKERS=0\n"
                                  "nonsense\n"
                                  "\n"
                                  "STRATSLAB_LOG_LEVEL=loud # a comment\n"
                                  "PGHOST=x\n";
    const char *path = test_file(content, strlen(content));
    char *variable = config_variable(path);
    char *message = mem_printf(
        "%s:2: STRATSLAB_WORKERS: \"0\" is not an integer from 1 to 256\n"
        "%s:3: the line is not NAME=VALUE\n"
        "%s:5: STRATSLAB_LOG_LEVEL: \"loud\" is not one of error, warning, info, debug\n"
        "%s:6: \"PGHOST\" is not a setting\n"
        "environment: \"STRATSLAB_LISTENS\" is not a setting; did you mean STRATSLAB_LISTEN?\n"
        "environment: POSTGRES_PORT: \"x\" is not an integer from 1 to 65535\n"
        "--set: STRATSLAB_LOG_ACCESS: \"2\" is not on, off, errors or a share of at most six digits such as 0.01",
        path, path, path, path);

    test_refused(TEST_LIST("STRATSLAB_LISTENS=x", variable, "POSTGRES_PORT=x"), TEST_LIST("STRATSLAB_LOG_ACCESS=2"),
                 message);
    free(message);
    free(variable);
    test_file_remove(path);
}

static void test_sources_many_problems_fit(void)
{
    enum { LINES = 500 };
    struct buf content = {0};
    struct error err;
    struct conf *conf = NULL;

    for (int i = 0; i < LINES; i++) buf_add_str(&content, "nonsense\n");
    const char *path = test_file(content.data, content.len);
    char *variable = config_variable(path);
    size_t shown = 1, more = 0;

    UNIT_INT(test_load(TEST_LIST(variable), NULL, &conf, &err), -1);
    for (const char *p = err.message; *p != '\0'; p++) shown += *p == '\n';
    const char *last = strrchr(err.message, '\n');

    CU_ASSERT_PTR_NOT_NULL_FATAL(last);
    /* NOLINTNEXTLINE(cert-err34-c): the next line checks the number */
    UNIT_INT(sscanf(last, "\n(and %zu more)", &more), 1);
    UNIT_INT(shown - 1 + more, LINES);
    CU_ASSERT(shown > 50);
    buf_clear(&content);
    free(variable);
    test_file_remove(path);
}

static void test_sources_set_malformed(void)
{
    test_refused(NULL, TEST_LIST("STRATSLAB_WORKERS=1", "hush"), "--set: argument 2 is not NAME=VALUE");
    test_refused(NULL, TEST_LIST("=1"), "--set: argument 1 is not NAME=VALUE");
}

static bool credentials_load(const char *environment, struct conf **ret_conf, char **ret_folder)
{
    char *folder = mem_strdup("/tmp/stratslab-unit-credentials-XXXXXX");
    char *path;
    char *variable;
    struct error err;
    FILE *f;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    path = mem_printf("%s/POSTGRES_PASSWORD", folder);
    variable = mem_printf("CREDENTIALS_DIRECTORY=%s", folder);
    f = unit_open(path, "w");
    fputs("fromcredential\n", f);
    fclose(f);
    int result = test_load(TEST_LIST(variable, environment), NULL, ret_conf, &err);

    unlink(path);
    rmdir(folder);
    free(path);
    free(variable);
    *ret_folder = folder;
    return result == 0;
}

static void credentials_print(const char *environment, const char *expected)
{
    struct conf *conf = NULL;
    char *folder;
    struct buf out = {0};

    CU_ASSERT_FATAL(credentials_load(environment, &conf, &folder));
    conf_export(conf, &out);
    CU_ASSERT_PTR_NOT_NULL(memmem(out.data, out.len, expected, strlen(expected)));
    CU_ASSERT(conf->database.given);
    conf_free(conf);
    buf_clear(&out);
    free(folder);
}

/* systemd's credentials: a file called as the setting; the environment wins. */
static void test_sources_credentials(void)
{
    struct conf *conf = NULL;
    struct error err;

    credentials_print("POSTGRES_USER=u", ":fromcredential@");
    credentials_print("POSTGRES_PASSWORD=p", ":p@");
    CU_ASSERT_EQUAL_FATAL(test_load(TEST_LIST("CREDENTIALS_DIRECTORY=/nonexistent"), NULL, &conf, &err), 0);
    CU_ASSERT_FALSE(conf->database.given);
    conf_free(conf);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_sources_precedence),      UNIT_TEST(test_sources_credentials),
    UNIT_TEST(test_sources_set_twice),       UNIT_TEST(test_sources_config_missing),
    UNIT_TEST(test_sources_empty_is_absent), UNIT_TEST(test_sources_unknown_names),
    UNIT_TEST(test_sources_all_at_once),     UNIT_TEST(test_sources_many_problems_fit),
    UNIT_TEST(test_sources_set_malformed),   UNIT_TEST(test_sources_newer_settings),
};
const struct unit_part load_tests = UNIT_PART(tests);
