/*
 * A parser by priorities, as Lua's (lparser.c, subexpr): one loop for all operators with two sides. Its recursion and
 * its trees are no deeper than RULES_DEPTH_MAX.
 */
#include "rules/parse.h"

#include <stdlib.h>

#include "base/utf8.h"

enum { PARSE_ARGUMENTS_MAX = 16, PARSE_NAME_MAX = 64, PARSE_DIGITS_MAX = 60 };

enum parse_token {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_NAME,
    TOKEN_PARAM,
    TOKEN_TEXT,
    TOKEN_OPERATOR, /* one with two sides */
    TOKEN_NOT,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_OPEN_SQUARE,
    TOKEN_CLOSE_SQUARE,
    TOKEN_COMMA,
    TOKEN_WRONG, /* a fault was reported */
};

struct parser {
    struct arena *arena;
    const struct rules_place *place;
    struct rules_faults *faults;
    size_t at;              /* behind the token */
    enum parse_token token; /* the one that is looked at */
    size_t start, end;      /* its place */
    struct slice word;      /* of names, params and texts */
    double number;
    enum operator_id op;
    size_t before; /* where the token before it ended */
    unsigned depth;
};

/* Binding on the left and on the right; comparisons do not chain. */
static const struct {
    const char *text;
    unsigned priority;
} parse_operators[OPERATOR_DIVIDE + 1] = {
    [OPERATOR_OR] = {"or", 1},         [OPERATOR_AND] = {"and", 2},      [OPERATOR_LESS] = {"<", 4},
    [OPERATOR_LESS_EQUAL] = {"<=", 4}, [OPERATOR_GREATER] = {">", 4},    [OPERATOR_GREATER_EQUAL] = {">=", 4},
    [OPERATOR_EQUAL] = {"==", 4},      [OPERATOR_NOT_EQUAL] = {"!=", 4}, [OPERATOR_ADD] = {"+", 5},
    [OPERATOR_SUBTRACT] = {"-", 5},    [OPERATOR_MULTIPLY] = {"*", 6},   [OPERATOR_DIVIDE] = {"/", 6},
};
enum { PARSE_PRIORITY_NOT = 3, PARSE_PRIORITY_COMPARISON = 4, PARSE_PRIORITY_NEGATE = 7 };

/* What other languages have, and how it is written here. */
static const struct {
    const char *text, *instead;
} parse_foreign[] = {
    {"&&", "write and"},
    {"||", "write or"},
    {"**", "write pow(x, y)"},
    {"^", "write pow(x, y)"},
    {"=", "to compare, write =="},
    {"!", "write not"},
    {"?", "write if(condition, a, b)"},
    {":", "write if(condition, a, b)"},
    {"%", "there is no remainder; write x - floor(x / y) * y"},
    {"{", "write ( and )"},
    {";", "one expression is expected"},
    {".", "write names alone, sma and not ta.sma"},
    {"\xe2\x89\xa5", "write >="},
    {"\xe2\x89\xa4", "write <="},
    {"\xe2\x89\xa0", "write !="},
    {"\xe2\x88\x92", "write -"},
    {"\xe2\x80\x93", "write -"},
    {"\xc3\x97", "write *"},
    {"\xc3\xb7", "write /"},
    {"\xe2\x80\x98", "write straight quotes, '4h'"},
    {"\xe2\x80\x99", "write straight quotes, '4h'"},
    {"\xe2\x80\x9c", "write straight quotes, '4h'"},
    {"\xe2\x80\x9d", "write straight quotes, '4h'"},
};

static enum parse_token parse_wrong(struct parser *p, size_t at, const char *what)
{
    rules_fault_add(p->faults, p->place, at, "%s", what);
    p->token = TOKEN_WRONG;
    return TOKEN_WRONG;
}

static char parse_peek(const struct parser *p, size_t ahead)
{
    return p->at + ahead < p->place->text.len ? p->place->text.data[p->at + ahead] : '\0';
}

static bool parse_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool parse_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool parse_is_name(struct slice text)
{
    static const char *const words[] = {"and", "or", "not", "true", "false", "if", "tf"};

    if (text.len == 0 || text.len > PARSE_NAME_MAX || !parse_is_letter(text.data[0])) return false;
    for (size_t i = 1; i < text.len; i++) {
        if (!parse_is_letter(text.data[i]) && !parse_is_digit(text.data[i])) return false;
    }
    for (size_t i = 0; i < countof(words); i++) {
        if (slice_is(text, words[i])) return false;
    }
    return true;
}

static enum parse_token parse_number(struct parser *p)
{
    char digits[PARSE_DIGITS_MAX + 1];
    size_t len = 0;

