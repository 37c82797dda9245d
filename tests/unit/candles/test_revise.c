#include "candles/revise.h"

#include <inttypes.h>
#include <stdlib.h>

#include "candles/timeframe.h"
#include "test_candles.h"

enum { STEP_MS = CANDLES_MINUTE_MS, CHUNKS_MAX = 8 };

/* What is stored, as a table has it. */
struct table {
    struct revise_stored stored;
    struct revise_chunk chunks[CHUNKS_MAX];
    struct chunk_summary says[CHUNKS_MAX];
    struct buf packed[CHUNKS_MAX];
};

static void bar_add(struct candles_series *series, int64_t slot, double price)
{
    const struct candles_bar bar = {slot * STEP_MS, price, price, price, price, 1};

    candles_series_add(series, &bar);
}

/* Bars of the slots `from` to `to`, less those that are divisible by `gap` (0: none). */
static struct candles_series *bars(int64_t from, int64_t to, int64_t gap, double price)
{
    struct candles_series *series = candles_series_new(STEP_MS);

    for (int64_t slot = from; slot <= to; slot++) {
        if (gap == 0 || slot % gap != 0) bar_add(series, slot, price);
    }
    candles_series_digits(series, 2, 3);
    return series;
}

static void table_fill(struct table *table, const struct candles *candles)
{
    struct error err;

    *table = (struct table){.stored = {.is_there = true, .price_digits = 1, .lot_digits = 4, .chunks = table->chunks}};
    for (size_t first = 0; first < candles->count; first += chunk_span(candles, first)) {
        const struct candles part = candles_view(candles, first, chunk_span(candles, first));
        const size_t at = table->stored.count++;

        CU_ASSERT_FATAL(at < CHUNKS_MAX);
        UNIT_INT(chunk_encode(&part, &table->packed[at], &table->says[at], &err), 0);
        table->chunks[at] = (struct revise_chunk){&table->says[at], buf_slice(&table->packed[at])};
    }
}

static void table_clear(struct table *table)
{
    for (size_t i = 0; i < CHUNKS_MAX; i++) buf_clear(&table->packed[i]);
}

static void is_revision(const struct revision *revision, size_t chunks, const char *met)
{
    struct buf found = {0};

    for (size_t i = 0; i < CANDLES_MEETINGS; i++) {
        buf_printf(&found, "%s%" PRIu64, i == 0 ? "" : " ", revision->met[i]);
    }
    UNIT_INT(revision->chunks, chunks);
    UNIT_STR(buf_cstr(&found), met);
    buf_clear(&found);
}

static void test_revise_addresses(void)
{
    struct candles_series *series = candles_series_new(STEP_MS);
    struct buf out = {0};

    UNIT_INT(revise_addresses(candles_series_view(series), &out), 0);
    UNIT_STR(buf_cstr(&out), "{}");
    buf_reset(&out);
    bar_add(series, -1, 1);
    bar_add(series, 0, 1);
    bar_add(series, 2047, 1);
    bar_add(series, 2048, 1);
    bar_add(series, 2048 * 1000, 1);
    UNIT_INT(revise_addresses(candles_series_view(series), &out), 4);
    UNIT_STR(buf_cstr(&out), "{-1,0,1,1000}");
    candles_series_free(series);
    buf_clear(&out);
}

static void test_revise_a_new_series(void)
{
    const struct revise_stored nothing = {0};
    const struct revise_options options = {.adjusted = true};
    struct candles_series *coming = bars(2046, 2049, 0, 1.25);
    struct revision revision;
    struct error err;

    UNIT_INT(revise_make(&nothing, candles_series_view(coming), &options, NULL, &revision, &err), 0);
    is_revision(&revision, 2, "4 0 0 0");
    UNIT_INT(revision.first_ms, 2046 * (int64_t)STEP_MS);
    UNIT_INT(revision.last_ms, 2049 * (int64_t)STEP_MS);
    const char *change = buf_cstr(&revision.change);

    CU_ASSERT_PTR_NOT_NULL(strstr(change, "{\"chunks\":[{\"address\":0,\"bars\":2,\"first_ms\":122760000,"
                                          "\"last_ms\":122820000,\"low_min\":1.25,\"high_max\":1.25,\"volume\":2,"
                                          "\"packed\":\"AQ"));
    CU_ASSERT_PTR_NOT_NULL(strstr(change, "\"},{\"address\":1,\"bars\":2,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(change, "\"}],\"timeframe_ms\":60000,\"adjusted\":true,\"price_digits\":2,"
                                          "\"lot_digits\":3,\"first_ms\":122760000,\"last_ms\":122940000}"));
    revision_clear(&revision);
    candles_series_free(coming);
}

