/*
 * Both forms of a connection string (libpq documentation, "Connection Strings"), as far as it takes to find one
 * parameter. What is malformed is left to libpq.
 */
#include "pg/words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/percent.h"

static bool words_is_uri(const char *text)
{
    return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}

static char *words_decoded(struct slice text)
{
    struct buf out = {0};
    char c;

    while (text.len > 0 && percent_next(&text, &c)) buf_add_char(&out, c);
    return buf_steal(&out);
}

static char *words_without_in_uri(const char *uri, const char *word, char **ret_value)
{
    const char *query = strchr(uri, '?');
    struct buf out = {0};
    char separator = '?';
    bool found = false;

    if (query == NULL) return NULL;
    struct slice rest = slice_of(query + 1);

    buf_add(&out, uri, (size_t)(query - uri));
    while (rest.data != NULL) {
        struct slice pair = slice_cut(&rest, '&');
        struct slice value = pair;

        if (slice_is(slice_cut(&value, '='), word)) {
            if (found) free(*ret_value);
            *ret_value = words_decoded(value);
            found = true;
            continue;
        }
        buf_add_char(&out, separator);
        buf_add_slice(&out, pair);
        separator = '&';
    }
    if (found) return buf_steal(&out);
    buf_clear(&out);
    return NULL;
}

static const char *words_skip_space(const char *at)
{
    while (isspace((unsigned char)*at)) at++;
    return at;
}

/* Reads the value at `at`, and returns what follows it. */
static const char *words_value(const char *at, struct buf *out)
{
    const bool quoted = *at == '\'';

    if (quoted) at++;
    while (*at != '\0' && (quoted ? *at != '\'' : !isspace((unsigned char)*at))) {
        if (*at == '\\' && at[1] != '\0') at++;
        buf_add_char(out, *at++);
    }
    return quoted && *at == '\'' ? at + 1 : at;
}

static char *words_without_in_pairs(const char *text, const char *word, char **ret_value)
{
    struct buf out = {0};
    const char *at = words_skip_space(text);
    bool found = false;

    while (*at != '\0') {
        const char *begin = at;
        struct slice key = {at, strcspn(at, "= \t\r\n\v\f")};
        struct buf value = {0};

        at = words_skip_space(at + key.len);
        if (*at != '=') { /* libpq will say what is wrong */
            at = begin;
            break;
        }
        at = words_value(words_skip_space(at + 1), &value);
        if (slice_is(key, word)) {
            if (found) free(*ret_value);
            *ret_value = buf_steal(&value);
            found = true;
        } else {
            buf_add(&out, begin, (size_t)(at - begin));
            buf_add_char(&out, ' ');
        }
        buf_clear(&value);
        at = words_skip_space(at);
    }
    buf_add_str(&out, at);
    if (found) return buf_steal(&out);
    buf_clear(&out);
    return NULL;
}

char *words_without(const char *conninfo, const char *word, char **ret_value)
{
    return words_is_uri(conninfo) ? words_without_in_uri(conninfo, word, ret_value)
                                  : words_without_in_pairs(conninfo, word, ret_value);
}
