#include "queue/load.h"

#include "test_queue.h"

const struct unit_part load_tests = {0};
