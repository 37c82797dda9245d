/* The tests of queue/, a part for each file. */
#ifndef TEST_QUEUE_H
#define TEST_QUEUE_H

#include "unit.h"

extern const struct unit_part job_tests, job_child_tests, job_compute_tests, job_forget_tests, result_tests;

#endif
