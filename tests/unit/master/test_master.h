/* The parts of the room's test program. */
#ifndef TEST_MASTER_H
#define TEST_MASTER_H

#include "unit.h"

extern const struct unit_part test_notify_part;
extern const struct unit_part test_options_part;
extern const struct unit_part test_program_part;

#endif
