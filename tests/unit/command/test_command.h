#ifndef TEST_COMMAND_H
#define TEST_COMMAND_H

#include "command/command.h"
#include "unit.h"

extern const struct unit_part daemon_tests, help_tests, limits_tests, parse_tests, probe_tests, time_tests;
/* A program with every sort of option. */
extern const struct command_program sample;

enum { WORDS_MAX = 24 };

/* argv of words that spaces separate; the program's name comes by itself. "_" is a space. */
struct words {
    char text[256];
    char *argv[WORDS_MAX + 1];
    int argc;
};

void words_of(struct words *words, const char *text);

#endif
