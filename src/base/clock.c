#include "base/clock.h"

#include <stdio.h>
#include <time.h>

uint64_t clock_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ms(void)
{
    return clock_monotonic_ns() / 1000000U;
}

uint64_t clock_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

void clock_format_rfc3339(uint64_t wall_us, char out[CLOCK_RFC3339_BYTES])
{
    time_t seconds = (time_t)(wall_us / 1000000U);
    unsigned micros = (unsigned)(wall_us % 1000000U);
    struct tm tm;
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(out, CLOCK_RFC3339_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + len, CLOCK_RFC3339_BYTES - len, ".%06uZ", micros);
}

void clock_format_http_date(uint64_t wall_us, char out[CLOCK_HTTP_DATE_BYTES])
{
    /* Not strftime's %a and %b: those follow the locale. */
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(wall_us / 1000000U);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    snprintf(out, CLOCK_HTTP_DATE_BYTES, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * (tm.tm_wday % 7),
             (unsigned)tm.tm_mday % 100, months + 3 * (tm.tm_mon % 12), (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}
