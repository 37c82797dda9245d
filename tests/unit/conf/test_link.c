#include <stdlib.h>

#include "base/mem.h"
#include "conf/internal.h"
#include "test_conf.h"

static bool is_link(const char *variable, const char *const *others)
{
    struct slice value = slice_of(variable);
    const struct slice name = slice_cut(&value, '=');

    return conf_is_link(name, value, others == NULL ? TEST_LIST(NULL) : others);
}

/* What Kubernetes and the engine of links set for one service, whatever it is called. */
static void test_every_shape_of_every_service_is_passed_over(void)
{
    static const char *const services[] = {"STRATSLAB",          "STRATSLAB_ADMIN",  "STRATSLAB_DB_1", "POSTGRES",
                                           "STRATSLAB_SVC_PORT", "STRATSLAB_PORT_1", "STRATSLAB_ENV",  "DATABASE"};
    static const char *const shapes[] = {
        "SERVICE_HOST=10.96.0.1",
        "SERVICE_HOST=fd00::1",
        "SERVICE_PORT=8000",
        "SERVICE_PORT_HTTP=8000",
        "SERVICE_PORT_HTTP_ADMIN=8080",
        "PORT=tcp://10.96.0.1:8000",
        "PORT=udp://10.96.0.1:53",
        "PORT=sctp://[fd00::1]:9",
        "PORT_8000_TCP=tcp://10.96.0.1:8000",
        "PORT_8000_TCP_PROTO=tcp",
        "PORT_8000_TCP_PORT=8000",
        "PORT_8000_TCP_ADDR=10.96.0.1",
        "PORT_53_UDP=udp://10.96.0.1:53",
        "PORT_53_UDP_ADDR=10.96.0.1",
        "PORT_9_SCTP_PROTO=sctp",
        "PORT_8000_TCP_START=tcp://172.17.0.2:8000",
        "PORT_8000_TCP_END=tcp://172.17.0.2:8009",
        "PORT_8000_TCP_PORT_START=8000",
        "PORT_8000_TCP_PORT_END=8009",
        "NAME=/web/db",
    };

    for (size_t s = 0; s < countof(services); s++) {
        for (size_t i = 0; i < countof(shapes); i++) {
            char *variable = mem_printf("%s_%s", services[s], shapes[i]);

            if (!is_link(variable, NULL)) UNIT_STR("not known", variable);
            free(variable);
        }
    }
}

static void test_what_no_orchestrator_sets_is_told(void)
{
    static const char *const variables[] = {
        "STRATSLAB_SERVICE_HOST=",
        "STRATSLAB_SERVICE_PORT=http",
        "STRATSLAB_SERVICE_PORT=70000",
        "STRATSLAB_SERVICE_PORT_=80",
        "STRATSLAB_SERVICE_HOSTS=10.0.0.1",
        "STRATSLAB_PORT=8000",
        "STRATSLAB_PORT=http://10.0.0.1:80",
        "STRATSLAB_PORT=tcp://",
        "STRATSLAB_PORT_8000=8000",
        "STRATSLAB_PORT_8000_TCP=8000",
        "STRATSLAB_PORT_8000_TCPX=tcp://10.0.0.1:80",
        "STRATSLAB_PORT_X_TCP_ADDR=10.0.0.1",
        "STRATSLAB_NAME=db",
        "STRATSLAB_NAME=/db",
        "STRATSLAB_NAME=/a/b/c",
        "STRATSLAB_NAME=//b",
        "STRATSLAB_ENV_PATH=/bin",
        "_SERVICE_HOST=10.0.0.1",
        "STRATSLAB_x_SERVICE_HOST=10.0.0.1",
        "STRATSLAB_\n_SERVICE_HOST=10.0.0.1",
    };

    for (size_t i = 0; i < countof(variables); i++) {
        if (is_link(variables[i], NULL)) UNIT_STR("passed over", variables[i]);
    }
}

/* The linked container's own variables may have any name and value, so the link itself has to be there. */
static void test_variables_of_a_linked_container(void)
{
    const char *variable = "STRATSLAB_DB_ENV_POSTGRES_PASSWORD=x";

    CU_ASSERT_TRUE(is_link(variable, TEST_LIST("A=b", "STRATSLAB_DB_NAME=/web/db")));
    CU_ASSERT_TRUE(is_link(variable, TEST_LIST("STRATSLAB_DB_PORT=tcp://172.17.0.2:5432")));
    CU_ASSERT_TRUE(is_link("STRATSLAB_ENV_X_ENV_Y=", TEST_LIST("STRATSLAB_ENV_X_NAME=/a/b")));
    CU_ASSERT_FALSE(is_link(variable, TEST_LIST("STRATSLAB_D_NAME=/web/db", "STRATSLAB_DB_NAMES=/web/db")));
    CU_ASSERT_FALSE(is_link("STRATSLAB_DB_ENV_=x", TEST_LIST("STRATSLAB_DB_NAME=/web/db")));
}

