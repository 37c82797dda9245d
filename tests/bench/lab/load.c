/*
 * How fast a job's candles are there: a million seeded bars of a minute from PostgreSQL, as stratslab stores and loads
 * them (cold: no file in the cache; cached: from it), beside the same candles as rows of a table, read by COPY BINARY
 * into the same columns in memory; and as rows of exact decimals. Each figure is the least of ROUNDS, in turns: on the
 * wall, and of the processors of the client and of the server's process, which depend less on what else the machine
 * does. The longest turn is how long the event loop was held.
 *
 *     nice -n -5 tests/with-postgres build/tests/bench/lab/load [BARS [FOLDER]]
 *
 * FOLDER is where the cache is (a new folder in it); the least surprising one is a tmpfs: /dev/shm.
 */
#include <endian.h>
#include <event2/event.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "candles/chunk.h"
#include "candles/timeframe.h"
#include "db/db.h"
#include "queue/cache.h"
#include "queue/load.h"

enum { BARS = 1000000, ROUNDS = 7, FIRST = 26300000 };

struct bench {
    PGconn *control;
    struct event_base *base;
    struct db *db;
    enum db_state state;
    struct loaded *loaded;
    bool has_ended;
    double longest_ms;
    int own_pid, copy_pid; /* of the server's processes: for load_start, and for COPY */
};

/* What one way of reading took, at least, on the wall and of both processors. */
struct cost {
    double wall_ms, client_ms, server_ms;
};

static uint64_t seed = 1;

/* SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t draw(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Of another process, since it began: the first number of schedstat, in nanoseconds. */
static double server_ms(int pid)
{
    char *path = mem_printf("/proc/%d/schedstat", pid);
    struct buf text = {0};
    double ms = 0;

    if (file_read(path, 4096, &text)) ms = strtod(buf_cstr(&text), NULL) / 1e6;
    buf_clear(&text);
    free(path);
    return ms;
}

static double client_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct cost cost_now(int pid)
{
    return (struct cost){now_ms(), client_ms(), server_ms(pid)};
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void cost_take(struct cost *cost, struct cost begun, int pid)
{
    const struct cost now = cost_now(pid);

    cost->wall_ms = least(cost->wall_ms, now.wall_ms - begun.wall_ms);
    cost->client_ms = least(cost->client_ms, now.client_ms - begun.client_ms);
    cost->server_ms = least(cost->server_ms, now.server_ms - begun.server_ms);
}

/* A walk like that of a coin: prices of two decimals, volumes of five. */
static struct candles_series *make_candles(size_t count)
{
    struct candles_series *series = candles_series_new(CANDLES_MINUTE_MS);
    int64_t at = 3000000;

    candles_series_digits(series, 2, 5);
    for (size_t i = 0; i < count; i++) {
        const int64_t open = at + (int64_t)(draw() % 11) - 5, close = open + (int64_t)(draw() % 2001) - 1000;
        const int64_t top = open > close ? open : close, bottom = open < close ? open : close;
        const struct candles_bar bar = {(FIRST + (int64_t)i) * CANDLES_MINUTE_MS,
                                        (double)open / 100,
                                        (double)(top + (int64_t)(draw() % 500)) / 100,
                                        (double)(bottom - (int64_t)(draw() % 500)) / 100,
                                        (double)close / 100,
                                        (double)(draw() % 3000000) / 1e5};

        candles_series_add(series, &bar);
        at = close < 100000 ? 100000 : close;
    }
    return series;
}

static PGresult *sql(struct bench *bench, const char *text)
{
    PGresult *result = PQexec(bench->control, text);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK &&
        PQresultStatus(result) != PGRES_COPY_IN && PQresultStatus(result) != PGRES_COPY_OUT) {
        fprintf(stderr, "%.100s: %s", text, PQerrorMessage(bench->control));
        exit(1);
    }
    return result;
}

static double number(struct bench *bench, const char *text)
{
    PGresult *result = sql(bench, text);
    const double value = strtod(PQgetvalue(result, 0, 0), NULL);

    PQclear(result);
    return value;
}

static void copy_line(struct bench *bench, struct buf *line)
{
    if (PQputCopyData(bench->control, line->data, (int)line->len) != 1) exit(1);
    buf_reset(line);
}

