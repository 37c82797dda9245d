/* One table for two programs: what each takes, passes over, refuses and prints. */
#include <stdlib.h>

#include "base/mem.h"
#include "test_conf.h"

static struct conf *load(enum conf_program program, const char *const *environ_list)
{
    static struct error err;
    struct conf *conf = NULL;

    err = (struct error){0};
    CU_ASSERT_EQUAL_FATAL(test_load_program(program, environ_list, NULL, &conf, &err), 0);
    UNIT_STR(err.message, "");
    return conf;
}

static bool holds(const struct buf *text, const char *part)
{
    return memmem(text->data, text->len, part, strlen(part)) != NULL;
}

static void test_program_defaults(void)
{
    struct conf *api = load(CONF_STRATSLABD, TEST_LIST("PATH=/bin"));
    struct conf *lab = load(CONF_BACKTESTD, TEST_LIST("PATH=/bin"));

    UNIT_INT(api->program, CONF_STRATSLABD);
    UNIT_INT(lab->program, CONF_BACKTESTD);
    UNIT_STR(api->admin_listen.items[0].text, "127.0.0.1:8080");
    UNIT_STR(lab->admin_listen.items[0].text, "127.0.0.1:8081");
    /* What backtestd does not take: it listens nowhere, and the rest is as in stratslabd. */
    UNIT_INT(lab->listen.count, 0);
    UNIT_INT(lab->http.body_bytes, api->http.body_bytes);
    UNIT_INT(lab->http.idle_timeout_ms, api->http.idle_timeout_ms);
    UNIT_INT(lab->supervision.workers, api->supervision.workers);
    UNIT_STR(lab->database.url, api->database.url);
    conf_free(api);
    conf_free(lab);

    static struct error err;

    /* Without a file that is named, each looks for its own. */
    for (unsigned program = 0; program < CONF_PROGRAMS; program++) {
        char *expected = mem_printf("%s/%s.conf", STRATSLAB_SYSCONFDIR, conf_program_name(program));
        struct conf *conf = NULL;

        if (conf_load(program, TEST_LIST("PATH=/bin"), NULL, 0, &conf, &err) == 0) {
            UNIT_STR(conf->config_path, expected);
        } else { /* a machine with a broken one of its own: the message names it */
            CU_ASSERT_PTR_NOT_NULL(strstr(err.message, expected));
        }
        conf_free(conf);
        free(expected);
    }
}

/* In an environment and a file that programs share. */
static void test_program_pass_over(void)
{
    static const char content[] = "STRATSLAB_LISTEN=nonsense\n"
                                  "STRATSLAB_HTTP_BODY=2MiB\n"
                                  "STRATSLAB_TEST_SEED=1\n"
                                  "STRATSLAB_DATABASE_QUEUE=7\n";
    const char *path = test_file(content, strlen(content));
    char *config = mem_printf("STRATSLAB_CONFIG=%s", path);
    struct conf *conf = load(CONF_BACKTESTD, TEST_LIST("STRATSLAB_AUTH=never", "STRATSLAB_AUTH_FILE=/nonexistent",
                                                       "STRATSLAB_WORKERS=3", "STRATSLAB_TEST_DATABASE_URL=x",
                                                       "STRATSLAB_DEV_PORT=y", config));

    UNIT_INT(conf->auth, CONF_AUTH_TOKEN);
    UNIT_INT(conf->http.body_bytes, 1024 * 1024);
    UNIT_INT(conf->listen.count, 0);
    UNIT_INT(conf->supervision.workers, 3);
    UNIT_INT(conf->database.limits.queue_max, 7);
    conf_free(conf);
    conf_free(load(CONF_STRATSLABD, TEST_LIST("STRATSLAB_TEST_SLOWNESS=4", "STRATSLAB_DEV_PORT=y")));
    free(config);
    test_file_remove(path);
}

