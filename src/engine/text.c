#include "engine/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TEXT_DIGITS_FEW = 15, TEXT_DIGITS_ALL = 17 };

void engine_number_text(double value, char out[ENGINE_NUMBER_BYTES])
{
    for (int digits = TEXT_DIGITS_FEW; digits <= TEXT_DIGITS_ALL; digits++) {
        snprintf(out, ENGINE_NUMBER_BYTES, "%.*g", digits, value == 0 ? 0 : value);
        if (strtod(out, NULL) == value || isnan(value)) return;
    }
}

void engine_number_json(double value, struct buf *out)
{
    char text[ENGINE_NUMBER_BYTES];

    if (!isfinite(value)) {
        buf_add_str(out, "null");
        return;
    }
    engine_number_text(value, text);
    buf_add_str(out, text);
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