static void store_rows(struct bench *bench, const struct candles *candles)
{
    struct buf line = {0};

    PQclear(sql(bench, "CREATE TABLE bench_rows (open_time timestamptz PRIMARY KEY, open double precision, high double "
                       "precision, low double precision, close double precision, volume double precision)"));
    PQclear(sql(bench, "COPY bench_rows FROM STDIN"));
    for (size_t i = 0; i < candles->count; i++) {
        const time_t seconds = (time_t)(candles->time_ms[i] / 1000);
        struct tm tm;
        char text[32];

        gmtime_r(&seconds, &tm);
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S+00", &tm);
        buf_printf(&line, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.5f\n", text, candles->open[i], candles->high[i],
                   candles->low[i], candles->close[i], candles->volume[i]);
        if (line.len > 65536) copy_line(bench, &line);
    }
    copy_line(bench, &line);
    PQputCopyEnd(bench->control, NULL);
    PQclear(PQgetResult(bench->control));
    PQclear(PQgetResult(bench->control));
    PQclear(sql(bench, "CREATE TABLE bench_numeric AS SELECT open_time, open::numeric(18, 2), high::numeric(18, 2), "
                       "low::numeric(18, 2), close::numeric(18, 2), volume::numeric(18, 5) FROM bench_rows"));
    PQclear(sql(bench, "ALTER TABLE bench_numeric ADD PRIMARY KEY (open_time)"));
    PQclear(sql(bench, "VACUUM (FREEZE, ANALYZE) bench_rows"));
    PQclear(sql(bench, "VACUUM (FREEZE, ANALYZE) bench_numeric"));
    buf_clear(&line);
}

static void store_chunks(struct bench *bench, const struct candles *candles)
{
    struct buf text = {0}, packed = {0};
    struct chunk_summary s;
    struct error err;

    PQclear(sql(bench, "INSERT INTO series (symbol, timeframe, timeframe_ms, adjusted, price_digits, lot_digits, "
                       "revision, bars, first_ms, last_ms, bytes) VALUES ('BENCH', '1m', 60000, false, 2, 5, 1, 1, 0, "
                       "0, 1)"));
    PQclear(sql(bench, "COPY candle_chunks FROM STDIN"));
    for (size_t first = 0, span; first < candles->count; first += span) {
        span = chunk_span(candles, first);
        const struct candles part = candles_view(candles, first, span);
        char hash[DIGEST_SHA256_HEX_BYTES];

        buf_reset(&packed);
        if (chunk_encode(&part, &packed, &s, &err) != 0) exit(1);
        digest_sha256_hex(packed.data, packed.len, hash);
        buf_printf(&text, "1\t%" PRId64 "\t%u\t%" PRId64 "\t%" PRId64 "\t%g\t%g\t%g\t\\\\x%s\t\\\\x", s.address, s.bars,
                   s.first_ms, s.last_ms, s.low_min, s.high_max, s.volume, hash);
        for (size_t i = 0; i < packed.len; i++) {
            buf_add_char(&text, hex_digit((unsigned char)packed.data[i] >> 4));
            buf_add_char(&text, hex_digit((unsigned char)packed.data[i]));
        }
        buf_add_char(&text, '\n');
        copy_line(bench, &text);
    }
    PQputCopyEnd(bench->control, NULL);
    PQclear(PQgetResult(bench->control));
    PQclear(PQgetResult(bench->control));
    PQclear(sql(bench, "VACUUM (FREEZE, ANALYZE) candle_chunks"));
    buf_clear(&text);
    buf_clear(&packed);
}

static void take(const char *at, void *out)
{
    uint64_t bits;

    memcpy(&bits, at, sizeof(bits));
    bits = be64toh(bits);
    memcpy(out, &bits, sizeof(bits));
}

