/* The parts of the room's test program. */
#ifndef TEST_MASTER_H
#define TEST_MASTER_H

#include "unit.h"

extern const struct unit_part activate_tests, executable_tests, notify_tests, options_tests, socket_tests,
    supervise_tests, unix_socket_tests;

#endif