    while (parse_is_digit(parse_peek(p, len))) len++;
    if (parse_peek(p, len) == '.') len++;
    while (parse_is_digit(parse_peek(p, len))) len++;
    if (parse_peek(p, len) == 'e' || parse_peek(p, len) == 'E') {
        const size_t sign = parse_peek(p, len + 1) == '+' || parse_peek(p, len + 1) == '-' ? 1 : 0;

        if (parse_is_digit(parse_peek(p, len + 1 + sign))) {
            for (len += 1 + sign; parse_is_digit(parse_peek(p, len));) len++;
        }
    }
    if (len > 0 && strchr("mhdw", parse_peek(p, len)) != NULL && parse_is_letter(parse_peek(p, len)) &&
        !parse_is_letter(parse_peek(p, len + 1)) && !parse_is_digit(parse_peek(p, len + 1))) {
        return parse_wrong(p, p->at, "write a timeframe in quotes, such as '4h'");
    }
    if (parse_is_letter(parse_peek(p, len)) || parse_peek(p, len) == '.') {
        return parse_wrong(p, p->at, "this is not a number; write digits, with a point or an exponent if needed");
    }
    if (len > PARSE_DIGITS_MAX) return parse_wrong(p, p->at, "the number has more than 60 characters");
    memcpy(digits, p->place->text.data + p->at, len);
    digits[len] = '\0';
    p->number = strtod(digits, NULL);
    if (!isfinite(p->number)) return parse_wrong(p, p->at, "the number is too large");
    p->at += len;
    return TOKEN_NUMBER;
}

static struct slice parse_word(struct parser *p)
{
    struct slice word = {p->place->text.data + p->at, 0};

    while (parse_is_letter(parse_peek(p, word.len)) || parse_is_digit(parse_peek(p, word.len))) word.len++;
    p->at += word.len;
    return word;
}

static enum parse_token parse_name(struct parser *p)
{
    p->word = parse_word(p);
    if (p->word.len > PARSE_NAME_MAX) return parse_wrong(p, p->start, "the name has more than 64 characters");
    if (slice_is(p->word, "not")) return TOKEN_NOT;
    for (enum operator_id op = OPERATOR_OR; op <= OPERATOR_AND; op++) {
        p->op = op;
        if (slice_is(p->word, parse_operators[op].text)) return TOKEN_OPERATOR;
    }
    return TOKEN_NAME;
}

static enum parse_token parse_param(struct parser *p)
{
    p->at++;
    if (!parse_is_letter(parse_peek(p, 0))) {
        return parse_wrong(p, p->start, "the name of a parameter must follow $");
    }
    p->word = parse_word(p);
    return TOKEN_PARAM;
}

/* In either kind of quotes: within JSON, single ones are easier to write. */
static enum parse_token parse_text(struct parser *p)
{
    const char quote = parse_peek(p, 0);
    size_t len = 1;

    while (p->at + len < p->place->text.len && parse_peek(p, len) != quote) len++;
    if (p->at + len >= p->place->text.len) return parse_wrong(p, p->start, "the closing quote is missing");
    p->word = (struct slice){p->place->text.data + p->at + 1, len - 1};
    p->at += len + 1;
    return TOKEN_TEXT;
}

/* The longest operator or bracket that the rest begins with. */
static enum parse_token parse_symbol(struct parser *p)
{
    static const char brackets[] = "()[],";
    static const enum parse_token tokens[] = {TOKEN_OPEN, TOKEN_CLOSE, TOKEN_OPEN_SQUARE, TOKEN_CLOSE_SQUARE,
                                              TOKEN_COMMA};
    const struct slice rest = {p->place->text.data + p->at, p->place->text.len - p->at};
    const char *bracket = rest.data[0] == '\0' ? NULL : strchr(brackets, rest.data[0]);
    size_t longest = 0;

    if (bracket != NULL) {
        p->at++;
        return tokens[bracket - brackets];
    }
    for (enum operator_id op = OPERATOR_LESS; op <= OPERATOR_DIVIDE; op++) {
        const size_t len = strlen(parse_operators[op].text);

        if (len <= longest || len > rest.len || memcmp(rest.data, parse_operators[op].text, len) != 0) continue;
        longest = len;
        p->op = op;
    }
    for (size_t i = 0; i < countof(parse_foreign); i++) {
        const size_t len = strlen(parse_foreign[i].text);

        if (len <= longest || len > rest.len || memcmp(rest.data, parse_foreign[i].text, len) != 0) continue;
        return parse_wrong(p, p->at,
                           arena_printf(p->faults->arena, "%s is not an operator here: %s", parse_foreign[i].text,
                                        parse_foreign[i].instead));
    }
    if (longest == 0) {
        const size_t wide = utf8_length(rest.data, rest.len);
        const struct slice character = {rest.data, wide == 0 ? 1 : wide};

        return parse_wrong(
            p, p->at,
            arena_printf(p->faults->arena, "unexpected character \"%s\"", rules_excerpt(p->faults->arena, character)));
    }
    p->at += longest;
    return TOKEN_OPERATOR;
}