/* Only the chunks that change are packed, whole, with what was in them. */
static void test_revise_what_changes(void)
{
    const struct revise_options plain = {0}, replace = {.replace = true}, looks = {.only_looks = true};
    struct candles_series *there = bars(0, 6000, 5, 1), *all = bars(0, 6000, 0, 1), *same = bars(100, 3000, 5, 1);
    struct candles_series *few = candles_series_new(STEP_MS), *other = candles_series_new(STEP_MS);
    struct candles_notes notes = {0};
    struct table table;
    struct revision revision;
    struct error err;

    table_fill(&table, candles_series_view(there));
    UNIT_INT(table.stored.count, 3);
    UNIT_INT(revise_make(&table.stored, candles_series_view(same), &plain, NULL, &revision, &err), 0);
    is_revision(&revision, 0, "0 2320 0 0");
    UNIT_INT(revision.change.len, 0);
    revision_clear(&revision);

    UNIT_INT(revise_make(&table.stored, candles_series_view(all), &looks, NULL, &revision, &err), 0);
    is_revision(&revision, 3, "1201 4800 0 0");
    UNIT_INT(revision.change.len, 0);
    revision_clear(&revision);

    bar_add(few, 1, 1);
    bar_add(few, 2050, 1);
    bar_add(few, 5000, 1);
    bar_add(few, 5001, 1);
    UNIT_INT(revise_make(&table.stored, candles_series_view(few), &plain, NULL, &revision, &err), 0);
    is_revision(&revision, 2, "2 2 0 0");
    UNIT_INT(revision.first_ms, 2050 * (int64_t)STEP_MS);
    UNIT_INT(revision.last_ms, 5000 * (int64_t)STEP_MS);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&revision.change), "{\"address\":1,\"bars\":1639,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&revision.change), "{\"address\":2,\"bars\":1525,"));
    CU_ASSERT_PTR_NULL(strstr(buf_cstr(&revision.change), "\"address\":0"));
    /* The finer digits of both; those of `few` are 0 and 8. */
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&revision.change), "\"price_digits\":1,\"lot_digits\":8,"));
    revision_clear(&revision);

    bar_add(other, 4, 2);
    bar_add(other, 5, 2);
    bar_add(other, 6, 1);
    UNIT_INT(revise_make(&table.stored, candles_series_view(other), &plain, &notes, &revision, &err), 0);
    is_revision(&revision, 1, "1 1 0 1");
    UNIT_INT(notes.count, 1);
    UNIT_INT(notes.items[0].line, 0);
    UNIT_STR(notes.items[0].reason, "1970-01-01T00:04:00Z: stored is 1,1,1,1,1, but 2,2,2,2,1 comes");
    revision_clear(&revision);
    UNIT_INT(revise_make(&table.stored, candles_series_view(other), &replace, &notes, &revision, &err), 0);
    is_revision(&revision, 1, "1 1 1 0");
    UNIT_INT(revision.first_ms, 4 * (int64_t)STEP_MS);
    UNIT_INT(revision.last_ms, 5 * (int64_t)STEP_MS);
    UNIT_INT(notes.count, 1);
    revision_clear(&revision);

    table_clear(&table);
    candles_series_free(there);
    candles_series_free(all);
    candles_series_free(same);
    candles_series_free(few);
    candles_series_free(other);
}

/* An import in pieces makes the same chunks as one at once. */
static void test_revise_in_steps(void)
{
    const struct revise_options plain = {0};
    struct candles_series *there = bars(0, 6000, 7, 1), *coming = bars(1000, 7000, 3, 1);
    struct table table;
    struct revision whole, stepped;
    struct error err;
    int more, steps = 0;

    table_fill(&table, candles_series_view(there));
    UNIT_INT(revise_make(&table.stored, candles_series_view(coming), &plain, NULL, &whole, &err), 0);
    struct revise *revise = revise_new(&table.stored, candles_series_view(coming), &plain, NULL);

    while ((more = revise_step(revise, &err)) > 0) steps++;
    UNIT_INT(more, 0);
    UNIT_INT(steps, 3);
    stepped = revise_take(revise);
    UNIT_STR(buf_cstr(&stepped.change), buf_cstr(&whole.change));
    revise_free(revise);
    revise_free(NULL);
    revision_clear(&stepped);
    revision_clear(&whole);
    table_clear(&table);
    candles_series_free(there);
    candles_series_free(coming);
}

