/* The table of what http/ refuses: refusal.c. */
#include <ctype.h>

#include "http/refusal.h"
#include "rig.h"

static unsigned places_of(const char *detail)
{
    unsigned count = 0;

    for (const char *at = detail; (at = strstr(at, "%s")) != NULL; at += 2) count++;
    return count;
}

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
    for (unsigned id = HTTP_REFUSAL_NONE + 1; id < HTTP_REFUSAL_COUNT; id++) {
        const struct http_refusal *refusal = &http_refusals[id];
        unsigned samples = 0;

        CU_ASSERT(refusal->status >= 400 && http_status_phrase(refusal->status)[0] != '\0');
        for (const char *at = http_refusal_code(refusal); *at != '\0'; at++) CU_ASSERT(islower(*at) || *at == '_');
        CU_ASSERT(is_sentence(refusal->detail));
        if (refusal->detail == NULL) continue;
        while (samples < HTTP_REFUSAL_WORDS_MAX && refusal->sample[samples] != NULL) samples++;
        UNIT_INT(places_of(refusal->detail), samples);
        for (unsigned i = 1; i < id; i++) CU_ASSERT_FALSE(is_same(refusal->detail, http_refusals[i].detail));
    }
}

static void test_words_take_their_places(void)
{
    static const struct http_refusal refusal = {.status = 405, .detail = "%s, 5 % of %s: %s"};
    struct buf out = {0};

    http_refusal_detail(&refusal, HTTP_WORDS(SLICE_LIT("one"), SLICE_NONE, SLICE_LIT("%s")), &out);
    UNIT_STR(buf_cstr(&out), "one, 5 % of : %s");
    buf_clear(&out);
    UNIT_STR(http_refusal_code(&refusal), "method_not_allowed");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_every_refusal_has_a_row),
    UNIT_TEST(test_words_take_their_places),
};
const struct unit_part refusal_tests = UNIT_PART(tests);
