#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "test_conf.h"

/* "STRATSLAB_CONFIG=<path>"; free it. */
static char *config_variable(const char *path)
{
    return mem_printf("STRATSLAB_CONFIG=%s", path);
}

static struct conf *load_file(const char *content)
{
    const char *path = test_file(content, strlen(content));
    char *variable = config_variable(path);
    struct conf *conf = test_load_one(variable, NULL);

    free(variable);
    test_file_remove(path);
    return conf;
}

void test_sources_precedence(void)
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

void test_sources_set_twice(void)
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

void test_sources_config_missing(void)
{
    test_refused(TEST_LIST("STRATSLAB_CONFIG=/nonexistent/a.conf"), NULL,
                 "environment: STRATSLAB_CONFIG: cannot read /nonexistent/a.conf: No such file or directory");
    test_refused(TEST_LIST("STRATSLAB_CONFIG=/nonexistent/a.conf"), TEST_LIST("STRATSLAB_CONFIG=/nonexistent/b.conf"),
                 "--set: STRATSLAB_CONFIG: cannot read /nonexistent/b.conf: No such file or directory");
    test_refused(TEST_LIST("STRATSLAB_CONFIG=/"), NULL, "environment: STRATSLAB_CONFIG: cannot read /: Is a directory");
    conf_free(test_load_one("STRATSLAB_CONFIG=", NULL));
}

void test_sources_empty_is_absent(void)
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

void test_sources_unknown_names(void)
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
         "environment: \"STRATSLAB_SOMETHING_ELSE_ALTOGETHER\" is not a setting"},
        {"STRATSLAB_=1", "environment: \"STRATSLAB_\" is not a setting"},
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

void test_sources_all_at_once(void)
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

void test_sources_many_problems_fit(void)
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

void test_sources_set_malformed(void)
{
    test_refused(NULL, TEST_LIST("STRATSLAB_WORKERS=1", "hush"), "--set: argument 2 is not NAME=VALUE");
    test_refused(NULL, TEST_LIST("=1"), "--set: argument 1 is not NAME=VALUE");
}

