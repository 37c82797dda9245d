#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "test_conf.h"

static void test_print_masks(void)
{
    const char *file = test_file("hush\n", 5);
    char *file_variable = mem_printf("POSTGRES_PASSWORD_FILE=%s", file);
    const char *const variables[] = {"POSTGRES_PASSWORD=hush", "DATABASE_URL=postgresql://u:hush@h/d",
                                     "DATABASE_URL=host=h password=hush", "DATABASE_URL=postgresql://h/d?password=hush",
                                     file_variable};

    for (size_t i = 0; i < countof(variables); i++) {
        struct conf *conf = test_load_one(variables[i], NULL);
        struct buf out = {0};

        CU_ASSERT_PTR_NOT_NULL(strstr(conf->database.url, "hush"));
        CU_ASSERT_PTR_NULL(strstr(conf->database.label, "hush"));
        conf_print_text(conf, &out);
        CU_ASSERT_PTR_NULL(strstr(buf_cstr(&out), "hush"));
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), "***"));
        buf_reset(&out);
        conf_print_json(conf, &out);
        CU_ASSERT_PTR_NULL(strstr(buf_cstr(&out), "hush"));
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), "***"));
        buf_clear(&out);
        conf_free(conf);
    }
    free(file_variable);
    test_file_remove(file);
}

static void test_print_sources(void)
{
    static const char content[] = "\nSTRATSLAB_DATABASE_QUEUE=7\nSTRATSLAB_MIGRATIONS_DIR='/a b'\n";
    const char *path = test_file(content, strlen(content)), *user = test_file("u", 1);
    char *config = mem_printf("STRATSLAB_CONFIG=%s", path), *user_variable = mem_printf("POSTGRES_USER_FILE=%s", user);
    struct conf *conf = NULL;
    struct error err;
    struct buf out = {0};
    char *expected[] = {
        mem_printf("%-64s # %s:2\n", "STRATSLAB_DATABASE_QUEUE=7", path),
        mem_printf("%-64s # %s:3\n", "STRATSLAB_MIGRATIONS_DIR=\"/a b\"", path),
        mem_printf("%-64s # environment\n", config),
        mem_printf("%-64s # environment, from %s\n", "POSTGRES_USER=u", user),
        mem_printf("%-64s # --set\n", "STRATSLAB_STOP_TIMEOUT=1min"),
        mem_printf("%-64s # default\n", "STRATSLAB_HTTP_BODY=1MiB"),
        mem_printf("%-64s # --set\n", "STRATSLAB_ADMIN_LISTEN=off"),
        mem_printf("%-64s # made from POSTGRES_HOST and the other POSTGRES_* settings\n",
                   "DATABASE_URL=postgresql://u@127.0.0.1:5432/stratslab"),
    };

    CU_ASSERT_EQUAL_FATAL(test_load(TEST_LIST(config, user_variable),
                                    TEST_LIST("STRATSLAB_STOP_TIMEOUT=60000ms", "STRATSLAB_ADMIN_LISTEN="), &conf,
                                    &err),
                          0);
    conf_print_text(conf, &out);
    for (size_t i = 0; i < countof(expected); i++) {
        if (strstr(buf_cstr(&out), expected[i]) == NULL) UNIT_STR(buf_cstr(&out), expected[i]);
        free(expected[i]);
    }
    buf_clear(&out);
    conf_free(conf);
    free(config);
    free(user_variable);
    test_file_remove(path);
    test_file_remove(user);
}

static void test_print_json(void)
{
    struct conf *conf = test_load_one("STRATSLAB_WORKERS=3", "POSTGRES_USER=a\"b");
    struct buf out = {0};
    static const char *const parts[] = {
        "{\"database\":\"a\\\"b@127.0.0.1:5432/stratslab\",\"settings\":[{\"name\":\"DATABASE_URL\",",
        "{\"name\":\"STRATSLAB_WORKERS\",\"value\":3,\"source\":\"environment\",\"secret\":false,\"reloadable\":true}",
        "{\"name\":\"STRATSLAB_LOG_ACCESS\",\"value\":\"on\",\"source\":\"default\",",
        "{\"name\":\"POSTGRES_USER\",\"value\":\"a\\\"b\",\"source\":\"--set\",",
    };

    conf_print_json(conf, &out);
    for (size_t i = 0; i < countof(parts); i++) CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), parts[i]));
    CU_ASSERT(out.len > 3 && memcmp(out.data + out.len - 3, "]}\n", 3) == 0);
    buf_clear(&out);
    conf_free(conf);
}

