/* The tests of api/, by file. */
#ifndef TEST_API_H
#define TEST_API_H

#include "unit.h"

extern const struct unit_part refusal_tests;
extern const struct unit_part token_tests;

#endif