static void test_a_service_called_as_a_setting_is_begins(void)
{
    struct conf *conf = NULL;
    struct error err;
    struct buf out = {0};

    CU_ASSERT_EQUAL_FATAL(
        test_load(TEST_LIST("POSTGRES_PORT=tcp://10.96.0.7:5432", "POSTGRES_HOST=db",
                            "STRATSLAB_ADMIN_PORT=tcp://10.96.0.8:8080", "STRATSLAB_ADMIN_SERVICE_HOST=10.96.0.8"),
                  NULL, &conf, &err),
        0);
    UNIT_STR(conf->database.label, "stratslab@db:5432/stratslab");
    UNIT_INT(conf->links.count, 3);
    UNIT_STR(conf->links.items[0], "POSTGRES_PORT");
    conf_print_text(conf, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), "# default; that of the environment is an orchestrator's"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_cstr(&out), "# passed over, because an orchestrator sets it: STRATSLAB_ADMIN_PORT\n"));
    buf_reset(&out);
    conf_print_json(conf, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), "\"passed_over\":[\"POSTGRES_PORT\",\"STRATSLAB_ADMIN_PORT\","));
    buf_clear(&out);
    conf_free(conf);
    conf = test_load_one("POSTGRES_PORT=tcp://10.96.0.7:5432", NULL);
    CU_ASSERT_FALSE(conf->database.given); /* an orchestrator has not configured a database */
    conf_free(conf);
}

/* No setting may have a name that an orchestrator gives, but the one above: its value would be passed over. */
static void test_no_other_setting_looks_like_a_link(void)
{
    static const char *const values[] = {"10.0.0.1", "80", "tcp://10.0.0.1:80", "tcp", "/a/b"};

    for (size_t i = 0; i < conf_setting_count(); i++) {
        const struct slice name = slice_of(conf_setting_info(CONF_STRATSLABD, i).name);

        for (size_t v = 0; v < countof(values); v++) {
            if (conf_is_link(name, slice_of(values[v]), TEST_LIST(NULL))) UNIT_SLICE(name, "POSTGRES_PORT");
        }
    }
}

/* Elsewhere somebody has written it. */
static void test_in_the_file_and_on_the_command_line_it_is_wrong(void)
{
    static const char content[] = "STRATSLAB_SERVICE_HOST=10.96.0.1\nPOSTGRES_PORT=tcp://10.96.0.7:5432\n";
    const char *path = test_file(content, strlen(content));
    char *variable = config_variable(path);
    char *message = mem_printf("%s:1: \"STRATSLAB_SERVICE_HOST\" is not a setting; if it is one of a newer "
                               "version, list it in STRATSLAB_NEWER_SETTINGS\n"
                               "%s:2: POSTGRES_PORT: \"tcp://10.96.0.7:5432\" is not an integer from 1 to 65535\n"
                               "--set: \"STRATSLAB_SERVICE_PORT\" is not a setting",
                               path, path);

    test_refused(TEST_LIST(variable), TEST_LIST("STRATSLAB_SERVICE_PORT=80"), message);
    free(message);
    free(variable);
    test_file_remove(path);
}

static void test_what_is_not_used_is_not_judged(void)
{
    static const char content[] = "POSTGRES_PORT=none\n";
    const char *path = test_file(content, strlen(content));
    char *variable = config_variable(path);
    struct conf *conf = NULL;
    struct error err;
    int rc = test_load(TEST_LIST(variable, "POSTGRES_PORT=high", "POSTGRES_PASSWORD_FILE=/nonexistent/x",
                                 "DATABASE_URL=postgresql://u@h:1/d"),
                       TEST_LIST("POSTGRES_PORT=0"), &conf, &err);

    CU_ASSERT_EQUAL_FATAL(rc, 0);
    UNIT_STR(conf->database.url, "postgresql://u@h:1/d");
    conf_free(conf);
    /* The address that is used is judged, and so is the rest. */
    test_refused(TEST_LIST("POSTGRES_PORT=high", "DATABASE_URL=mysql://h", "STRATSLAB_WORKERS=0"), NULL,
                 "environment: DATABASE_URL: its scheme is neither postgresql:// nor postgres://\n"
                 "environment: STRATSLAB_WORKERS: \"0\" is not an integer from 1 to 256");
    test_refused(TEST_LIST("POSTGRES_PORT=high", "DATABASE_URL="), NULL,
                 "environment: POSTGRES_PORT: \"high\" is not an integer from 1 to 65535");
    test_refused(TEST_LIST("DATABASE_URL=postgresql://u@h:1/d"), TEST_LIST("POSTGRES_PROT=1"),
                 "--set: \"POSTGRES_PROT\" is not a setting; did you mean POSTGRES_PORT?");
    free(variable);
    test_file_remove(path);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_every_shape_of_every_service_is_passed_over),
    UNIT_TEST(test_what_no_orchestrator_sets_is_told),
    UNIT_TEST(test_variables_of_a_linked_container),
    UNIT_TEST(test_a_service_called_as_a_setting_is_begins),
    UNIT_TEST(test_no_other_setting_looks_like_a_link),
    UNIT_TEST(test_in_the_file_and_on_the_command_line_it_is_wrong),
    UNIT_TEST(test_what_is_not_used_is_not_judged),
};
const struct unit_part link_tests = UNIT_PART(tests);
