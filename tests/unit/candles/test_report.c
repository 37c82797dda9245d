#include <stdlib.h>

#include "base/mem.h"
#include "test_candles.h"

/* Whatever order they come in, the first ones are kept, in order. */
static void test_report_notes(void)
{
    for (int round = 0; round < 3; round++) {
        struct candles_notes *notes = mem_zalloc(sizeof(*notes));

        for (uint64_t i = 0; i < 1000; i++) {
            const uint64_t place = round == 0 ? i : round == 1 ? 999 - i : i * 387 % 1000;

            candles_note(notes, place, place + 1, "f", "row %d", (int)place);
        }
        UNIT_INT(notes->count, CANDLES_NOTES_MAX);
        for (size_t i = 0; i < notes->count; i++) {
            char expected[32];

            snprintf(expected, sizeof(expected), "row %zu", i);
            UNIT_STR(notes->items[i].reason, expected);
            UNIT_INT(notes->items[i].line, i + 1);
        }
        free(notes);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_report_notes)};
const struct unit_part report_tests = UNIT_PART(tests);
