/* What a worker counts, in the cells of its place on the scoreboard (queue/meter_rows.h). */
#ifndef QUEUE_METER_H
#define QUEUE_METER_H

#include "ipc/place.h"
#include "queue/meter_rows.h"

#define METER_ENUMERATE(id, ...) METER_##id,
enum meter_id { METER_ROWS(METER_ENUMERATE) METER_ID_COUNT };

/* How a claim ended. */
enum meter_outcome {
    METER_SUCCEEDED,
    METER_FAILED,
    METER_REQUEUED,
    METER_CANCELLED,
    METER_GIVEN_BACK,
    METER_LOST,
    METER_DROPPED,
    METER_OUTCOMES,
};

enum meter_phase { METER_LOAD, METER_COMPUTE, METER_WRITE, METER_PHASES };

enum { METER_CODES_MAX = 24 };

/* The rows, by enum meter_id. */
extern const struct metrics_table meter_table;
extern const struct metrics_bounds meter_phase_bounds;

const char *meter_outcome_name(enum meter_outcome outcome); /* "given_back" */

/* Embedded; meter_init. */
struct meter {
    _Atomic uint64_t *cells[METER_ID_COUNT]; /* of what has no labels */
    _Atomic uint64_t *outcomes[METER_OUTCOMES];
    _Atomic uint64_t *phases[METER_PHASES];
    _Atomic uint64_t *codes[METER_CODES_MAX]; /* by the place in the list of codes; the first is "other" */
};

/* For the master: registers all that a worker counts. Returns how many series found no room. */
unsigned meter_register(struct metrics *metrics);
/* Sets the gauges to 0. */
void meter_init(struct meter *meter, const struct child_place *place);
void meter_end(struct meter *meter, enum meter_outcome outcome);
void meter_failure(struct meter *meter, const char *code);
void meter_time(struct meter *meter, enum meter_phase phase, uint64_t ns);

#endif
