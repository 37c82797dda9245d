#include "test_queue.h"

int main(void)
{
    static const struct unit_part *const parts[] = {&job_tests, &job_child_tests, &job_compute_tests, &job_forget_tests,
                                                    &result_tests};

    return unit_main_parts("queue", parts, countof(parts));
}