/* The peer: a row is 2 bytes of count, then for each column 4 of length and 8 of value. */
static void copy_binary(struct bench *bench, size_t count, struct cost *cost)
{
    int64_t *times = mem_array(count, sizeof(*times));
    double *columns = mem_array(count, 5 * sizeof(*columns));
    const struct cost begun = cost_now(bench->copy_pid);
    size_t row = 0;
    char *data;
    int len;

    PQclear(sql(bench, "COPY (SELECT * FROM bench_rows ORDER BY open_time) TO STDOUT (FORMAT binary)"));
    while ((len = PQgetCopyData(bench->control, &data, 0)) > 0) {
        const char *at = data + (row == 0 && len > 19 ? 19 : 0); /* the header comes with the first row */

        if (len >= 74 && row < count) {
            take(at + 6, &times[row]);
            times[row] = times[row] / 1000 + INT64_C(946684800000);
            for (unsigned i = 0; i < 5; i++) take(at + 18 + 12 * (size_t)i, &columns[i * count + row]);
            row++;
        }
        PQfreemem(data);
    }
    PQclear(PQgetResult(bench->control));
    cost_take(cost, begun, bench->copy_pid);
    if (row != count || times[0] != (int64_t)FIRST * CANDLES_MINUTE_MS ||
        times[count - 1] - times[0] != (int64_t)(count - 1) * CANDLES_MINUTE_MS) {
        fprintf(stderr, "COPY BINARY gave %zu rows of %zu, or others\n", row, count);
        exit(1);
    }
    free(times);
    free(columns);
}

/* The same of exact decimals, as the chunks keep them; the client does not even look at them. */
static void copy_numeric(struct bench *bench, size_t count, struct cost *cost)
{
    const struct cost begun = cost_now(bench->copy_pid);
    size_t rows = 0;
    char *data;

    PQclear(sql(bench, "COPY (SELECT * FROM bench_numeric ORDER BY open_time) TO STDOUT (FORMAT binary)"));
    while (PQgetCopyData(bench->control, &data, 0) > 0) {
        rows++;
        PQfreemem(data);
    }
    PQclear(PQgetResult(bench->control));
    cost_take(cost, begun, bench->copy_pid);
    if (rows < count) exit(1);
}

static void done(void *arg, struct loaded *loaded, const struct load_failure *failure)
{
    struct bench *bench = arg;

    if (failure != NULL) {
        fprintf(stderr, "%s: %s\n", failure->code, failure->detail);
        exit(1);
    }
    bench->loaded = loaded;
    bench->has_ended = true;
}

static void load(struct bench *bench, struct cache *cache, const struct candles *candles, int64_t timeframe_ms,
                 struct cost *cost)
{
    const struct load_request request = {.symbol = SLICE_LIT("BENCH"),
                                         .timeframe_ms = timeframe_ms,
                                         .start_ms = candles->time_ms[0],
                                         .end_ms = candles->time_ms[candles->count - 1] + CANDLES_MINUTE_MS};
    const struct cost begun = cost_now(bench->own_pid);

    bench->has_ended = false;
    bench->longest_ms = 0;
    if (load_start(bench->base, bench->db, cache, &request, done, bench) == NULL) exit(1);
    while (!bench->has_ended) {
        struct timespec before, after;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
        event_base_loop(bench->base, EVLOOP_ONCE);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
        const double held =
            (double)(after.tv_sec - before.tv_sec) * 1e3 + (double)(after.tv_nsec - before.tv_nsec) / 1e6;

        if (held > bench->longest_ms) bench->longest_ms = held;
    }
    cost_take(cost, begun, bench->own_pid);
    if (timeframe_ms == CANDLES_MINUTE_MS &&
        (bench->loaded->candles.count != candles->count ||
         memcmp(bench->loaded->candles.close, candles->close, candles->count * sizeof(double)) != 0)) {
        fprintf(stderr, "other candles came than were stored\n");
        exit(1);
    }
    loaded_free(bench->loaded);
}

static void on_state(void *arg, enum db_state state, const char *reason)
{
    struct bench *bench = arg;

    (void)reason;
    bench->state = state;
}

static void open_all(struct bench *bench, const char *migration)
{
    const char *url = getenv("STRATSLAB_TEST_DATABASE_URL");
    struct buf text = {0};

    bench->control = PQconnectdb(url == NULL ? "" : url);
    if (url == NULL || PQstatus(bench->control) != CONNECTION_OK || !file_read(migration, 1 << 20, &text)) {
        fprintf(stderr, "run it by tests/with-postgres, in the source tree\n");
        exit(1);
    }
    char *down = strstr(buf_cstr(&text), "-- migrate:down");

    if (down != NULL) *down = '\0';
    PQclear(sql(bench, text.data));
    buf_clear(&text);
    bench->base = event_base_new();
    const struct db_options options = {.conninfo = url,
                                       .application_name = "bench",
                                       .limits = {10000, 60000, 10000, 10000, 64},
                                       .backoff_min_ms = 100,
                                       .backoff_max_ms = 1000,
                                       .retry_window_ms = 1000,
                                       .probe_interval_ms = 60000,
                                       .probe_timeout_ms = 60000,
                                       .statements = load_statements,
                                       .statement_count = LOAD_STATEMENTS};

    bench->db = db_new(bench->base, &options, on_state, bench);
    while (bench->state != DB_STATE_READY) event_base_loop(bench->base, EVLOOP_ONCE);
    bench->copy_pid = PQbackendPID(bench->control);
    bench->own_pid = (int)number(bench, "SELECT pid FROM pg_stat_activity WHERE application_name = 'bench'");
}

