/* Random changes to good documents: the scanner must not crash, and what it lets pass json-c must let pass, too. */
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "test_json.h"
#include "json/json.h"

enum { MUTATION_ROUNDS = 20000, MUTATION_CHANGES_MAX = 4, MUTATION_BYTES_MAX = 256 };

static uint64_t mutation_next(uint64_t *state)
{
    /* xorshift64: the same numbers everywhere. */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t mutate(uint64_t *state, const char *seed, char *out)
{
    static const char interesting[] = "{}[]\",:\\u0eE+-.1 \n\tdD8cfnrtb/\x80\xc3\xed\xa0\xf0\xff\x01";
    size_t len = strlen(seed), changes = 1 + mutation_next(state) % MUTATION_CHANGES_MAX;

    memcpy(out, seed, len);
    for (size_t i = 0; i < changes && len > 0; i++) {
        size_t at = mutation_next(state) % len;
        char c = interesting[mutation_next(state) % sizeof(interesting)]; /* its NUL included */

        switch (mutation_next(state) % 4) {
        case 0:
            out[at] = c;
            break;
        case 1:
            memmove(out + at + 1, out + at, len - at);
            out[at] = c;
            len++;
            break;
        case 2:
            memmove(out + at, out + at + 1, len - at - 1);
            len--;
            break;
        default:
            out[at] = out[mutation_next(state) % len];
            break;
        }
    }
    return len;
}

static bool json_c_accepts(struct slice text)
{
    char terminated[MUTATION_BYTES_MAX];
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
    bool ok;

    memcpy(terminated, text.data, text.len);
    terminated[text.len] = '\0';
    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    json_object_put(json_tokener_parse_ex(tokener, terminated, (int)text.len + 1));
    ok = json_tokener_get_error(tokener) == json_tokener_success;
    json_tokener_free(tokener);
    return ok;
}

void test_mutation(void)
{
    static const char *const seeds[] = {
        "{\"name\":\"a\",\"kind\":\"sma\",\"parameters\":{\"fast\":10,\"slow\":[1,2.5,-3e-4]}}",
        "[\"\\ud83d\\ude00\",\"\\u0041\\n\",\"\xc3\xa9\xf0\x9f\x98\x80\",true,false,null]",
        "{\"a\":{\"a\":{\"a\":[[[{}]]]}},\"b\":\"\\\\\\\"\"}",
        "[0,-0,1.0,1E+2,123456789012345678901234567890,1e308]",
        " \n{ \"x\" : [ ] , \"y\" : { } }\t",
    };
    uint64_t state = 0x9e3779b97f4a7c15U;
    struct arena *arena = arena_new();
    unsigned accepted = 0, refused = 0;

    for (int i = 0; i < MUTATION_ROUNDS; i++) {
        char text[MUTATION_BYTES_MAX];
        struct slice detail = SLICE_LIT("");
        size_t len = mutate(&state, seeds[(unsigned)i % countof(seeds)], text);

        if (json_scan(arena, (struct slice){text, len}, JSON_DEPTH_MAX, &detail)) {
            accepted++;
            if (!json_c_accepts((struct slice){text, len})) UNIT_SLICE(((struct slice){text, len}), "(json-c refuses)");
        } else {
            refused++;
            CU_ASSERT(detail.len > 0);
        }
        arena_reset(arena);
    }
    /* Both ways are really taken. */
    CU_ASSERT(accepted > 500);
    CU_ASSERT(refused > 500);
    arena_free(arena);
}