static void parse_next(struct parser *p)
{
    p->before = p->end;
    while (parse_peek(p, 0) == ' ' || parse_peek(p, 0) == '\t' || parse_peek(p, 0) == '\n' ||
           parse_peek(p, 0) == '\r') {
        p->at++;
    }
    p->start = p->at;
    if (p->token == TOKEN_WRONG) return;
    const char c = parse_peek(p, 0);

    if (p->at >= p->place->text.len) {
        p->token = TOKEN_END;
    } else if (parse_is_digit(c) || (c == '.' && parse_is_digit(parse_peek(p, 1)))) {
        p->token = parse_number(p);
    } else if (parse_is_letter(c)) {
        p->token = parse_name(p);
    } else if (c == '$') {
        p->token = parse_param(p);
    } else if (c == '"' || c == '\'') {
        p->token = parse_text(p);
    } else {
        p->token = parse_symbol(p);
    }
    p->end = p->at;
}

/* AND, Or: words of the language in another case. */
static bool parse_is_shouted(const struct parser *p)
{
    return p->token == TOKEN_NAME && (slice_is_nocase(p->word, "and") || slice_is_nocase(p->word, "or"));
}

/* NULL, after a fault about the token that stands there instead. */
static struct parse_node *parse_expected(struct parser *p, const char *what)
{
    if (p->token == TOKEN_WRONG) return NULL;
    if (p->token == TOKEN_END) {
        parse_wrong(p, p->start, arena_printf(p->faults->arena, "expected %s, but the expression ends", what));
    } else {
        const struct slice there = {p->place->text.data + p->start, p->end - p->start};

        parse_wrong(p, p->start,
                    arena_printf(p->faults->arena, "expected %s, but there is %s%s", what,
                                 rules_excerpt(p->faults->arena, there),
                                 parse_is_shouted(p) ? "; write and, or, not in small letters" : ""));
    }
    return NULL;
}

static struct parse_node *parse_new(struct parser *p, enum parse_kind kind, size_t start)
{
    struct parse_node *node = arena_zalloc(p->arena, sizeof(*node));

    node->kind = kind;
    node->start = start;
    node->end = p->before;
    node->depth = 1;
    return node;
}

/* Hangs `args` below the node; NULL if that makes it too deep. */
static struct parse_node *parse_hang(struct parser *p, struct parse_node *node, struct parse_node *const *args,
                                     size_t count)
{
    node->args = arena_alloc(p->arena, (count + 1) * sizeof(*node->args));
    node->count = count;
    for (size_t i = 0; i < count; i++) {
        node->args[i] = args[i];
        if (args[i]->depth >= node->depth) node->depth = args[i]->depth + 1;
    }
    if (node->depth <= RULES_DEPTH_MAX) return node;
    if (p->token != TOKEN_WRONG) {
        parse_wrong(p, node->start,
                    arena_printf(p->faults->arena, "operations are nested more than %d deep", RULES_DEPTH_MAX));
    }
    return NULL;
}

static struct parse_node *parse_sub(struct parser *p, unsigned limit);

/* min and max take any number: min(a, b, c) is min(min(a, b), c). */
static struct parse_node *parse_fold(struct parser *p, struct parse_node *call, struct parse_node **args, size_t count)
{
    while (count > 2 && (slice_is(call->name, "min") || slice_is(call->name, "max"))) {
        struct parse_node *inner = parse_new(p, PARSE_CALL, call->start);

        inner->name = call->name;
        inner->end = args[1]->end;
        args[1] = parse_hang(p, inner, args, 2);
        if (args[1] == NULL) return NULL;
        args++, count--;
    }
    return parse_hang(p, call, args, count);
}

static struct parse_node *parse_call(struct parser *p, struct slice name, size_t start)
{
    struct parse_node *args[PARSE_ARGUMENTS_MAX], *call;
    size_t count = 0;

    parse_next(p);
    while (p->token != TOKEN_CLOSE) {
        if (count == PARSE_ARGUMENTS_MAX) {
            parse_wrong(p, p->start, "a function has at most 16 arguments");
            return NULL;
        }
        args[count] = parse_sub(p, 0);
        if (args[count++] == NULL) return NULL;
        if (p->token == TOKEN_CLOSE) break;
        if (p->token != TOKEN_COMMA) return parse_expected(p, "a comma or )");
        parse_next(p);
        if (p->token == TOKEN_CLOSE) return parse_expected(p, "an argument after the comma");
    }
    parse_next(p);
    call = parse_new(p, PARSE_CALL, start);
    call->name = name;
    return parse_fold(p, call, args, count);
}

static struct parse_node *parse_bracketed(struct parser *p)
{
    struct parse_node *inner;

