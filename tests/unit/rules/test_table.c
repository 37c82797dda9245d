/* What holds for every function of the table, with calls that are made from the table itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_rules.h"

/* A call with plausible arguments: the more lengths, the longer. */
static const char *call_of(const struct rules_function *f, char out[256])
{
    static const char *const numbers[] = {"close", "high", "low"};
    size_t used = (size_t)snprintf(out, 256, "%s(", f->name), columns = 0;
    unsigned length = 2;

    for (size_t a = 0; f->arguments[a].name != NULL; a++) {
        const struct rules_argument *argument = &f->arguments[a];
        char text[64];

        switch (argument->type) {
        case RULES_NUMBER:
            snprintf(text, sizeof(text), "%s", numbers[columns++ % countof(numbers)]);
            break;
        case RULES_CONDITION:
            snprintf(text, sizeof(text), "close %c open", a == 0 ? '>' : '<');
            break;
        case RULES_WHOLE:
            length += 2;
            snprintf(text, sizeof(text), "%u", length);
            break;
        case RULES_ZONE:
            snprintf(text, sizeof(text), "'Europe/London'");
            break;
        default:
            snprintf(text, sizeof(text), "%s", argument->maximum > 1 ? "1.5" : a == 2 ? "0.2" : "0.02");
        }
        used += (size_t)snprintf(out + used, 256 - used, "%s%s", a == 0 ? "" : ", ", text);
    }
    snprintf(out + used, 256 - used, ")");
    return out;
}

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

/* Bars behind a bar change nothing of it, to the last bit. */
static void test_table_no_look_ahead(void)
{
    static const size_t cuts[] = {1, 2, 3, 7, 16, 63, 64, 65, 127, 200, 259};
    static struct rig rig;
    const struct rules_function *f;
    char call[256], higher[300], nested[300];

    rig_make(&rig, 11);
    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) {
        const char *expressions[3] = {call_of(f, call), higher, nested};

        snprintf(higher, sizeof(higher), "tf('1h', %s)", call);
        snprintf(nested, sizeof(nested), f->result == RULES_NUMBER ? "sma(%s, 3)[2]" : "(%s)[2]", call);
        for (size_t e = 0; e < countof(expressions); e++) {
            double *whole = rig_column(&rig.candles, expressions[e]);

            for (size_t c = 0; c < countof(cuts); c++) {
                const struct candles cut = rig_cut(&rig, cuts[c]);
                double *part = rig_column(&cut, expressions[e]);
                bool same = true;

                for (size_t bar = 0; bar < cuts[c]; bar++) same = same && bits_of(whole[bar]) == bits_of(part[bar]);
                if (!same) printf("%s looks ahead, cut at %zu\n", expressions[e], cuts[c]);
                CU_ASSERT(same);
                free(part);
            }
            free(whole);
        }
    }
}

/* With the look-back loaded, a value is what it is with everything loaded, but for a rest of the seed. */
static void test_table_look_back(void)
{
    static const char *const from_first[] = {"obv", "pvt",       "nvi",       "pvi",  "accdist",
                                             "cum", "barssince", "valuewhen", "latch"};
    static struct rig rig;
    const struct rules_function *f;
    char call[256], document[400];

    rig_make(&rig, 12);
    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) {
        bool skip = false;

        for (size_t s = 0; s < countof(from_first); s++) skip = skip || strcmp(f->name, from_first[s]) == 0;
        if (skip) continue;
        snprintf(document, sizeof(document), "{\"long\":{\"enter\":\"%s %s\"}}", call_of(f, call),
                 f->result == RULES_NUMBER ? "> 1" : "");
        struct rules *r = rig_rules("rules", document);
        const size_t back = rules_lookback(r, 900000), start = RIG_BARS - 20;

        rules_free(r);
        if (back > start) continue;
        struct candles late = rig.candles;

        late.count -= start - back;
        late.time_ms += start - back, late.open += start - back, late.high += start - back, late.low += start - back;
        late.close += start - back, late.volume += start - back;
        double *whole = rig_column(&rig.candles, call), *part = rig_column(&late, call);

        for (size_t bar = start; bar < RIG_BARS; bar++) {
            const double a = whole[bar], b = part[bar - (start - back)];
            const bool near = (a != a && b != b) || fabs(a - b) <= 0.02 * fmax(1, fabs(a));

            if (!near) printf("%s: %.10g with everything, %.10g with its look-back of %zu\n", call, a, b, back);
            CU_ASSERT(near);
        }
        free(whole);
        free(part);
    }
}

static void test_table_rows(void)
{
    const struct rules_function *f, *other;

    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) {
        struct buf signature = {0};

        CU_ASSERT(f->description[0] != '\0' && f->formula[0] != '\0' && f->lookback[0] != '\0' && f->seed != NULL);
        CU_ASSERT(f->result == RULES_NUMBER || f->result == RULES_CONDITION);
        CU_ASSERT((f->point != NULL) != (f->kernel != NULL));
        CU_ASSERT_PTR_EQUAL(rules_function_find(slice_of(f->name)), f);
        rules_function_signature(f, &signature);
        CU_ASSERT(strncmp(buf_cstr(&signature), f->name, strlen(f->name)) == 0);
        buf_clear(&signature);
        for (size_t j = 0; (other = rules_function_at(j)) != f; j++) CU_ASSERT_STRING_NOT_EQUAL(other->name, f->name);
        for (size_t a = 0; f->arguments[a].name != NULL; a++) {
            CU_ASSERT(f->arguments[a].minimum <= f->arguments[a].maximum);
            CU_ASSERT(a == 0 || f->arguments[a - 1].fallback == NULL || f->arguments[a].fallback != NULL);
        }
    }
    CU_ASSERT_PTR_NULL(rules_function_find(SLICE_LIT("smma")));
}

/* The list of the design. */
static void test_table_complete(void)
{
    static const char list[] =
        "sma ema wma rma hma vwma kama dema tema linreg stdev variance median percentrank correlation highest lowest "
        "highestbars lowestbars rsi macd macd_signal macd_hist stoch_k stoch_d stochrsi cci cmo cog mfi wpr roc mom "
        "tsi rci tr "
        "atr supertrend supertrend_direction sar adx di_plus di_minus bb_upper bb_middle bb_lower kc_upper kc_lower "
        "donchian_upper donchian_lower obv pvt nvi pvi accdist vwap pivot_high pivot_low crosses crosses_above "
        "crosses_below "
        "rising falling change barssince valuewhen latch cum sum abs min max sqrt log exp pow round floor ceil sign nz "
        "known "
        "hour minute weekday day month";
    struct slice rest = slice_of(list);

    while (rest.data != NULL) {
        const struct slice name = slice_cut(&rest, ' ');

        if (rules_function_find(name) == NULL) printf("%.*s is missing\n", SLICE_FMT(name));
        CU_ASSERT_PTR_NOT_NULL(rules_function_find(name));
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_table_no_look_ahead), UNIT_TEST(test_table_look_back),
                                         UNIT_TEST(test_table_rows), UNIT_TEST(test_table_complete)};
const struct unit_part table_tests = UNIT_PART(tests);
