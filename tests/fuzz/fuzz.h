/*
 * What fuzz targets share. Each is one program: LLVMFuzzerTestOneInput gets bytes, and dies where the code under test
 * breaks a promise. `configure CC=clang --enable-fuzzing` links libFuzzer to them; any other build links replay.c,
 * which runs given inputs and simple changes to them.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test. */
#define FUZZ_CHECK(holds, ...)                                                          \
    do {                                                                                \
        if (!(holds)) {                                                                 \
            fprintf(stderr, "%s:%d: broken promise: %s: ", __FILE__, __LINE__, #holds); \
            fprintf(stderr, __VA_ARGS__);                                               \
            fputc('\n', stderr);                                                        \
            abort();                                                                    \
        }                                                                               \
    } while (0)

#endif