static void test_program_refuse(void)
{
    const char *path = test_file("STRATSLAB_LISTENS=x\n", strlen("STRATSLAB_LISTENS=x\n"));
    char *config = mem_printf("STRATSLAB_CONFIG=%s", path);
    char *message = mem_printf("%s:1: \"STRATSLAB_LISTENS\" is not a setting; did you mean STRATSLAB_LISTEN?", path);

    /* Nobody's. */
    test_refused_program(CONF_BACKTESTD, TEST_LIST(config), NULL, message);
    test_refused_program(CONF_BACKTESTD, TEST_LIST("STRATSLAB_WORKER=1"), NULL,
                         "environment: \"STRATSLAB_WORKER\" is not a setting; did you mean STRATSLAB_WORKERS?");
    test_refused_program(
        CONF_BACKTESTD, TEST_LIST("STRATSLAB_TESTS_AND_MORE=1"), NULL,
        "environment: \"STRATSLAB_TESTS_AND_MORE\" is not a setting; if it is one of a newer version, list "
        "it in STRATSLAB_NEWER_SETTINGS");
    /* Its own, with a value that is wrong. */
    test_refused_program(CONF_BACKTESTD, TEST_LIST("STRATSLAB_WORKERS=0"), NULL,
                         "environment: STRATSLAB_WORKERS: \"0\" is not an integer from 1 to 256");
    /* A command line is for one program. */
    test_refused_program(CONF_BACKTESTD, NULL, TEST_LIST("STRATSLAB_LISTEN=*:80"),
                         "--set: STRATSLAB_LISTEN: is a setting of stratslabd, not of backtestd");
    test_refused_program(CONF_BACKTESTD, NULL, TEST_LIST("STRATSLAB_TEST_X=1"),
                         "--set: \"STRATSLAB_TEST_X\" is not a setting");
    free(message);
    free(config);
    test_file_remove(path);
}

static void test_program_print(void)
{
    struct conf *conf = load(CONF_BACKTESTD, TEST_LIST("STRATSLAB_LISTEN=*:80", "STRATSLAB_WORKERS=3"));
    struct buf text[5] = {0};

    conf_print_text(conf, &text[0]);
    conf_print_json(conf, &text[1]);
    conf_print_sample(CONF_BACKTESTD, &text[2]);
    conf_print_man(CONF_BACKTESTD, &text[3]);
    conf_export(conf, &text[4]);
    for (size_t i = 0; i < countof(text); i++) {
        CU_ASSERT_FALSE(holds(&text[i], "STRATSLAB_LISTEN"));
        CU_ASSERT_FALSE(holds(&text[i], "STRATSLAB_HTTP_BODY"));
        CU_ASSERT(holds(&text[i], "DATABASE_URL"));
        CU_ASSERT(holds(&text[i], "STRATSLAB_WORKERS"));
        CU_ASSERT(holds(&text[i], "STRATSLAB_ADMIN_LISTEN"));
    }
    CU_ASSERT(holds(&text[0], "STRATSLAB_ADMIN_LISTEN=127.0.0.1:8081 "));
    CU_ASSERT(holds(&text[1], "{\"name\":\"STRATSLAB_WORKERS\",\"value\":3,\"source\":\"environment\","));
    CU_ASSERT(holds(&text[2], "# Settings of backtestd: "));
    CU_ASSERT_FALSE(holds(&text[2], "stratslabd"));
    CU_ASSERT_FALSE(holds(&text[3], "stratslabd"));
    CU_ASSERT(holds(&text[2], "\n#STRATSLAB_ADMIN_LISTEN=127.0.0.1:8081\n"));
    CU_ASSERT(holds(&text[2], "stratslab/backtestd.conf"));
    CU_ASSERT(holds(&text[3], "; default 127.0.0.1:8081\"\n"));
    CU_ASSERT(holds(&text[3], "Made by `backtestd config --man`"));
    for (size_t i = 0; i < countof(text); i++) buf_clear(&text[i]);
    conf_free(conf);

    size_t taken[CONF_PROGRAMS] = {0};

    for (size_t i = 0; i < conf_setting_count(); i++) {
        bool any = false;

        for (unsigned program = 0; program < CONF_PROGRAMS; program++) {
            const struct conf_setting_info info = conf_setting_info(program, i);

            taken[program] += info.default_text != NULL;
            any = any || info.default_text != NULL;
            CU_ASSERT_PTR_NULL(strstr(info.name, "_TEST_"));
            CU_ASSERT_PTR_NULL(strstr(info.name, "_DEV_"));
        }
        CU_ASSERT(any);
    }
    CU_ASSERT(taken[CONF_BACKTESTD] > 10 && taken[CONF_BACKTESTD] < taken[CONF_STRATSLABD]);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_program_defaults),
    UNIT_TEST(test_program_pass_over),
    UNIT_TEST(test_program_refuse),
    UNIT_TEST(test_program_print),
};
const struct unit_part program_tests = UNIT_PART(tests);
