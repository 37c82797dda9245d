#include "queue/queue.h"

#include <stdlib.h>

#include "base/log.h"
#include "child/session.h"

struct queue {
    const struct queue_options *options;
    struct child *child;
    struct child_session *session;
};

static int queue_init(struct queue *q, struct error *err)
{
    const struct conf *conf = q->options->conf;
    const struct child_options child = {
        .program = "backtestd",
        .role = "worker",
        .place = q->options->place,
        .memory_max_bytes = conf->supervision.max_memory,
    };
    const struct child_session_options session = {
        .conninfo = conf->database.url,
        .label = conf->database.label,
        .application_name = "backtestd worker",
        .limits = conf->database.limits,
        .schema_versions = q->options->schema_versions,
    };

    if (child_new(&child, &q->child, err) != 0) return -1;
    q->session = child_session_new(q->child, &session);
    return 0;
}

int queue_run(const struct queue_options *options)
{
    struct queue q = {.options = options};
    struct error err;
    int status = EXIT_SUCCESS;

    if (queue_init(&q, &err) == 0) {
        child_run(q.child);
    } else {
        log_error("the worker cannot start", LOG_STR("error", err.message));
        status = EXIT_FAILURE;
    }
    child_session_free(q.session);
    child_free(q.child);
    return status;
}
