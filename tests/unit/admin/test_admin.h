/* The tests of admin/, a part for each file. */
#ifndef TEST_ADMIN_H
#define TEST_ADMIN_H

#include "unit.h"

extern const struct unit_part exposition_tests, metrics_tests;

#endif