    parse_next(p);
    inner = parse_sub(p, 0);
    if (inner == NULL) return NULL;
    if (p->token != TOKEN_CLOSE) return parse_expected(p, ")");
    parse_next(p);
    return inner;
}

static struct parse_node *parse_primary(struct parser *p)
{
    const size_t start = p->start;
    const struct slice word = p->word;
    const double number = p->number;
    struct parse_node *node;

    switch (p->token) {
    case TOKEN_NUMBER:
        parse_next(p);
        node = parse_new(p, PARSE_NUMBER, start);
        node->number = number;
        return node;
    case TOKEN_PARAM:
        parse_next(p);
        node = parse_new(p, PARSE_PARAM, start);
        node->name = word;
        return node;
    case TOKEN_TEXT:
        parse_next(p);
        node = parse_new(p, PARSE_TEXT, start);
        node->name = word;
        return node;
    case TOKEN_NAME:
        parse_next(p);
        if (p->token == TOKEN_OPEN) return parse_call(p, word, start);
        node = parse_new(p, PARSE_NAME, start);
        node->name = word;
        if (slice_is(word, "true") || slice_is(word, "false")) {
            node->kind = PARSE_BOOLEAN;
            node->number = slice_is(word, "true") ? 1 : 0;
        }
        return node;
    case TOKEN_OPEN:
        return parse_bracketed(p);
    default:
        return parse_expected(p, "a value");
    }
}

static struct parse_node *parse_postfix(struct parser *p)
{
    const size_t start = p->start;
    struct parse_node *node = parse_primary(p);

    while (node != NULL && p->token == TOKEN_OPEN_SQUARE) {
        struct parse_node *args[2] = {node, NULL};

        parse_next(p);
        args[1] = parse_sub(p, 0);
        if (args[1] == NULL) return NULL;
        if (p->token != TOKEN_CLOSE_SQUARE) return parse_expected(p, "]");
        parse_next(p);
        node = parse_hang(p, parse_new(p, PARSE_BACK, start), args, 2);
    }
    return node;
}

static struct parse_node *parse_unary(struct parser *p)
{
    const bool is_not = p->token == TOKEN_NOT;
    const size_t start = p->start;
    struct parse_node *node, *arg;

    if (!is_not && !(p->token == TOKEN_OPERATOR && p->op == OPERATOR_SUBTRACT)) return parse_postfix(p);
    parse_next(p);
    arg = parse_sub(p, is_not ? PARSE_PRIORITY_NOT : PARSE_PRIORITY_NEGATE);
    if (arg == NULL) return NULL;
    node = parse_new(p, PARSE_OPERATOR, start);
    node->op = is_not ? OPERATOR_NOT : OPERATOR_NEGATE;
    return parse_hang(p, node, &arg, 1);
}

/* Operators that bind more tightly than `limit`. */
static struct parse_node *parse_sub(struct parser *p, unsigned limit)
{
    const size_t start = p->start;
    struct parse_node *left;
    unsigned before = 0;

    if (p->depth == RULES_DEPTH_MAX) {
        if (p->token != TOKEN_WRONG) {
            parse_wrong(p, p->start,
                        arena_printf(p->faults->arena, "operations are nested more than %d deep", RULES_DEPTH_MAX));
        }
        return NULL;
    }
    p->depth++;
    left = parse_unary(p);
    while (left != NULL && p->token == TOKEN_OPERATOR && parse_operators[p->op].priority > limit) {
        const enum operator_id op = p->op;
        struct parse_node *args[2] = {left, NULL};

        if (before == PARSE_PRIORITY_COMPARISON && parse_operators[op].priority == PARSE_PRIORITY_COMPARISON) {
            parse_wrong(p, p->start, "comparisons do not chain: write a < b and b < c");
            left = NULL;
            break;
        }
        before = parse_operators[op].priority;
        parse_next(p);
        args[1] = parse_sub(p, parse_operators[op].priority);
        if (args[1] == NULL) {
            left = NULL;
            break;
        }
        left = parse_new(p, PARSE_OPERATOR, start);
        left->op = op;
        left = parse_hang(p, left, args, 2);
    }
    p->depth--;
    return left;
}

struct parse_node *parse_expression(struct arena *arena, const struct rules_place *place, struct rules_faults *faults)
{
    struct parser p = {.arena = arena, .place = place, .faults = faults, .token = TOKEN_END};
    struct parse_node *node;

    parse_next(&p);
    if (p.token == TOKEN_END) {
        rules_fault_add(faults, place, 0, "the expression is empty");
        return NULL;
    }
    node = parse_sub(&p, 0);
    if (node != NULL && p.token != TOKEN_END) {
        return parse_expected(&p, "an operator (+ - * / < <= > >= == != and or) or the end");
    }
    return node;
}
