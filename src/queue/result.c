#include "queue/result.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "engine/curve.h"
#include "engine/text.h"

enum { RESULT_PIECE_BYTES = 256 * 1024, RESULT_TRADES_TOLD = 4096 };

/* What was made is written when it is a piece. The first error stays. */
struct result_writer {
    const struct result_subject *subject;
    struct buf made;
    int fd;
    int problem; /* errno of the first write that failed */
    bool is_first;
};

static void result_flush(struct result_writer *w)
{
    size_t done = 0;

    while (done < w->made.len && w->problem == 0) {
        const ssize_t n = write(w->fd, w->made.data + done, w->made.len - done);

        if (n < 0 && errno != EINTR) w->problem = errno;
        if (n == 0) w->problem = ENOSPC;
        if (n > 0) done += (size_t)n;
    }
    buf_reset(&w->made);
}

static void result_made(struct result_writer *w)
{
    if (w->made.len >= RESULT_PIECE_BYTES) result_flush(w);
}

static void result_tell(const struct result_writer *w, double share)
{
    if (w->subject->progress != NULL) w->subject->progress(w->subject->progress_arg, share);
}

/* The numbers have the text of engine_trades_csv. */
static void result_trade(const struct engine_trade *t, size_t n, int price_digits, struct buf *out)
{
    buf_printf(out, "{\"n\":%zu,\"side\":\"%s\",\"quantity\":", n, t->side > 0 ? "long" : "short");
    engine_number_json(t->quantity, out);
    buf_add_str(out, ",\"entry_time\":\"");
    engine_time_text(t->entry_time, out);
    buf_add_str(out, "\",\"entry_price\":");
    engine_price_text(t->entry_price, price_digits, out);
    buf_printf(out, ",\"entry_reason\":\"%s\"", engine_reason_name(t->entry_reason));
    if (t->exit_reason != ENGINE_REASON_NONE) {
        buf_add_str(out, ",\"exit_time\":\"");
        engine_time_text(t->exit_time, out);
        buf_add_str(out, "\",\"exit_price\":");
        engine_price_text(t->exit_price, price_digits, out);
        buf_printf(out, ",\"exit_reason\":\"%s\"", engine_reason_name(t->exit_reason));
    }
    buf_add_str(out, ",\"pnl\":");
    engine_number_json(t->pnl, out);
    buf_add_str(out, ",\"fees\":");
    engine_number_json(t->fees, out);
    buf_printf(out, ",\"bars\":%zu}", t->exit_bar - t->entry_bar);
}

static void result_trades(struct result_writer *w)
{
    const struct engine_result *result = w->subject->result;

    buf_add_str(&w->made, ",\n\"trades\":[");
    for (size_t i = 0; i < result->trade_count && w->problem == 0; i++) {
        buf_add_str(&w->made, i == 0 ? "\n" : ",\n");
        result_trade(&result->trades[i], i + 1, w->subject->job->candles->price_digits, &w->made);
        result_made(w);
        if (i % RESULT_TRADES_TOLD == 0) result_tell(w, 0.5 * (double)i / (double)result->trade_count);
    }
    buf_add_char(&w->made, ']');
}

static int64_t result_point_time(const void *arg, size_t point)
{
    return engine_point_time(arg, point);
}

static void result_piece(void *arg, const struct curve_piece *piece)
{
    struct result_writer *w = arg;

    buf_printf(&w->made, "%s{\"level\":%u,\"piece\":%u,\"points\":%u,\"packed\":\"", w->is_first ? "\n" : ",\n",
               piece->level, piece->piece, piece->points);
    base64_add(piece->packed, &w->made);
    buf_add_str(&w->made, "\"}");
    w->is_first = false;
    result_made(w);
}

static int result_equity(struct result_writer *w, struct error *err)
{
    const struct curve_source source = {.count = w->subject->result->point_count,
                                        .equity = w->subject->result->equity,
                                        .time_ms = result_point_time,
                                        .arg = w->subject->job};

    buf_add_str(&w->made, ",\n\"equity\":[");
    w->is_first = true;
    if (curve_pack(&source, result_piece, w, err) != 0) return -1;
    buf_add_str(&w->made, "]}\n");
    return 0;
}

int result_write(const struct result_subject *subject, int fd, struct error *err)
{
    struct result_writer w = {.subject = subject, .fd = fd};
    int status;

    buf_printf(&w.made, "{\"engine\":\"%s\",\"data\":\"%s\",\"result_hash\":\"%s\",\n\"read\":", ENGINE_VERSION,
               subject->fingerprint, subject->result->hash);
    buf_add_slice(&w.made, subject->read);
    buf_add_str(&w.made, ",\n\"metrics\":");
    engine_metrics_json(&subject->result->metrics, &w.made);
    result_trades(&w);
    result_tell(&w, 0.5);
    status = result_equity(&w, err);
    if (status == 0) result_flush(&w);
    buf_clear(&w.made);
    if (status == 0 && w.problem != 0) {
        errno = w.problem;
        return error_set_errno(err, "the result cannot be written");
    }
    return status;
}
