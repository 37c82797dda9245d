#include "migrate/lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct lexer {
    struct slice text;
    size_t at;
    struct lexer_statement now;
    unsigned line; /* of the byte `lined` */
    size_t lined;
    bool open;                   /* `now` has its first token */
    bool leading;                /* nothing but words so far, so that they count as its first words */
    unsigned parens;             /* semicolons inside belong to a rule's list of actions */
    unsigned body;               /* depth of BEGIN ATOMIC and of the CASEs inside it */
    char previous;               /* last character of the token before, 0 at the start of a statement */
    char word[LEXER_WORD_BYTES]; /* the token before, if it was a word, in capitals; else "" */
    struct lexer_script script;
    size_t capacity;
    struct lexer_problem problem;
};

static char lexer_peek(const struct lexer *lx, size_t ahead)
{
    return lx->text.len - lx->at > ahead ? lx->text.data[lx->at + ahead] : '\0';
}

static bool lexer_is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool lexer_is_word(char c)
{
    return lexer_is_word_start(c) || (c >= '0' && c <= '9') || c == '$';
}

static bool lexer_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static int lexer_fail(struct lexer *lx, size_t at, const char *what)
{
    lx->problem = (struct lexer_problem){what, at};
    return -1;
}

static void lexer_skip_line(struct lexer *lx)
{
    while (lx->at < lx->text.len && lexer_peek(lx, 0) != '\n' && lexer_peek(lx, 0) != '\r') lx->at++;
}

static int lexer_skip_comment(struct lexer *lx)
{
    size_t start = lx->at;
    unsigned depth = 0;

    while (lx->at < lx->text.len) {
        if (lexer_peek(lx, 0) == '/' && lexer_peek(lx, 1) == '*') {
            depth++;
            lx->at += 2;
        } else if (lexer_peek(lx, 0) == '*' && lexer_peek(lx, 1) == '/') {
            lx->at += 2;
            if (--depth == 0) return 0;
        } else {
            lx->at++;
        }
    }
    return lexer_fail(lx, start, "a comment /* has no end */");
}

/* From the opening quote to after the closing one. */
static int lexer_skip_quote(struct lexer *lx, bool escapes)
{
    size_t start = lx->at;
    char quote = lexer_peek(lx, 0);

    lx->at++;
    while (lx->at < lx->text.len) {
        char c = lexer_peek(lx, 0);

        if (escapes && c == '\\') {
            lx->at += 2;
        } else if (c != quote) {
            lx->at++;
        } else if (lexer_peek(lx, 1) == quote) {
            lx->at += 2;
        } else {
            lx->at++;
            return 0;
        }
    }
    lx->at = lx->text.len;
    return lexer_fail(lx, start, quote == '"' ? "a quoted identifier has no end" : "a string has no end");
}

/*
 * E'' and its continuations: strings with nothing but white space that holds a line end between them are one constant,
 * and the escapes of the first go on in the next (section 4.1.2.1).
 */
static int lexer_skip_escape_string(struct lexer *lx)
{
    for (;;) {
        bool line_end = false;

        if (lexer_skip_quote(lx, true) != 0) return -1;
        size_t end = lx->at;

        while (lx->at < lx->text.len) {
            if (lexer_is_space(lexer_peek(lx, 0))) {
                line_end = line_end || lexer_peek(lx, 0) == '\n' || lexer_peek(lx, 0) == '\r';
                lx->at++;
            } else if (lexer_peek(lx, 0) == '-' && lexer_peek(lx, 1) == '-') {
                lexer_skip_line(lx);
            } else {
                break;
            }
        }
        if (line_end && lexer_peek(lx, 0) == '\'') continue;
        lx->at = end;
        return 0;
    }
}

/* At a $ outside a word: a dollar quote, or a parameter, which is left to the server. */
static int lexer_skip_dollar(struct lexer *lx)
{
    size_t start = lx->at;
    size_t tag = 1;

    if (lexer_is_word_start(lexer_peek(lx, tag))) {
        while (lexer_is_word(lexer_peek(lx, tag)) && lexer_peek(lx, tag) != '$') tag++;
    }
    if (lexer_peek(lx, tag) != '$') {
        lx->at++;
        return 0;
    }
    tag++;
    for (lx->at += tag; lx->text.len - lx->at >= tag; lx->at++) {
        if (memcmp(lx->text.data + lx->at, lx->text.data + start, tag) == 0) {
            lx->at += tag;
            return 0;
        }
    }
    return lexer_fail(lx, start, "a dollar-quoted string has no end");
}

/* BEGIN ATOMIC … END holds statements of its own, and CASE … END may stand in them. */
static void lexer_track_body(struct lexer *lx, const char *word)
{
    /* After a dot or AS a keyword is a name. */
    if (lx->previous == '.' || strcmp(lx->word, "AS") == 0) return;
    if (lx->body == 0) {
        bool create = lx->now.word_count > 0 && strcmp(lx->now.words[0], "CREATE") == 0;

        if (create && strcmp(word, "ATOMIC") == 0 && strcmp(lx->word, "BEGIN") == 0) lx->body = 1;
    } else if (strcmp(word, "CASE") == 0) {
        lx->body++;
    } else if (strcmp(word, "END") == 0) {
        lx->body--;
    }
}

