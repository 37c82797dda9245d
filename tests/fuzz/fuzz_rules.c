/*
 * Rules: whatever the text, it is refused with words and places, or it compiles, and then runs within the cost that was
 * told before, to the same values when bars are appended.
 *
 * The first byte picks the kind; the others are the parameters, for "rules" a whole document, for "expression" an
 * expression.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "rules/rules.h"

enum { FUZZ_BARS = 120, FUZZ_CUT = 71 };

static double fuzz_columns[5][FUZZ_BARS];
static int64_t fuzz_times[FUZZ_BARS];

static struct candles fuzz_series(size_t count)
{
    uint64_t state = 88172645463325252U;
    double price = 100;

    for (size_t i = 0; i < FUZZ_BARS; i++) {
        const double open = price;

        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        price = fmax(1, price + (double)(state % 9) - 4);
        fuzz_times[i] = 1700006400000 + (int64_t)i * 900000;
        fuzz_columns[0][i] = open;
        fuzz_columns[1][i] = fmax(open, price) + (double)(state % 3);
        fuzz_columns[2][i] = fmin(open, price) - 0.5 * (double)(state % 2);
        fuzz_columns[3][i] = price;
        fuzz_columns[4][i] = (double)(state % 5);
    }
    return (struct candles){count,
                            fuzz_times,
                            fuzz_columns[0],
                            fuzz_columns[1],
                            fuzz_columns[2],
                            fuzz_columns[3],
                            fuzz_columns[4],
                            900000,
                            0.01,
                            1,
                            2};
}

static uint64_t bits_of(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static void check_faults(const struct rules_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct rules_fault *fault = &faults->items[i];
        const struct slice text = rules_fault_text(fault, faults->arena);

        FUZZ_CHECK(fault->detail.len > 0, "a fault without a word");
        FUZZ_CHECK(utf8_is_valid(text.data, text.len), "a fault that is not text");
    }
}

static void check_run(const struct rules *r)
{
    const struct candles all = fuzz_series(FUZZ_BARS), cut = fuzz_series(FUZZ_CUT);
    const struct rules_position position = {100, 3, 10000};
    struct error err = {.message = ""};
    struct rules_run *run = rules_run_new(r, &all, &err), *before;

    if (run == NULL) {
        FUZZ_CHECK(err.message[0] != '\0', "refused without a word");
        return;
    }
    before = rules_run_new(r, &cut, &err);
    FUZZ_CHECK(rules_run_steps(run) <= rules_cost(r) * (FUZZ_BARS + 1), "%llu steps, but a cost of %llu",
               (unsigned long long)rules_run_steps(run), (unsigned long long)rules_cost(r));
    for (enum rules_output output = 0; output < RULES_OUTPUTS; output++) {
        const double *column = rules_column(run, output);
        const uint64_t *words = output <= RULES_SHORT_EXIT ? rules_condition(run, output) : NULL;

        for (size_t i = 0; i < FUZZ_BARS; i++) {
            const double value = rules_value(run, output, i, &position);

            FUZZ_CHECK(!isinf(value), "%s is infinite", rules_output_name(output));
            FUZZ_CHECK(output > RULES_SHORT_EXIT || value == 0 || value == 1, "%s is %g", rules_output_name(output),
                       value);
            FUZZ_CHECK(column == NULL || bits_of(column[i]) == bits_of(value), "two values of %s",
                       rules_output_name(output));
            FUZZ_CHECK(words == NULL || rules_bit(words, i) == (value != 0), "two values of %s",
                       rules_output_name(output));
            if (i >= FUZZ_CUT) continue;
            const double then = rules_value(before, output, i, &position);

            FUZZ_CHECK(bits_of(value) == bits_of(then) || (isnan(value) && isnan(then)),
                       "%s looks ahead: %.17g and %.17g at %zu", rules_output_name(output), value, then, i);
        }
    }
    rules_run_free(before);
    rules_run_free(run);
}

static void check_document(struct slice kind, struct slice parameters)
{
    struct arena *arena = arena_new();
    struct rules_faults faults = {.arena = arena};
    struct rules *r = rules_new(kind, parameters, NULL, 0, &faults);

    FUZZ_CHECK((r == NULL) == (faults.count > 0), "%zu faults", faults.count);
    check_faults(&faults);
    if (r != NULL) {
        FUZZ_CHECK(rules_cost(r) <= RULES_COST_MAX, "too costly");
        (void)rules_lookback(r, 60000);
        if (rules_cost(r) < 20000) check_run(r);
    }
    rules_free(r);
    arena_free(arena);
}

/* The text as an expression in every place. */
static void check_expression(struct slice text)
{
    static const char *const frames[] = {
        "{\"long\":{\"enter\":%s}}",
        "{\"long\":{\"enter\":\"true\",\"exit\":%s}}",
        "{\"let\":{\"a\":%s},\"long\":{\"enter\":\"true\"},\"stop\":{\"price\":\"a + entry_price\"}}",
    };

    for (size_t i = 0; i < countof(frames); i++) {
        struct buf quoted = {0}, document = {0};
        const char *hole = strstr(frames[i], "%s");

        buf_add_json(&quoted, text);
        buf_add(&document, frames[i], (size_t)(hole - frames[i]));
        buf_add_slice(&document, buf_slice(&quoted));
        buf_add_str(&document, hole + 2);
        check_document(SLICE_LIT("rules"), buf_slice(&document));
        buf_clear(&quoted);
        buf_clear(&document);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    if (size == 0) return 0;
    const struct slice text = {(const char *)data + 1, size - 1};

    if (data[0] == 'e' || data[0] % 4 == 1) {
        check_expression(text);
    } else if (data[0] % 4 == 2) {
        check_document(slice_of(kinds[data[0] / 4 % count].name), text);
    } else {
        check_document(SLICE_LIT("rules"), text);
    }
    return 0;
}
