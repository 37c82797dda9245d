#include "rig.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "candles/chunk.h"
#include "candles/timeframe.h"

enum { RIG_PATIENCE_MS = 120000, RIG_FILE_MAX = 1 << 20 };

void rig_sql(struct rig *rig, const char *fmt, ...)
{
    struct buf sql = {0};
    va_list ap;
    char *text;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) abort();
    va_end(ap);
    buf_add_str(&sql, text);
    free(text);
    PGresult *result = PQexec(rig->control, buf_cstr(&sql));

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "%.200s: %s", buf_cstr(&sql), PQerrorMessage(rig->control));
        CU_FAIL_FATAL("the statement failed");
    }
    PQclear(result);
    buf_clear(&sql);
}

/* The half of the migration that makes the tables. */
static void rig_migrate(struct rig *rig)
{
    const char *srcdir = getenv("srcdir");
    char *path = mem_printf("%s/sql/migrations/20261126120000_candles.sql", srcdir == NULL ? TEST_SRCDIR : srcdir);
    struct buf sql = {0};

    if (!file_read(path, RIG_FILE_MAX, &sql)) {
        perror(path);
        exit(1);
    }
    char *down = strstr(buf_cstr(&sql), "-- migrate:down");

    if (down == NULL) abort();
    *down = '\0';
    rig_sql(rig, "%s", sql.data);
    buf_clear(&sql);
    free(path);
}

void rig_open(struct rig *rig)
{
    const char *url = getenv("STRATSLAB_TEST_DATABASE_URL");
    static unsigned count;

    memset(rig, 0, sizeof(*rig));
    if (url == NULL || url[0] == '\0') {
        fprintf(stderr, "STRATSLAB_TEST_DATABASE_URL is not set: these tests need a private PostgreSQL, and the "
                        "connection string of a superuser in it\n");
        exit(1);
    }
    snprintf(rig->schema, sizeof(rig->schema), "queue_test_%d_%u", getpid(), ++count);
    rig->conninfo =
        mem_printf("%s%coptions=-csearch_path%%3D%s", url, strchr(url, '?') == NULL ? '?' : '&', rig->schema);
    rig->control = PQconnectdb(rig->conninfo);
    if (PQstatus(rig->control) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(rig->control));
        exit(1);
    }
    rig_sql(rig, "SET client_min_messages = warning; CREATE SCHEMA %s", rig->schema);
    rig_migrate(rig);
    rig->base = event_base_new();
    rig->folder = folder_make();
    rig->cache = cache_new(&(struct cache_options){.folder = rig->folder, .bytes_max = 1 << 30});
}

static void rig_state(void *arg, enum db_state state, const char *reason)
{
    struct rig *rig = arg;

    rig->state = state;
    if (state != DB_STATE_READY && reason[0] != '\0') fprintf(stderr, "db: %s\n", reason);
}

static void rig_turn(struct rig *rig, uint64_t deadline_ms)
{
    if (clock_monotonic_ms() > deadline_ms) {
        fprintf(stderr, "waited in vain\n");
        exit(1);
    }
    event_base_loop(rig->base, EVLOOP_ONCE);
}

void rig_connect(struct rig *rig)
{
    const uint64_t deadline_ms = clock_monotonic_ms() + RIG_PATIENCE_MS;
    const struct db_options options = {
        .conninfo = rig->conninfo,
        .application_name = "test_queue",
        .limits.connect_timeout_ms = 10000,
        .limits.statement_timeout_ms = 60000,
        .limits.lock_timeout_ms = 10000,
        .limits.idle_in_transaction_timeout_ms = 10000,
        .limits.queue_max = 64,
        .backoff_min_ms = 20,
        .backoff_max_ms = 100,
        .retry_window_ms = 10000,
        .probe_interval_ms = 5000,
        .probe_timeout_ms = 30000,
        .statements = load_statements,
        .statement_count = LOAD_STATEMENTS,
    };

    rig->db = db_new(rig->base, &options, rig_state, rig);
    while (rig->state != DB_STATE_READY) rig_turn(rig, deadline_ms);
}

