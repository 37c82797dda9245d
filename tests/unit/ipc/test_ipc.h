/* The parts of the room's test program. */
#ifndef TEST_IPC_H
#define TEST_IPC_H

#include "unit.h"

extern const struct unit_part test_form_part;

#endif
