#include <stdlib.h>

#include "base/mem.h"
#include "test_conf.h"

static struct conf *load_file(const char *content)
{
    const char *path = test_file(content, strlen(content));
    char *variable = config_variable(path);
    struct conf *conf = test_load_one(variable, NULL);

    free(variable);
    test_file_remove(path);
    return conf;
}

static void test_file_values(void)
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

static void test_file_problems(void)
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

static void test_file_variant(void)
{
    static const struct {
        const char *content, *encoded;
    } cases[] = {
        {"hush", "hush"},         {"hush\n", "hush"},       {"hush\n\n", "hush"},
        {"hush\r\n", "hush"},     {"hush\r\n\r\n", "hush"}, {"\nhush\n", "%0Ahush"},
        {" hush ", "%20hush%20"}, {"hush\r", "hush"},       {"hush\n \n", "hush%0A%20"},
        {"\xc3\xa9", "%C3%A9"},
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

static void test_file_variant_problems(void)
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_file_values),
    UNIT_TEST(test_file_problems),
    UNIT_TEST(test_file_variant),
    UNIT_TEST(test_file_variant_problems),
};
const struct unit_part file_tests = UNIT_PART(tests);