static void test_revise_refuses(void)
{
    const struct revise_options plain = {0};
    const struct revise_stored nothing = {0};
    struct candles_series *there = bars(0, 100, 0, 1), *coming = bars(50, 150, 0, 1);
    struct candles_series *wild = candles_series_new(STEP_MS);
    struct table table;
    struct revision revision;
    struct error err;

    table_fill(&table, candles_series_view(there));
    CU_ASSERT_PTR_NOT_NULL_FATAL(table.packed[0].data);
    if (table.packed[0].data == NULL) abort();
    table.packed[0].data[table.packed[0].len - 1] ^= 1;
    UNIT_INT(revise_make(&table.stored, candles_series_view(coming), &plain, NULL, &revision, &err), -1);
    UNIT_INT(err.code, ERROR_INVALID);
    CU_ASSERT_PTR_EQUAL(
        strstr(
            err.message,
            "the 101 stored candles from 1970-01-01T00:00:00Z to 1970-01-01T01:40:00Z are damaged (chunk of candles: "),
        err.message);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "); import all of them again with --replace"));
    for (int64_t slot = 0; slot < 2; slot++) {
        const struct candles_bar bar = {slot * STEP_MS, 1, 1, 1, 1, 1.7e308};

        candles_series_add(wild, &bar);
    }
    UNIT_INT(revise_make(&nothing, candles_series_view(wild), &plain, NULL, &revision, &err), -1);
    UNIT_STR(err.message, "the volumes are too large to be added up");
    table_clear(&table);
    candles_series_free(there);
    candles_series_free(coming);
    candles_series_free(wild);
}

/* Only by all that was there. */
static void test_revise_mends_what_is_damaged(void)
{
    static const struct {
        int64_t from, to, gap;
        bool replace;
        const char *met; /* NULL: refused */
    } cases[] = {
        {1, 100, 0, true, "0 0 100 0"},    {1, 100, 0, false, NULL}, {1, 99, 0, true, NULL},
        {2, 200, 0, true, NULL},           {1, 101, 50, true, NULL}, {1, 120, 110, true, "0 0 119 0"},
        {-5, 2050, 0, true, "8 0 2048 0"},
    };
    struct candles_series *there = bars(1, 100, 0, 1);
    struct table table;
    struct error err;

    table_fill(&table, candles_series_view(there));
    CU_ASSERT_PTR_NOT_NULL_FATAL(table.packed[0].data);
    if (table.packed[0].data == NULL) abort();
    table.packed[0].data[table.packed[0].len - 1] ^= 1;
    for (size_t i = 0; i < countof(cases); i++) {
        const struct revise_options options = {.replace = cases[i].replace};
        struct candles_series *coming = bars(cases[i].from, cases[i].to, cases[i].gap, 2);
        struct revise *revise = revise_new(&table.stored, candles_series_view(coming), &options, NULL);
        int more;

        do more = revise_step(revise, &err);
        while (more > 0);
        UNIT_INT(more, cases[i].met == NULL ? -1 : 0);
        CU_ASSERT_PTR_EQUAL(revise_damaged(revise), cases[i].met == NULL ? &table.chunks[0] : NULL);
        struct revision revision = revise_take(revise);

        if (cases[i].met != NULL) {
            is_revision(&revision,
                        cases[i].from < 0 && cases[i].to > 2047 ? 3
                        : cases[i].from < 0                     ? 2
                                                                : 1,
                        cases[i].met);
            UNIT_INT(revision.first_ms, cases[i].from * STEP_MS);
            UNIT_INT(revision.last_ms, cases[i].to * STEP_MS);
        }
        revision_clear(&revision);
        revise_free(revise);
        candles_series_free(coming);
    }
    table_clear(&table);
    candles_series_free(there);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_revise_addresses), UNIT_TEST(test_revise_a_new_series), UNIT_TEST(test_revise_what_changes),
    UNIT_TEST(test_revise_in_steps),  UNIT_TEST(test_revise_refuses),      UNIT_TEST(test_revise_mends_what_is_damaged),
};
const struct unit_part revise_tests = UNIT_PART(tests);
