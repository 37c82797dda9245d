#include "api/execution.h"

#include <json-c/json.h>

#include "engine/execution.h"
#include "test_api.h"

static struct json_object *properties(bool is_input)
{
    struct buf out = {0};
    struct json_writer w = {.out = &out};

    json_open(&w, '{');
    api_execution_properties(&w, is_input);
    json_close(&w, '}');
    struct json_object *made = json_tokener_parse(buf_cstr(&out));

    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    buf_clear(&out);
    return made;
}

static struct json_object *find(struct json_object *from, const char *name)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(from, name, &value);
    return value;
}

static void expect_number(struct json_object *from, const char *name, double expected)
{
    struct json_object *number = find(from, name);

    CU_ASSERT(number != NULL && json_object_get_double(number) == expected);
}

/* Each setting of the engine's table but the capital, with its bounds and default, and nothing else. */
static void test_the_document_has_the_engines_table(void)
{
    struct json_object *input = properties(true), *answer = properties(false);
    size_t count, found = 0;
    const struct engine_setting *settings = engine_settings(&count);

    for (size_t i = 1; i < count; i++) {
        struct slice rest = slice_of(settings[i].name);
        const struct slice head = slice_cut(&rest, '.');
        char name[32];

        snprintf(name, sizeof(name), "%.*s", SLICE_FMT(head));
        struct json_object *one = find(input, name);

        if (rest.data != NULL) {
            CU_ASSERT(find(one, "additionalProperties") != NULL && find(find(answer, name), "properties") != NULL);
            one = find(find(one, "properties"), rest.data);
        }
        CU_ASSERT_PTR_NOT_NULL_FATAL(one);
        found++;
        UNIT_STR(json_object_get_string(find(one, "description")), settings[i].help);
        struct json_object *fallback = find(one, "default");

        switch (settings[i].kind) {
        case ENGINE_SETTING_FLAG:
            CU_ASSERT(fallback != NULL && json_object_get_boolean(fallback) == (settings[i].fallback != 0));
            break;
        case ENGINE_SETTING_WORD:
            UNIT_STR(json_object_get_string(fallback), settings[i].words[(size_t)settings[i].fallback]);
            UNIT_STR(json_object_get_string(json_object_array_get_idx(find(one, "enum"), 1)), settings[i].words[1]);
            break;
        default:
            expect_number(one, "default", settings[i].fallback);
            expect_number(one, settings[i].above_minimum ? "exclusiveMinimum" : "minimum", settings[i].minimum);
            CU_ASSERT_PTR_NULL(find(one, settings[i].above_minimum ? "minimum" : "exclusiveMinimum"));
            expect_number(one, "maximum", settings[i].maximum);
            break;
        }
    }
    CU_ASSERT_EQUAL(found, count - 1);
    CU_ASSERT_PTR_NULL(find(input, "capital"));
    CU_ASSERT_PTR_NULL(find(find(answer, "lot"), "default"));
    json_object_put(input);
    json_object_put(answer);
}

static const struct unit_test tests[] = {UNIT_TEST(test_the_document_has_the_engines_table)};
const struct unit_part execution_tests = UNIT_PART(tests);
