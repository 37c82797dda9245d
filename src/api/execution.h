/* The execution of a backtest, as bodies and the document have it: inside the room only. */
#ifndef API_EXECUTION_H
#define API_EXECUTION_H

#include <stdbool.h>

#include "engine/execution.h"
#include "json/json.h"
#include "json/write.h"

/* The members of `execution` as JSON Schema, from the engine's own table; with their defaults if it is input. */
void api_execution_properties(struct json_writer *w, bool is_input);
/* An object to settings that have their defaults. More strictly than files are read: as the document has it. Faults
 * have pointers below /execution. */
void api_execution_read(struct arena *arena, struct slice document, struct engine_execution *execution,
                        struct json_faults *faults);

#endif