/* A file of the source tree. */
static struct slice read_committed(const char *name, char *out, size_t size)
{
    const char *srcdir = getenv("srcdir");
    char *path = mem_printf("%s/%s", srcdir == NULL ? TEST_SRCDIR : srcdir, name);
    FILE *file = unit_open(path, "re");

    free(path);
    size_t len = fread(out, 1, size, file);

    fclose(file);
    return (struct slice){out, len};
}

/* The programs that ship a sample file and a manual page of their settings. */
static const enum conf_program shipping[] = {CONF_STRATSLABD, CONF_BACKTESTD};

static void test_print_sample_is_committed(void)
{
    static char committed[65536];

    for (size_t i = 0; i < countof(shipping); i++) {
        char *name = mem_printf("etc/%s.conf.sample", conf_program_name(shipping[i]));
        struct slice sample = read_committed(name, committed, sizeof(committed));
        struct buf out = {0};

        conf_print_sample(shipping[i], &out);
        /* If this fails: make settings */
        CU_ASSERT(slice_eq(buf_slice(&out), sample));
        buf_clear(&out);
        free(name);
    }
}

static void test_print_man_is_committed(void)
{
    static char committed[65536];

    for (size_t i = 0; i < countof(shipping); i++) {
        char *name = mem_printf("man/%s.conf.5", conf_program_name(shipping[i]));
        struct slice page = read_committed(name, committed, sizeof(committed));
        struct buf out = {0};

        conf_print_man(shipping[i], &out);
        /* If this fails: make settings */
        CU_ASSERT_PTR_NOT_NULL(memmem(page.data, page.len, out.data, out.len));
        buf_clear(&out);
        free(name);
    }
}

/* By stratslabd. */
static size_t taken_count(void)
{
    size_t count = 0;

    for (size_t i = 0; i < conf_setting_count(); i++) {
        count += conf_setting_info(CONF_STRATSLABD, i).default_text != NULL;
    }
    return count;
}

/* With every comment sign before a setting taken away it is a settings file, and says what the defaults say. */
static void test_print_sample_loads(void)
{
    struct buf sample = {0}, bare = {0};
    size_t settings = 0;

    conf_print_sample(CONF_STRATSLABD, &sample);
    struct slice rest = buf_slice(&sample);

    while (rest.data != NULL) {
        struct slice line = slice_cut(&rest, '\n');

        if (line.len > 1 && line.data[0] == '#' && line.data[1] != ' ') {
            line.data++, line.len--;
            settings++;
        }
        buf_add_slice(&bare, line);
        buf_add_char(&bare, '\n');
    }
    UNIT_INT(settings, taken_count() - 1); /* all but STRATSLAB_CONFIG */

    const char *path = test_file(bare.data, bare.len);
    char *variable = mem_printf("STRATSLAB_CONFIG=%s", path);
    struct conf *conf = test_load_one(variable, NULL), *plain = test_load_one("PATH=/bin", NULL);

    UNIT_STR(conf->database.url, plain->database.url);
    UNIT_INT(conf->supervision.workers, plain->supervision.workers);
    UNIT_INT(conf->supervision.stop_timeout_ms, plain->supervision.stop_timeout_ms);
    conf_free(conf);
    conf_free(plain);
    free(variable);
    test_file_remove(path);
    buf_clear(&sample);
    buf_clear(&bare);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_print_masks),        UNIT_TEST(test_print_sources),
    UNIT_TEST(test_print_json),         UNIT_TEST(test_print_sample_is_committed),
    UNIT_TEST(test_print_sample_loads), UNIT_TEST(test_print_man_is_committed),
};
const struct unit_part print_tests = UNIT_PART(tests);
