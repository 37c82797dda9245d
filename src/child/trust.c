#include "child/trust.h"

#include "base/log.h"

static void trust_check_done(void *arg, const struct db_result *result)
{
    struct trust_check *check = arg;
    const struct slice why = db_result_value(result, 0, 0);

    check->running = false;
    if (why.data == NULL || check->told) return;
    check->told = true;
    log_warning("others may make this service run what they want", LOG_STR("reason", why.data),
                LOG_STR("database", check->label));
}

void trust_check_run(struct trust_check *check)
{
    enum db_outcome outcome;

    if (check->running || check->told) return;
    check->running = db_submit(check->db, &db_trust_statement, NULL, trust_check_done, check, &outcome) != NULL;
}
