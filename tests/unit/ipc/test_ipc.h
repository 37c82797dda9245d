/* The parts of the room's test program. */
#ifndef TEST_IPC_H
#define TEST_IPC_H

#include "unit.h"

extern const struct unit_part channel_tests, control_tests, form_tests, metrics_tests, metrics_master_tests,
    pages_tests, passing_tests, scoreboard_tests;

#endif
