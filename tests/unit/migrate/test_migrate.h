/* The tables of this program's files. */
#ifndef TEST_MIGRATE_H
#define TEST_MIGRATE_H

#include "unit.h"

extern const struct unit_part connect_tests, file_tests, files_tests, index_tests, lexer_tests;

#endif
