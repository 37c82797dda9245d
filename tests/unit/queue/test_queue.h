/* The tests of queue/, a file each; and what they share: folders, and candles that are the same each time. */
#ifndef TEST_QUEUE_H
#define TEST_QUEUE_H

#include "candles/series.h"
#include "queue/cache.h"
#include "unit.h"

extern const struct unit_part cache_tests, catalog_tests, failure_tests, job_tests, job_child_tests, job_compute_tests,
    job_forget_tests, lease_tests, load_tests, meter_tests, result_tests, sheet_tests, tell_tests;

enum { MINUTE = 60000 };

/* Adds bars of a minute each, from slot `first` on, that depend on their slot alone. */
void candles_grow(struct candles_series *series, int64_t first, size_t count);
/* A series of them, with prices of two decimals. */
struct candles_series *candles_made(int64_t first, size_t count);
/* Whether times and all values are the same. */
bool candles_same(const struct candles *a, const struct candles *b);

/* A folder of the test's own, mode 0700; folder_remove takes it away with what is in it, and frees the text. */
char *folder_make(void);
void folder_remove(char *folder);
unsigned folder_count(const char *folder, const char *prefix); /* its files that are called so */

struct sheet_about about_of(const struct candles *candles, const char *symbol, unsigned number);
/* A sheet that is full, kept and freed. */
void cache_fill(struct cache *cache, const struct sheet_about *about, const struct candles *candles);
/* Whether the cache has it, and it is sound, with these candles. */
bool cache_has(struct cache *cache, const struct sheet_about *about, const struct candles *candles);

#endif
