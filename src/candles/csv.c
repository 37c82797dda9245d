#include "candles/csv.h"

#include "base/number.h"
#include "candles/decimal.h"
#include "candles/series.h"
#include "candles/stamp.h"
#include "candles/timeframe.h"

enum { CSV_DIGITS_MAX = 20, CSV_DATE_BYTES = 10 };

const char candles_csv_head[] = "time,open,high,low,close,volume\n";

/* The date is made once a day. */
struct csv_date {
    int64_t day;
    char text[CANDLES_STAMP_BYTES];
};

static void csv_two(unsigned number, struct buf *out)
{
    buf_add_char(out, (char)('0' + number / 10));
    buf_add_char(out, (char)('0' + number % 10));
}

static void csv_time(int64_t time_ms, struct csv_date *date, struct buf *out)
{
    const int64_t day = candles_slot(time_ms, CANDLES_DAY_MS);
    const int64_t rest_ms = time_ms - candles_slot_time(day, CANDLES_DAY_MS);
    const unsigned second = (unsigned)(rest_ms / 1000);

    if (rest_ms % 1000 != 0) {
        char stamp[CANDLES_STAMP_BYTES];

        candles_stamp_format(time_ms, stamp);
        buf_add_str(out, stamp);
        return;
    }
    if (date->text[0] == '\0' || date->day != day) candles_stamp_format(time_ms, date->text);
    date->day = day;
    buf_add(out, date->text, CSV_DATE_BYTES);
    buf_add_char(out, 'T');
    csv_two(second / 3600, out);
    buf_add_char(out, ':');
    csv_two(second / 60 % 60, out);
    buf_add_char(out, ':');
    csv_two(second % 60, out);
    buf_add_char(out, 'Z');
}

/* steps / 10^digits; `keeps` zeros at the end. */
static void csv_steps(int64_t steps, int digits, bool keeps, struct buf *out)
{
    char text[CSV_DIGITS_MAX + CANDLES_DIGITS_MAX + 2];
    size_t at = sizeof(text);
    uint64_t rest = (uint64_t)steps;
    int left = digits;

    for (; left > 0 && !keeps && rest % 10 == 0; left--) rest /= 10;
    for (const int behind = left; rest > 0 || left >= 0; left--, rest /= 10) {
        if (left == 0 && behind > 0) text[--at] = '.';
        text[--at] = (char)('0' + rest % 10);
    }
    buf_add(out, text + at, sizeof(text) - at);
}

static void csv_number(double value, int digits, bool keeps, struct buf *out)
{
    char text[NUMBER_DOUBLE_TEXT_BYTES];
    int64_t steps;

    buf_add_char(out, ',');
    if (candles_decimal_steps(value, digits, &steps) && steps >= 0) {
        csv_steps(steps, digits, keeps, out);
        return;
    }
    number_format_double(value, text);
    buf_add_str(out, text);
}

void candles_csv_add(const struct candles *candles, struct buf *out)
{
    const int price_digits = candles->price_digits, lot_digits = candles_step_digits(candles->lot);
    struct csv_date date = {0};

    for (size_t i = 0; i < candles->count; i++) {
        csv_time(candles->time_ms[i], &date, out);
        csv_number(candles->open[i], price_digits, true, out);
        csv_number(candles->high[i], price_digits, true, out);
        csv_number(candles->low[i], price_digits, true, out);
        csv_number(candles->close[i], price_digits, true, out);
        csv_number(candles->volume[i], lot_digits, false, out);
        buf_add_char(out, '\n');
    }
}
