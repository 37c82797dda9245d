/* The increment of backtestd's counter of newer.h. The linker (--wrap) puts it before that of the program. */
#include "newer.h"

#include "queue/meter.h"

/* NOLINTBEGIN(bugprone-reserved-identifier): ld(1) has these names */
void __real_meter_end(struct meter *meter, enum meter_outcome outcome);
void __wrap_meter_end(struct meter *meter, enum meter_outcome outcome);

void __wrap_meter_end(struct meter *meter, enum meter_outcome outcome)
{
    metrics_add(meter->cells[METER_TEST_ENDED], 1);
    __real_meter_end(meter, outcome);
}
/* NOLINTEND(bugprone-reserved-identifier) */
