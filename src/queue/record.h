/* A line in the log for each backtest at the end of its claim, or for a sample of them. */
#ifndef QUEUE_RECORD_H
#define QUEUE_RECORD_H

#include "conf/conf.h"
#include "queue/work.h"

void record_log(const struct conf_log *conf, const struct work_record *record);

#endif
