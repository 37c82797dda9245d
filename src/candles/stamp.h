/*
 * Times as files have them. Numbers since 1970 are told apart by their size, each for itself, because files are glued
 * together from years in which the unit was another one: up to 9,223,372,036 they are seconds, up to a thousand times
 * that milliseconds, then microseconds, then nanoseconds (each unit reaches to 2262). Dates and times of the day are
 * those of ISO 8601 and its relatives:
 *
 *     2024-01-31  2024/1/31  2024.01.31  20240131  31.01.2024
 *     … 09:30  09:30:00  09:30:00.000  0930  093000  9-AM         behind a space or T, or in a cell of its own
 *     … Z  +01:00  -0500  UTC  GMT+0100                            else the time is a local one
 */
#ifndef CANDLES_STAMP_H
#define CANDLES_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum candles_stamp_kind {
    CANDLES_STAMP_INSTANT, /* in UTC */
    CANDLES_STAMP_LOCAL,   /* what a clock on the wall shows: a zone says when that is */
    CANDLES_STAMP_DAY,     /* a date alone: a day, whatever the zone */
};

struct candles_stamp {
    enum candles_stamp_kind kind;
    int64_t time_ms; /* of CANDLES_STAMP_LOCAL as if the clock were in UTC */
    bool is_whole;   /* false if the text is finer than milliseconds, and that was cut off */
};

/* `clock` is the cell of the time of the day if the date has one of its own, else absent. False if the text is not
 * such a time, is a date that does not exist, or lies outside of CANDLES_TIME_MIN_MS to _MAX_MS. */
bool candles_stamp_parse(struct slice text, struct slice clock, struct candles_stamp *ret_stamp) ATTR_CHECKED;

/* Days since 1970-01-01 of a date in the Gregorian calendar; month from 1, and the day may lie beyond its month. */
int64_t candles_days(int64_t year, int month, int day);
bool candles_is_leap(int64_t year);
/* The date of a day. */
void candles_date(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);

enum { CANDLES_STAMP_BYTES = 32 };

/* "2024-01-31T09:30:00Z" (RFC 3339), with milliseconds if there are any; NUL-terminated. */
void candles_stamp_format(int64_t time_ms, char out[CANDLES_STAMP_BYTES]);

#endif
