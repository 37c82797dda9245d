#include "engine/text.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/number.h"

void engine_number_json(double value, struct buf *out)
{
    char text[NUMBER_DOUBLE_TEXT_BYTES];

    if (!isfinite(value)) {
        buf_add_str(out, "null");
        return;
    }
    number_format_double(value == 0 ? 0 : value, text);
    buf_add_str(out, text);
}

void engine_price_text(double price, int digits, struct buf *out)
{
    const size_t at = out->len;

    buf_printf(out, "%.*f", digits, price);
    if (strtod(buf_cstr(out) + at, NULL) == price) return;
    out->len = at;
    engine_number_json(price, out);
}

void engine_time_text(int64_t time_ms, struct buf *out)
{
    const int64_t ms = ((time_ms % 1000) + 1000) % 1000;
    const time_t seconds = (time_t)((time_ms - ms) / 1000);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL) {
        buf_printf(out, "%lld", (long long)time_ms);
        return;
    }
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
               tm.tm_min, tm.tm_sec);
    if (ms != 0) buf_printf(out, ".%03d", (int)ms);
    buf_add_char(out, 'Z');
}