static int lexer_word(struct lexer *lx)
{
    char word[LEXER_WORD_BYTES];
    size_t len = 0;
    size_t start = lx->at;

    while (lx->at < lx->text.len && lexer_is_word(lexer_peek(lx, 0))) {
        if (len < sizeof(word) - 1) word[len++] = (char)toupper((unsigned char)lexer_peek(lx, 0));
        lx->at++;
    }
    word[len] = '\0';
    if (lx->at - start == 1 && word[0] == 'E' && lexer_peek(lx, 0) == '\'') {
        lx->leading = false;
        lx->word[0] = '\0';
        return lexer_skip_escape_string(lx);
    }
    lexer_track_body(lx, word);
    if (lx->leading && lx->now.word_count < LEXER_WORDS) {
        memcpy(lx->now.words[lx->now.word_count++], word, sizeof(word));
    }
    memcpy(lx->word, word, sizeof(word));
    return 0;
}

static void lexer_begin(struct lexer *lx)
{
    lx->now = (struct lexer_statement){0};
    lx->open = false;
    lx->leading = true;
    lx->parens = lx->body = 0;
    lx->previous = '\0';
    lx->word[0] = '\0';
}

static void lexer_finish(struct lexer *lx)
{
    if (lx->open) {
        if (lx->script.count == lx->capacity) {
            lx->capacity = lx->capacity == 0 ? 8 : lx->capacity * 2;
            lx->script.items = mem_realloc(lx->script.items, lx->capacity * sizeof(lx->script.items[0]));
        }
        lx->script.items[lx->script.count++] = lx->now;
    }
    lexer_begin(lx);
}

/* What is not space, a comment or a word. */
static int lexer_other(struct lexer *lx)
{
    char c = lexer_peek(lx, 0);

    lx->leading = false;
    lx->word[0] = '\0';
    if (c == '\'' || c == '"') return lexer_skip_quote(lx, false);
    if (c == '$') return lexer_skip_dollar(lx);
    if (c == '\\') {
        return lexer_fail(lx, lx->at, "a backslash outside quotes: psql's meta-commands do not work in a migration");
    }
    if (c == '(') lx->parens++;
    if (c == ')' && lx->parens > 0) lx->parens--;
    lx->at++;
    return 0;
}

static int lexer_token(struct lexer *lx)
{
    char c = lexer_peek(lx, 0);

    if (lexer_is_space(c)) {
        lx->at++;
        return 0;
    }
    if (c == '-' && lexer_peek(lx, 1) == '-') {
        lexer_skip_line(lx);
        return 0;
    }
    if (c == '/' && lexer_peek(lx, 1) == '*') return lexer_skip_comment(lx);
    if (c == ';' && lx->parens == 0 && lx->body == 0) {
        lexer_finish(lx);
        lx->at++;
        return 0;
    }
    if (!lx->open) {
        for (; lx->lined < lx->at; lx->lined++) lx->line += lx->text.data[lx->lined] == '\n' ? 1 : 0;
        lx->open = true;
        lx->now.start = lx->at;
        lx->now.line = lx->line;
    }
    int outcome = lexer_is_word_start(c) ? lexer_word(lx) : lexer_other(lx);

    if (outcome == 0) {
        lx->now.end = lx->at;
        lx->previous = lx->text.data[lx->at - 1];
    }
    return outcome;
}

int lexer_split(struct slice text, struct lexer_script *ret_script, struct lexer_problem *ret_problem)
{
    struct lexer lx = {.text = text, .line = 1};

    lexer_begin(&lx);
    while (lx.at < text.len) {
        if (lexer_token(&lx) != 0) {
            lexer_script_clear(&lx.script);
            *ret_problem = lx.problem;
            return -1;
        }
    }
    lexer_finish(&lx);
    *ret_script = lx.script;
    return 0;
}

bool lexer_next(struct slice *rest, struct slice *ret_token)
{
    struct lexer lx = {.text = *rest, .line = 1};

    lexer_begin(&lx);
    while (lx.at < rest->len && !lx.open) {
        if (lexer_token(&lx) != 0) return false;
    }
    if (!lx.open) return false;
    *ret_token = (struct slice){rest->data + lx.now.start, lx.at - lx.now.start};
    rest->data += lx.at;
    rest->len -= lx.at;
    return true;
}

void lexer_script_clear(struct lexer_script *script)
{
    free(script->items);
    *script = (struct lexer_script){0};
}

/* ROLLBACK [WORK | TRANSACTION] TO a savepoint stays inside the transaction. */
static bool lexer_rolls_back_to(const struct lexer_statement *statement)
{
    for (unsigned i = 1; i < statement->word_count; i++) {
        if (strcmp(statement->words[i], "TO") == 0) return true;
    }
    return false;
}

const char *lexer_refusal(const struct lexer_statement *statement, bool transaction)
{
    static const struct {
        const char *first;
        const char *second; /* NULL: any */
        bool always;
    } refused[] = {
        {"BEGIN", NULL, false},    {"START", "TRANSACTION", false},   {"COMMIT", NULL, false}, {"END", NULL, false},
        {"ROLLBACK", NULL, false}, {"PREPARE", "TRANSACTION", false}, {"ABORT", NULL, false},  {"DISCARD", "ALL", true},
    };

    if (statement->word_count == 0) return NULL;
    for (size_t i = 0; i < countof(refused); i++) {
        if (strcmp(statement->words[0], refused[i].first) != 0) continue;
        if (refused[i].second != NULL &&
            (statement->word_count < 2 || strcmp(statement->words[1], refused[i].second) != 0))
            continue;
        if (refused[i].always) return "DISCARD ALL would release the lock that keeps other migrations away";
        if (!transaction || lexer_rolls_back_to(statement)) return NULL;
        return "each file is one transaction: do not begin or end one inside it, or write transaction:false after the "
               "directive";
    }
    return NULL;
}

struct lexer_place lexer_place(struct slice text, size_t offset)
{
    struct lexer_place place = {1, 1};

    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.data[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text.data[i] & 0xc0) != 0x80) {
            place.column++;
        }
    }
    return place;
}
