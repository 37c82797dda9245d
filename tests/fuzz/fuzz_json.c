/* Bodies and parameters: what the strict scanner lets pass json-c lets pass too, and a verdict has its reasons. The
 * first byte picks the mode. */
#include <json-c/json.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "json/json.h"

static const char *const words[] = {"draft", "active", NULL};

static const struct json_field fields[] = {
    {.name = "name", .type = JSON_TYPE_STRING, .required = true, .min_length = 1, .max_length = 10},
    {.name = "kind", .type = JSON_TYPE_STRING, .pattern = "^[a-z][a-z0-9_]*$", .max_length = 64},
    {.name = "status", .type = JSON_TYPE_STRING, .values = words},
    {.name = "id", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_UUID, .nullable = true},
    {.name = "start", .type = JSON_TYPE_STRING, .format = JSON_FORMAT_DATE_TIME},
    {.name = "price",
     .type = JSON_TYPE_NUMBER,
     .format = JSON_FORMAT_DECIMAL,
     .has_minimum = true,
     .exclusive_minimum = true},
    {.name = "count",
     .type = JSON_TYPE_INTEGER,
     .has_minimum = true,
     .minimum = 1,
     .has_maximum = true,
     .maximum = 200},
    {.name = "on", .type = JSON_TYPE_BOOLEAN},
    {.name = "parameters", .type = JSON_TYPE_OBJECT, .max_bytes = 64},
    {.name = "version", .type = JSON_TYPE_INTEGER, .read_only = true},
};
static const struct json_schema schema = {.name = "Thing", .fields = fields, .count = countof(fields)};

static bool json_c_accepts(struct slice text)
{
    char *terminated = mem_strndup(text.data, text.len);
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);

    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    json_object_put(json_tokener_parse_ex(tokener, terminated, (int)text.len + 1));
    const bool accepts = json_tokener_get_error(tokener) == json_tokener_success;

    json_tokener_free(tokener);
    free(terminated);
    return accepts;
}

static bool is_text(struct slice text)
{
    return utf8_is_valid(text.data, text.len);
}

static void check_faults(const struct json_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct json_fault *fault = &faults->items[i];

        FUZZ_CHECK(fault->detail.len > 0, "a fault without a word");
        FUZZ_CHECK(is_text(fault->detail) && is_text(fault->pointer), "a fault that is not text");
    }
}

static void check_body(struct json_validator *validator, struct arena *arena, struct slice text, enum json_mode mode)
{
    struct json_faults faults = {.count = 0};
    struct slice detail = SLICE_NONE;
    const bool scanned = json_scan(arena, text, JSON_DEPTH_MAX, &detail);
    const enum json_verdict verdict = json_check(validator, arena, text, &schema, mode, &faults, NULL);

    FUZZ_CHECK(scanned || detail.len > 0, "refused without a word");
    FUZZ_CHECK(!scanned || json_c_accepts(text), "json-c refuses it");
    FUZZ_CHECK(scanned == (verdict != JSON_MALFORMED), "scanner and check do not agree: %d", (int)verdict);
    FUZZ_CHECK((verdict == JSON_VALID) == (faults.count == 0), "verdict %d with %zu faults", (int)verdict,
               faults.count);
    check_faults(&faults);
}

static void check_text(struct json_validator *validator, struct arena *arena, struct slice text)
{
    for (size_t i = 0; i < countof(fields); i++) {
        struct json_faults faults = {.count = 0};

        if (fields[i].type == JSON_TYPE_OBJECT) continue;
        const bool ok = json_check_text(validator, arena, text, &fields[i], SLICE_LIT("query:x"), &faults);

        FUZZ_CHECK(ok == (faults.count == 0), "%s: %d with %zu faults", fields[i].name, ok, faults.count);
        check_faults(&faults);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json_validator *validator;

    if (size == 0) return 0;
    if (validator == NULL) validator = json_validator_new();
    struct arena *arena = arena_new();
    const struct slice text = {(const char *)data + 1, size - 1};

    if (data[0] % 4 == 3) {
        /* Parameters have been decoded: they are UTF-8 without NUL. */
        if (is_text(text) && memchr(text.data, '\0', text.len) == NULL) check_text(validator, arena, text);
    } else {
        check_body(validator, arena, text, data[0] % 2 == 0 ? JSON_MODE_WHOLE : JSON_MODE_MERGE);
    }
    arena_free(arena);
    return 0;
}