static void empty(const char *folder)
{
    cache_free(cache_new(&(struct cache_options){.folder = folder, .bytes_max = 0}));
}

static void print(const char *name, struct cost cost, struct cost peer)
{
    printf("%-20s %8.1f %8.1f %8.1f    %5.1f %5.1f\n", name, cost.wall_ms, cost.client_ms, cost.server_ms,
           peer.wall_ms / cost.wall_ms, (peer.client_ms + peer.server_ms) / (cost.client_ms + cost.server_ms));
}

int main(int argc, char **argv)
{
    const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : BARS;
    char *folder = mem_printf("%s/stratslab-bench.%d", argc > 2 ? argv[2] : "/tmp", (int)getpid());
    const struct cache_options options = {.folder = folder, .bytes_max = UINT64_C(1) << 34};
    struct bench bench = {.state = DB_STATE_CONNECTING};
    const struct cost never = {1e9, 1e9, 1e9};
    struct cost copy = never, numeric = never, memory = never, cold = never, cached = never, derived = never,
                hours = never;
    double held = 1e9, held_cached = 1e9;

    open_all(&bench, "sql/migrations/20261126120000_candles.sql");
    struct candles_series *series = make_candles(count);
    const struct candles *candles = candles_series_view(series);

    store_rows(&bench, candles);
    store_chunks(&bench, candles);
    const double rows = number(&bench, "SELECT pg_total_relation_size('bench_rows')") / (double)count;
    const double numbers = number(&bench, "SELECT pg_total_relation_size('bench_numeric')") / (double)count;
    const double chunks = number(&bench, "SELECT pg_total_relation_size('candle_chunks')") / (double)count;
    const double packed = number(&bench, "SELECT sum(octet_length(packed)) FROM candle_chunks") / (double)count;
    struct cache *cache = cache_new(&options), *none = cache_new(&(struct cache_options){.folder = NULL});

    for (unsigned round = 0; round < ROUNDS; round++) {
        copy_binary(&bench, count, &copy);
        copy_numeric(&bench, count, &numeric);
        load(&bench, none, candles, CANDLES_MINUTE_MS, &memory);
        empty(folder);
        load(&bench, cache, candles, CANDLES_MINUTE_MS, &cold);
        held = least(held, bench.longest_ms);
        load(&bench, cache, candles, CANDLES_HOUR_MS, &derived);
        load(&bench, cache, candles, CANDLES_MINUTE_MS, &cached);
        held_cached = least(held_cached, bench.longest_ms);
        load(&bench, cache, candles, CANDLES_HOUR_MS, &hours);
    }
    printf("%zu bars of a minute\n", count);
    printf(
        "bytes a candle: rows of doubles %.1f, of numeric %.1f, chunks %.1f on disk (packed %.1f): %.1f times fewer\n",
        rows, numbers, chunks, packed, rows / chunks);
    printf("%-20s %8s %8s %8s    %s\n", "ms", "wall", "client", "server", "times faster: wall, processors");
    print("COPY, doubles", copy, copy);
    print("COPY, numeric", numeric, copy);
    print("cold, in memory", memory, copy);
    print("cold, to the cache", cold, copy);
    print("cached", cached, copy);
    print("hours of minutes", derived, copy);
    print("hours, cached", hours, copy);
    printf("the loop is held for at most %.1f ms cold, %.1f ms cached\n", held, held_cached);
    empty(folder);
    rmdir(folder);
    free(folder);
    cache_free(cache);
    cache_free(none);
    candles_series_free(series);
    db_free(bench.db);
    event_base_free(bench.base);
    PQfinish(bench.control);
    return 0;
}
