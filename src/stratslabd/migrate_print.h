/* What `migrate` prints: columns for people, JSON for programs. */
#ifndef STRATSLABD_MIGRATE_PRINT_H
#define STRATSLABD_MIGRATE_PRINT_H

#include "base/buf.h"
#include "migrate/migrate.h"

void migrate_print_status(struct buf *out, const struct migrate_report *report);
/* The ledger alone, oldest application first. */
void migrate_print_history(struct buf *out, const struct migrate_report *report);
void migrate_print_plan(struct buf *out, const struct migrate_plan *plan);

/* Each is one object; `ok` is what the exit status says. */
void migrate_print_report_json(struct buf *out, const struct migrate_report *report, bool ok);
void migrate_print_current_json(struct buf *out, const struct migrate_report *report);
void migrate_print_history_json(struct buf *out, const struct migrate_report *report);
void migrate_print_plan_json(struct buf *out, const struct migrate_plan *plan);

#endif
