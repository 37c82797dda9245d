/*
 * Time. Durations and deadlines are on CLOCK_MONOTONIC, which setting the wall clock back does not move;
 * only what people or other machines read is wall-clock time.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_monotonic_ns(void);
uint64_t clock_monotonic_ms(void);
uint64_t clock_wall_us(void); /* microseconds since 1970-01-01T00:00:00Z */

enum { CLOCK_RFC3339_BYTES = 28, CLOCK_HTTP_DATE_BYTES = 30 };

/* "2026-11-23T14:03:52.123456Z" (RFC 3339), NUL-terminated. */
void clock_format_rfc3339(uint64_t wall_us, char out[CLOCK_RFC3339_BYTES]);
/* "Mon, 23 Nov 2026 14:03:52 GMT" (IMF-fixdate, RFC 9110 section 5.6.7), NUL-terminated. */
void clock_format_http_date(uint64_t wall_us, char out[CLOCK_HTTP_DATE_BYTES]);

#endif