void test_file_values(void)
{
    static const struct {
        const char *content, *user;
    } cases[] = {
        {"POSTGRES_USER=plain", "plain"},
        {"POSTGRES_USER=plain\r\n", "plain"},
        {"\xef\xbb\xbfPOSTGRES_USER=plain\n", "plain"},
        {"  POSTGRES_USER = plain  # comment \n", "plain"},
        {"POSTGRES_USER=plain\t#comment\n", "plain"},
        {"POSTGRES_USER='a b#c\\'\n", "a b#c\\"},
        {"POSTGRES_USER=\"a \\\"b\\\" \\\\ 'c' #\" # comment\n", "a \"b\" \\ 'c' #"},
        {"POSTGRES_USER='it'#comment\n", "it"},
        {"POSTGRES_USER=a=b\n", "a=b"},
        {"POSTGRES_USER=\n", "stratslab"},
        {"POSTGRES_USER= # comment\n", "stratslab"},
        {"POSTGRES_USER=''\n", "stratslab"},
        {"#POSTGRES_USER=x\n  # POSTGRES_USER=y\n\n", "stratslab"},
        {"POSTGRES_USER=\xc3\xa9\n", "\xc3\xa9"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct conf *conf = load_file(cases[i].content);
        struct buf out = {0};
        char *expected = mem_printf("%s@127.0.0.1:5432/stratslab", cases[i].user);

        UNIT_STR(conf->database.label, expected);
        free(expected);
        buf_clear(&out);
        conf_free(conf);
    }
}

void test_file_problems(void)
{
    static const struct {
        const char *content;
        size_t len; /* 0: of the string */
        const char *problem;
    } cases[] = {
        {"\n\nPOSTGRES_USER\n", 0, "3: the line is not NAME=VALUE"},
        {"=x\n", 0, "1: there is no name before the equals sign"},
        {"export POSTGRES_USER=x\n", 0, "1: the line is not NAME=VALUE: a name has letters, digits and underscores"},
        {"POSTGRES_USER=a b\n", 0, "1: a value that holds spaces needs quotes around it"},
        {"POSTGRES_USER=a#b\n", 0, "1: a value that holds # needs quotes around it"},
        {"POSTGRES_USER=#b\n", 0, "1: a value that holds # needs quotes around it"},
        {"POSTGRES_USER=a'b\n", 0, "1: the value has a quote inside, but does not begin with one"},
        {"POSTGRES_USER='a\n'", 0, "1: the quote is not closed on this line\nPATH:2: the line is not NAME=VALUE"},
        {"POSTGRES_USER=\"a\\\n", 0, "1: the quote is not closed on this line"},
        {"POSTGRES_USER=\"a\\n\"\n", 0, "1: only \\\\ and \\\" are escapes in double quotes; single quotes have none"},
        {"POSTGRES_USER='a' b\n", 0, "1: there is text after the closing quote"},
        {"POSTGRES_USER=a\nPOSTGRES_USER=b", 0, "2: POSTGRES_USER: is set already, at PATH:1"},
        {"POSTGRES_USER=a\0b\n", 18, "1: the line has a NUL byte"},
        {"STRATSLAB_CONFIG=/x\n", 0,
         "1: STRATSLAB_CONFIG: cannot be set in the settings file, because it names that file"},
        {"UNHEARD_OF=1", 0, "1: \"UNHEARD_OF\" is not a setting"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const char *path = test_file(cases[i].content, cases[i].len == 0 ? strlen(cases[i].content) : cases[i].len);
        char *variable = config_variable(path);
        struct buf message = {0};
        const char *rest = cases[i].problem;

        buf_printf(&message, "%s:", path);
        for (const char *at; (at = strstr(rest, "PATH")) != NULL; rest = at + 4) {
            buf_printf(&message, "%.*s%s", (int)(at - rest), rest, path);
        }
        buf_add_str(&message, rest);
        test_refused(TEST_LIST(variable), NULL, buf_cstr(&message));
        buf_clear(&message);
        free(variable);
        test_file_remove(path);
    }
}

void test_file_variant(void)
{
    static const struct {
        const char *content, *encoded;
    } cases[] = {
        {"hush", "hush"},         {"hush\n", "hush"},    {"hush\n\n", "hush%0A"}, {"hush\r\n", "hush"},
        {" hush ", "%20hush%20"}, {"hush\r", "hush%0D"}, {"\xc3\xa9", "%C3%A9"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const char *path = test_file(cases[i].content, strlen(cases[i].content));
        char *variable = mem_printf("POSTGRES_PASSWORD_FILE=%s", path);
        char *url = mem_printf("postgresql://stratslab:%s@127.0.0.1:5432/stratslab", cases[i].encoded);
        struct conf *conf = test_load_one(variable, NULL);

        UNIT_STR(conf->database.url, url);
        conf_free(conf);
        /* A later source wins, however it gives the value. */
        conf = test_load_one(variable, "POSTGRES_PASSWORD=other");
        UNIT_STR(conf->database.url, "postgresql://stratslab:other@127.0.0.1:5432/stratslab");
        conf_free(conf);
        conf = test_load_one("POSTGRES_PASSWORD=other", variable);
        UNIT_STR(conf->database.url, url);
        conf_free(conf);
        free(url);
        free(variable);
        test_file_remove(path);
    }
}

void test_file_variant_problems(void)
{
    const char *port = test_file("x", 1), *empty = test_file("\n", 1), *nul = test_file("a\0b", 3);
    char *port_variable = mem_printf("POSTGRES_PORT_FILE=%s", port);
    char *empty_variable = mem_printf("POSTGRES_PASSWORD_FILE=%s", empty);
    char *nul_variable = mem_printf("POSTGRES_PASSWORD_FILE=%s", nul);
    char *message;

    test_refused(TEST_LIST("POSTGRES_PASSWORD=a", "POSTGRES_PASSWORD_FILE=/nonexistent"), NULL,
                 "environment: POSTGRES_PASSWORD_FILE: POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are both set; only "
                 "one of them may be");
    test_refused(TEST_LIST(empty_variable, "POSTGRES_PASSWORD=a"), NULL,
                 message = mem_printf("environment: POSTGRES_PASSWORD_FILE: %s is empty\n"
                                      "environment: POSTGRES_PASSWORD: POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE "
                                      "are both set; only one of them may be",
                                      empty));
    free(message);
    test_refused(TEST_LIST("DATABASE_URL_FILE=/nonexistent"), NULL,
                 "environment: DATABASE_URL_FILE: cannot read /nonexistent: No such file or directory");
    message = mem_printf("environment: POSTGRES_PORT_FILE: %s: \"x\" is not an integer from 1 to 65535", port);
    test_refused(TEST_LIST(port_variable), NULL, message);
    free(message);
    message = mem_printf("environment: POSTGRES_PASSWORD_FILE: %s: holds a NUL byte", nul);
    test_refused(TEST_LIST(nul_variable), NULL, message);
    free(message);
    free(port_variable);
    free(empty_variable);
    free(nul_variable);
    test_file_remove(port);
    test_file_remove(empty);
    test_file_remove(nul);
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
void test_sources_credentials(void)
{
    struct conf *conf = NULL;
    struct error err;

    credentials_print("POSTGRES_USER=u", ":fromcredential@");
    credentials_print("POSTGRES_PASSWORD=p", ":p@");
    CU_ASSERT_EQUAL_FATAL(test_load(TEST_LIST("CREDENTIALS_DIRECTORY=/nonexistent"), NULL, &conf, &err), 0);
    CU_ASSERT_FALSE(conf->database.given);
    conf_free(conf);
}
