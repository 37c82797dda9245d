/* The parts of the room's test program. */
#ifndef TEST_WALL_H
#define TEST_WALL_H

#include "unit.h"

extern const struct unit_part identity_tests;

/* Runs `body` in a child process, and returns its exit status; -1 if a signal ended it. */
int wall_in_child(int (*body)(void));

#endif
