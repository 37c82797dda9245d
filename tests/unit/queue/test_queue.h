/* The parts of the room's program. */
#ifndef TEST_QUEUE_H
#define TEST_QUEUE_H

#include "unit.h"

extern const struct unit_part failure_tests, meter_tests;

#endif
