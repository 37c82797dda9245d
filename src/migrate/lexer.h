/*
 * Splits a script into statements as PostgreSQL's own lexer would see them (PostgreSQL manual, section 4.1): quotes,
 * E'' escapes, dollar quotes, nested comments, parentheses, and BEGIN ATOMIC bodies. It assumes
 * standard_conforming_strings = on.
 */
#ifndef MIGRATE_LEXER_H
#define MIGRATE_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/slice.h"

enum { LEXER_WORDS = 3, LEXER_WORD_BYTES = 16 };

struct lexer_statement {
    size_t start;  /* bytes into the text: its first token, after comments */
    size_t end;    /* after its last token, before the semicolon */
    unsigned line; /* of its start, from 1: in the text, or, if migrate_file_split made it, in the file */
    unsigned word_count;
    char words[LEXER_WORDS][LEXER_WORD_BYTES]; /* those it begins with, in capitals; longer ones are cut */
};

struct lexer_script {
    struct lexer_statement *items; /* owned */
    size_t count;
};

struct lexer_problem {
    const char *what; /* a string that lives for ever */
    size_t at;        /* bytes into the text */
};

struct lexer_place {
    unsigned line;   /* from 1 */
    unsigned column; /* from 1, in characters */
};

/* 0, or -1 with the problem filled: a quote or comment without its end, a meta-command of psql. */
int lexer_split(struct slice text, struct lexer_script *ret_script, struct lexer_problem *ret_problem) ATTR_CHECKED;
void lexer_script_clear(struct lexer_script *script);
/* Why the statement may not stand in a migration that is (or is not) one transaction; NULL if it may. */
const char *lexer_refusal(const struct lexer_statement *statement, bool transaction);
/* Cuts the next token off: a word, a quoted name or string, or one character else. False at the end, or if a quote or
 * comment has no end. */
bool lexer_next(struct slice *rest, struct slice *ret_token);
struct lexer_place lexer_place(struct slice text, size_t offset);

#endif
