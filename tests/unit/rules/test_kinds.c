#include "test_rules.h"

#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "json/write.h"

static void faults(const char *kind, const char *parameters, const char *expected)
{
    char *found = rig_faults(kind, parameters);

    UNIT_STR(found, expected);
    free(found);
}

/* With what is there by default each kind compiles, runs, and opens a position on a random walk. */
static void test_kinds_defaults(void)
{
    static struct rig rig;
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    rig_make(&rig, 4);
    for (size_t k = 0; k < count; k++) {
        struct error err;
        double entries = 0;

        CU_ASSERT_PTR_EQUAL(rules_kind_find(slice_of(kinds[k].name)), &kinds[k]);
        if (kinds[k].document == NULL) continue;
        struct rules *r = rig_rules(kinds[k].name, "{}");
        struct rules_run *run = rules_run_new(r, &rig.candles, &err);

        CU_ASSERT_FALSE(rules_has(r, RULES_SHORT_ENTER));
        for (size_t i = 0; i < RIG_BARS; i++) entries += rules_value(run, RULES_LONG_ENTER, i, NULL);
        CU_ASSERT(entries > 0);
        rules_run_free(run);
        rules_free(r);
    }
}

/* The `index`-th choice of values: of each parameter its least, its most, its default, or one between them. */
static void kinds_choose(const struct rules_kind *kind, size_t index, struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open(&w, '{');
    for (size_t i = 0; kind->parameters[i].name != NULL; i++, index /= 4) {
        const struct rules_kind_parameter *p = &kind->parameters[i];
        const double between = p->minimum + (p->maximum - p->minimum) / 3;
        const double values[] = {p->minimum, p->maximum, p->fallback,
                                 p->type == RULES_KIND_NUMBER ? between : (double)(int)between};

        json_key(&w, p->name);
        if (p->type == RULES_KIND_BOOLEAN) {
            json_raw(&w, values[index % 4] != 0 ? "true" : "false");
        } else {
            json_double(&w, values[index % 4]);
        }
    }
    json_close(&w, '}');
}

/* rules_check makes no document of them, so there may be none that has a fault. */
static void test_kinds_are_right_within_their_bounds(void)
{
    size_t count, tried = 0;
    const struct rules_kind *kinds = rules_kinds(&count);

    for (size_t k = 0; k < count; k++) {
        size_t choices = 1;

        if (kinds[k].document == NULL) continue;
        for (size_t i = 0; kinds[k].parameters[i].name != NULL; i++) choices *= 4;
        for (size_t c = 0; c < choices; c++, tried++) {
            struct buf parameters = {0};

            kinds_choose(&kinds[k], c, &parameters);
            faults(kinds[k].name, buf_cstr(&parameters), "");
            buf_clear(&parameters);
        }
    }
    CU_ASSERT(tried > 1000);
}

static void test_kinds_same_as_rules(void)
{
    static struct rig rig;
    struct error err;
    struct rules *kind = rig_rules("sma_crossover", "{\"fast\":3,\"slow\":9,\"short\":true,\"stop\":{\"percent\":4}}");
    struct rules *written =
        rig_rules("rules", "{\"long\":{\"enter\":\"crosses_above(sma(close,3), sma(close,9))\"},\"short\":{\"enter\":"
                           "\"crosses_below(sma(close,3), sma(close,9))\"}}");

    rig_make(&rig, 6);
    struct rules_run *one = rules_run_new(kind, &rig.candles, &err),
                     *other = rules_run_new(written, &rig.candles, &err);

    for (size_t i = 0; i < RIG_BARS; i++) {
        CU_ASSERT_EQUAL(rules_value(one, RULES_LONG_ENTER, i, NULL), rules_value(other, RULES_LONG_ENTER, i, NULL));
        CU_ASSERT_EQUAL(rules_value(one, RULES_SHORT_ENTER, i, NULL), rules_value(other, RULES_SHORT_ENTER, i, NULL));
    }
    CU_ASSERT_EQUAL(rules_value(one, RULES_STOP_PERCENT, 0, NULL), 4);
    rules_run_free(one);
    rules_run_free(other);
    rules_free(kind);
    rules_free(written);
}

static void test_kinds_faults(void)
{
    faults("sma_crosover", "{}", "there is no kind of strategy \"sma_crosover\" (did you mean sma_crossover?)");
    faults("sma_crossover", "{\"fsat\":3}",
           "sma_crossover has no such parameter (did you mean fast?); the parameters are fast, slow, short, stop, "
           "take, trail, size, in fsat");
    faults("sma_crossover", "{\"fast\":0,\"slow\":2.5,\"short\":1}",
           "the value must be between 1 and 5000, but is 0, in fast\nthe value must be a whole number, but is 2.5, in "
           "slow\nthe value must be true or false, but is 1, in short");
    faults("sma_crossover", "[]", "the value must be an object with the parameters, but is []");
    faults("sma_crossover", "3", "the value must be an object with the parameters, but is 3");
    faults("sma_crossover", "", "the document is empty");
    faults("supertrend", "{\"factor\":\"x\"}", "the value must be a number, but is \"x\", in factor");
    faults("donchian", "{\"stop\":{\"distance\":\"2 * atr(0)\"}}",
           "atr(0): the first argument (length) must be between 1 and 10000, but is 0, in stop.distance at column 9");
}

static void test_kinds_overrides(void)
{
    const struct rules_override overrides[] = {{SLICE_LIT("slow"), SLICE_LIT("99")},
                                               {SLICE_LIT("short"), SLICE_LIT("true")}};
    const struct rules_override wrong[] = {{SLICE_LIT("slow"), SLICE_LIT("0")}, {SLICE_LIT("stop"), SLICE_LIT("4")}};
    struct arena *arena = arena_new();
    struct rules_faults told = {.arena = arena};
    struct rules *r = rules_new(SLICE_LIT("sma_crossover"), SLICE_LIT("{\"fast\":3}"), overrides, 2, &told);

    CU_ASSERT_PTR_NOT_NULL(r);
    UNIT_INT(rules_lookback(r, 60000), 99);
    CU_ASSERT(rules_has(r, RULES_SHORT_ENTER));
    rules_free(r);
    r = rules_new(SLICE_LIT("sma_crossover"), SLICE_LIT("{\"fast\":3}"), wrong, 2, &told);
    CU_ASSERT_PTR_NULL(r);
    UNIT_INT(told.count, 2);
    arena_free(arena);
}

static void test_kinds_schema(void)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    for (size_t k = 0; k < count; k++) {
        struct arena *arena = arena_new();
        struct buf schema = {0};
        struct slice detail = SLICE_NONE;

        rules_kind_schema(&kinds[k], &schema);
        CU_ASSERT(json_scan(arena, buf_slice(&schema), JSON_DEPTH_MAX, &detail));
        for (size_t p = 0; kinds[k].parameters[p].name != NULL; p++) {
            CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&schema), kinds[k].parameters[p].name));
        }
        buf_clear(&schema);
        arena_free(arena);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_kinds_defaults), UNIT_TEST(test_kinds_same_as_rules),
    UNIT_TEST(test_kinds_faults),   UNIT_TEST(test_kinds_overrides),
    UNIT_TEST(test_kinds_schema),   UNIT_TEST(test_kinds_are_right_within_their_bounds)};
const struct unit_part kinds_tests = UNIT_PART(tests);
