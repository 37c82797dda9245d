/* What an answer on /status must be, before anything in it is believed. */
#include "command/probe.h"

#include <json-c/json.h>
#include <string.h>

#include "test_command.h"

#define RELOAD "\"reload\":{\"number\":3,\"state\":\"failed\",\"step\":\"exec\",\"reason\":\"why\"}"
#define REST "\"status\":\"ok\",\"version\":\"1\",\"generation\":2,\"workers\":[],"

/* The refusal; "" if there is none. */
static const char *judged(const char *text, size_t len)
{
    static struct error err;
    struct json_object *status = NULL;
    struct buf body = {0};

    err.message[0] = '\0';
    buf_add(&body, text, len);
    if (probe_judge("sample", &body, &status, &err) == 0) {
        UNIT_INT(probe_number(status, "pid"), 77);
        UNIT_STR(probe_text(json_object_object_get(status, "reload"), "reason"), "why");
        UNIT_STR(probe_text(status, "nothing"), "-");
        UNIT_INT(probe_number(status, "nothing"), 0);
        CU_ASSERT(err.message[0] == '\0');
    }
    json_object_put(status);
    buf_clear(&body);
    return err.message;
}

static const char *judge(const char *text)
{
    return judged(text, strlen(text));
}

static void test_an_answer_of_ours(void)
{
    UNIT_STR(judge("{\"program\":\"sample\",\"pid\":77," REST RELOAD "}"), "");
}

static void test_an_answer_of_somebody_else(void)
{
    static const char *const others[] = {
        "",
        "null",
        "[]",
        "77",
        "\"x\"",
        "{",
        "<html>",
        "{}",
        "{\"program\":\"other\",\"pid\":77," REST RELOAD "}",
        "{\"program\":{},\"pid\":77," REST RELOAD "}",
        "{\"program\":\"sample\",\"pid\":\"77\"," REST RELOAD "}",
        "{\"program\":\"sample\",\"pid\":1.5," REST RELOAD "}",
        "{\"program\":\"sample\"," REST RELOAD "}",
        "{\"program\":\"sample\",\"pid\":77," REST "\"reload\":[]}",
        "{\"program\":\"sample\",\"pid\":77," REST "\"reload\":{\"number\":\"3\"}}",
        "{\"program\":\"sample\",\"pid\":77," REST RELOAD "}}",
    };

    for (size_t i = 0; i < countof(others); i++) CU_ASSERT(judge(others[i])[0] != '\0');
    CU_ASSERT(strstr(judge("{\"program\":\"other\"}"), "\"other\"") != NULL);
    CU_ASSERT(strstr(judge("{\"program\":\"sample\",\"pid\":\"7\"," REST RELOAD "}"), "\"pid\"") != NULL);
    CU_ASSERT(judged("{}\0{}", 5)[0] != '\0');
}

static void test_an_answer_is_tame(void)
{
    static const struct {
        const char *body, *tame;
    } cases[] = {
        {"", ""},
        {"{\"a\":\"b \\n\\t\\u000a\\\\ \\\" \303\244\302\240\\u00e4\\u2028\"}\n\t",
         "{\"a\":\"b \\n\\t\\u000a\\\\ \\\" \303\244\302\240\\u00e4\\u2028\"}\n\t"},
        {"\033[2J\r\177\b", "?[2J???"},
        {"\302\233 \302", "?? \302"},
        {"\\u001b[2J \\u001B \\u009b \\u007F \\u0000", "\\u003f[2J \\u003f \\u003f \\u003f \\u003f"},
        {"\\b\\f\\r \\\\b \\\\u001b", "\\t\\t\\t \\\\b \\\\u001b"},
        {"\\u00 \\u001", "\\u00 \\u001"},
        {"\\", "\\"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct buf body = {0};

        buf_add_str(&body, cases[i].body);
        probe_tame(&body);
        UNIT_STR(buf_cstr(&body), cases[i].tame);
        buf_clear(&body);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_an_answer_of_ours),
    UNIT_TEST(test_an_answer_of_somebody_else),
    UNIT_TEST(test_an_answer_is_tame),
};
const struct unit_part probe_tests = UNIT_PART(tests);
