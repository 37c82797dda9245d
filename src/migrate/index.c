#include "migrate/index.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "migrate/lexer.h"

static bool index_is(struct slice token, const char *word)
{
    return token.len == strlen(word) && strncasecmp(token.data, word, token.len) == 0;
}

/* Takes the words that come next, if they do. */
static bool index_takes(struct slice *rest, const char *const *words, size_t count)
{
    struct slice after = *rest;
    struct slice token;

    for (size_t i = 0; i < count; i++) {
        if (!lexer_next(&after, &token) || !index_is(token, words[i])) return false;
    }
    *rest = after;
    return true;
}

static bool index_takes_word(struct slice *rest, const char *word)
{
    return index_takes(rest, &word, 1);
}

/* As the server folds it: quoted as it stands, else in small letters. */
static void index_take_name(struct slice token, struct buf *out)
{
    const bool quoted = token.data[0] == '"';

    for (size_t i = quoted ? 1 : 0; i + (quoted ? 1 : 0) < token.len; i++) {
        const char c = token.data[i];

        buf_add_char(out, quoted ? c : (char)tolower((unsigned char)c));
        if (quoted && c == '"') i++;
    }
}

/* a, a.b, "a"."b" */
static void index_take_target(struct slice *rest, struct buf *out)
{
    struct slice token;
    bool wants_name = true;

    while (lexer_next(rest, &token)) {
        if (wants_name == index_is(token, ".")) return;
        buf_add_slice(out, token);
        wants_name = !wants_name;
    }
}

static void index_create(struct slice rest, struct index_made *made)
{
    static const char *const if_not_exists[] = {"IF", "NOT", "EXISTS"};
    struct slice token;

    (void)index_takes_word(&rest, "UNIQUE");
    if (!index_takes_word(&rest, "INDEX")) return;
    made->maker = INDEX_CREATE;
    (void)index_takes_word(&rest, "CONCURRENTLY");
    (void)index_takes(&rest, if_not_exists, countof(if_not_exists));
    if (!index_takes_word(&rest, "ON")) {
        if (lexer_next(&rest, &token)) index_take_name(token, &made->name);
        (void)index_takes_word(&rest, "ON");
    }
    (void)index_takes_word(&rest, "ONLY");
    index_take_target(&rest, &made->target);
}

static void index_reindex(struct slice rest, struct index_made *made)
{
    struct slice token;

    if (index_takes_word(&rest, "(")) {
        while (lexer_next(&rest, &token) && !index_is(token, ")")) continue;
    }
    made->maker = INDEX_MANY;
    if (index_takes_word(&rest, "INDEX")) {
        made->maker = INDEX_REINDEX;
    } else if (index_takes_word(&rest, "TABLE")) {
        made->maker = INDEX_TABLE;
    } else {
        return;
    }
    (void)index_takes_word(&rest, "CONCURRENTLY");
    index_take_target(&rest, &made->target);
}

void index_made_of(struct slice statement, struct index_made *ret_made)
{
    *ret_made = (struct index_made){.maker = INDEX_NONE};
    if (index_takes_word(&statement, "CREATE")) {
        index_create(statement, ret_made);
    } else if (index_takes_word(&statement, "REINDEX")) {
        index_reindex(statement, ret_made);
    }
}

void index_made_clear(struct index_made *made)
{
    buf_clear(&made->name);
    buf_clear(&made->target);
}