void rig_forget(struct rig *rig)
{
    loaded_free(rig->loaded);
    rig->loaded = NULL;
}

void rig_close(struct rig *rig)
{
    load_cancel(rig->load);
    rig_forget(rig);
    db_free(rig->db);
    rig_sql(rig, "DROP SCHEMA %s CASCADE", rig->schema);
    PQfinish(rig->control);
    cache_free(rig->cache);
    event_base_free(rig->base);
    folder_remove(rig->folder);
    free(rig->conninfo);
}

static void rig_store_chunk(struct rig *rig, const struct candles *part)
{
    struct chunk_summary s;
    struct buf packed = {0}, hex = {0};
    struct error err;

    UNIT_INT(chunk_encode(part, &packed, &s, &err), 0);
    for (size_t i = 0; i < packed.len; i++) {
        buf_add_char(&hex, hex_digit((unsigned char)packed.data[i] >> 4));
        buf_add_char(&hex, hex_digit((unsigned char)packed.data[i]));
    }
    rig_sql(
        rig,
        "INSERT INTO candle_chunks (series_id, address, bars, first_ms, last_ms, low_min, high_max, volume, sha256, "
        "packed) SELECT max(id), %" PRId64 ", %u, %" PRId64 ", %" PRId64
        ", %g, %g, %g, sha256('\\x%s'), '\\x%s' FROM series",
        s.address, s.bars, s.first_ms, s.last_ms, s.low_min, s.high_max, s.volume, buf_cstr(&hex), hex.data);
    buf_clear(&packed);
    buf_clear(&hex);
}

void rig_store(struct rig *rig, const char *symbol, const struct candles *candles)
{
    const char *timeframe = candles_timeframe_name(candles->timeframe_ms);

    rig_sql(rig, "BEGIN; DELETE FROM series WHERE symbol = '%s' AND timeframe = '%s'", symbol, timeframe);
    rig_sql(rig,
            "INSERT INTO series (symbol, timeframe, timeframe_ms, adjusted, price_digits, lot_digits, revision, bars, "
            "first_ms, last_ms, bytes) VALUES ('%s', '%s', %" PRId64 ", false, %d, %d, 3, %zu, %" PRId64 ", %" PRId64
            ", 1)",
            symbol, timeframe, candles->timeframe_ms, candles->price_digits, candles_step_digits(candles->lot),
            candles->count, candles->time_ms[0], candles->time_ms[candles->count - 1]);
    for (size_t first = 0, span; first < candles->count; first += span) {
        span = chunk_span(candles, first);
        const struct candles part = candles_view(candles, first, span);

        rig_store_chunk(rig, &part);
    }
    rig_sql(rig, "COMMIT");
}

static void rig_done(void *arg, struct loaded *loaded, const struct load_failure *failure)
{
    struct rig *rig = arg;

    rig->load = NULL;
    rig->loaded = loaded;
    rig->calls++;
    CU_ASSERT((loaded == NULL) == (failure != NULL));
    if (failure == NULL) return;
    rig->retry = failure->retry;
    snprintf(rig->code, sizeof(rig->code), "%s", failure->code);
    snprintf(rig->detail, sizeof(rig->detail), "%s", failure->detail);
}

void rig_begin(struct rig *rig, const struct load_request *request)
{
    rig_forget(rig);
    rig->calls = 0;
    rig->retry = false;
    rig->code[0] = rig->detail[0] = '\0';
    rig->load = load_start(rig->base, rig->db, rig->cache, request, rig_done, rig);
}

void rig_load(struct rig *rig, const struct load_request *request)
{
    const uint64_t deadline_ms = clock_monotonic_ms() + RIG_PATIENCE_MS;

    rig_begin(rig, request);
    UNIT_INT(rig->calls, 0);
    while (rig->calls == 0) rig_turn(rig, deadline_ms);
    if (rig->loaded == NULL && rig->code[0] == '\0') CU_FAIL("it ended without a word");
}
