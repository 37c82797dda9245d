#include "queue/meter.h"

#include "queue/failure.h"

const struct metrics_bounds meter_phase_bounds = {.count = sizeof((uint64_t[]){METER_PHASE_BOUNDS}) / sizeof(uint64_t),
                                                  .at = {METER_PHASE_BOUNDS}};

#define METER_ROW(id, ...) [METER_##id] = {__VA_ARGS__},
static const struct metrics_row meter_rows[METER_ID_COUNT] = {METER_ROWS(METER_ROW)};
const struct metrics_table meter_table = {meter_rows, METER_ID_COUNT};

static const char *const meter_outcomes[METER_OUTCOMES] = {"succeeded",  "failed", "requeued", "cancelled",
                                                           "given_back", "lost",   "dropped"};
static const char *const meter_phases[METER_PHASES] = {"load", "compute", "write"};

const char *meter_outcome_name(enum meter_outcome outcome)
{
    return meter_outcomes[outcome];
}

/* A code that this worker does not know, or that the catalog has no room for. */
static const char meter_other[] = "other";

static const char *meter_code(size_t at)
{
    if (at == 0) return meter_other;
    const struct failure_code *code = at < METER_CODES_MAX ? failure_code_at(at - 1) : NULL;

    return code == NULL ? NULL : code->code;
}

static struct metrics_labels meter_labels(const char *name, const char *value)
{
    struct metrics_labels labels = {0};

    metrics_label(&labels, name, value);
    return labels;
}

static unsigned meter_add(struct metrics *metrics, enum meter_id id, const char *label, const char *value,
                          uint32_t shown_with)
{
    const struct metrics_labels labels = meter_labels(label, value);

    return metrics_register(metrics, &meter_rows[id], &labels, shown_with) == METRICS_NOWHERE;
}

unsigned meter_register(struct metrics *metrics)
{
    unsigned missed = metrics_register_table(metrics, &meter_table);

    for (unsigned i = 0; i < METER_OUTCOMES; i++) {
        missed += meter_add(metrics, METER_ENDED, "outcome", meter_outcomes[i], METRICS_ALWAYS);
    }
    for (unsigned i = 0; i < METER_PHASES; i++) {
        missed += meter_add(metrics, METER_PHASE, "phase", meter_phases[i], METRICS_ALWAYS);
    }
    for (size_t i = 0; meter_code(i) != NULL; i++) {
        missed +=
            meter_add(metrics, METER_FAILURES, "code", meter_code(i), i == 0 ? METRICS_ONCE_COUNTED : METRICS_ALWAYS);
    }
    return missed;
}

static _Atomic uint64_t *meter_cells(const struct child_place *place, enum meter_id id, const char *label,
                                     const char *value)
{
    const struct metrics *metrics = &place->board->metrics;
    const struct metrics_labels labels = meter_labels(label, value);

    return metrics_cells(metrics, place->counted, metrics_find(metrics, &meter_rows[id], &labels));
}

void meter_init(struct meter *meter, const struct child_place *place)
{
    const struct metrics *metrics = &place->board->metrics;

    for (unsigned i = 0; i < METER_ID_COUNT; i++) {
        meter->cells[i] = metrics_cells(metrics, place->counted, metrics_find(metrics, &meter_rows[i], NULL));
        if (meter_rows[i].type == METRICS_GAUGE && metrics_has_cells(&meter_rows[i])) metrics_set(meter->cells[i], 0);
    }
    for (unsigned i = 0; i < METER_OUTCOMES; i++) {
        meter->outcomes[i] = meter_cells(place, METER_ENDED, "outcome", meter_outcomes[i]);
    }
    for (unsigned i = 0; i < METER_PHASES; i++) {
        meter->phases[i] = meter_cells(place, METER_PHASE, "phase", meter_phases[i]);
    }
    for (size_t i = 0; meter_code(i) != NULL; i++) {
        meter->codes[i] = meter_cells(place, METER_FAILURES, "code", meter_code(i));
    }
}

void meter_end(struct meter *meter, enum meter_outcome outcome)
{
    metrics_add(meter->outcomes[outcome], 1);
}

void meter_failure(struct meter *meter, const char *code)
{
    size_t at = 1;

    while (meter_code(at) != NULL && strcmp(meter_code(at), code) != 0) at++;
    metrics_add(meter->codes[meter_code(at) == NULL ? 0 : at], 1);
}

void meter_time(struct meter *meter, enum meter_phase phase, uint64_t ns)
{
    metrics_observe(meter->phases[phase], &meter_phase_bounds, ns);
}
