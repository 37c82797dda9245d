#ifndef TEST_WEB_H
#define TEST_WEB_H

#include "unit.h"

extern const struct unit_part count_tests, damage_tests;

#endif
