/* The table of what the API refuses: refusal.c. */
#include <string.h>

#include "api/operation.h"
#include "api/refusal.h"
#include "test_api.h"

static bool is_sentence(const char *text)
{
    return text != NULL && text[0] != '\0' && text[strlen(text) - 1] == '.';
}

/* A row that is missing has no text. */
static bool is_same(const char *text, const char *other)
{
    return other != NULL && strcmp(text, other) == 0;
}

static void test_every_refusal_has_a_row(void)
{
    for (unsigned id = API_REFUSAL_NONE + 1; id < API_REFUSAL_COUNT; id++) {
        const struct http_refusal *refusal = &api_refusals[id];

        CU_ASSERT(refusal->status >= 400 && http_status_phrase(refusal->status)[0] != '\0');
        CU_ASSERT(is_sentence(refusal->detail));
        if (refusal->detail == NULL) continue;
        UNIT_INT(strstr(refusal->detail, "%s") != NULL, refusal->sample[0] != NULL);
        CU_ASSERT(refusal->retry_after_s == 0 || refusal->status == 503 || refusal->status == 429);
        for (unsigned i = 1; i < id; i++) CU_ASSERT_FALSE(is_same(refusal->detail, api_refusals[i].detail));
        for (unsigned i = 1; i < HTTP_REFUSAL_COUNT; i++) {
            CU_ASSERT_FALSE(is_same(refusal->detail, http_refusals[i].detail));
        }
    }
}

static void test_every_bad_outcome_is_refused(void)
{
    for (unsigned outcome = 0; outcome < DB_OUTCOME_COUNT; outcome++) {
        UNIT_INT(api_outcome_refusals[outcome] == API_REFUSAL_NONE, outcome == DB_OK);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_every_refusal_has_a_row),
    UNIT_TEST(test_every_bad_outcome_is_refused),
};
const struct unit_part refusal_tests = UNIT_PART(tests);
