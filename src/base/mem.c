#include "base/mem.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

void mem_die(size_t size)
{
    char line[96];
    int len = snprintf(line, sizeof(line), "%.32s: out of memory (%zu bytes asked for)\n",
                       program_invocation_short_name, size);

    if (len > 0) log_last_words(line, (size_t)len);
    _exit(MEM_EXIT_STATUS);
}

void *mem_alloc(size_t size)
{
    void *p = malloc(size == 0 ? 1 : size);

    if (p == NULL) mem_die(size);
    return p;
}

/* Not by calloc(3): before glibc 2.41 it passes by the small blocks that were freed last, and searches the heap. */
void *mem_zalloc(size_t size)
{
    return memset(mem_alloc(size), 0, size);
}

void *mem_array(size_t count, size_t size)
{
    void *p = calloc(count == 0 ? 1 : count, size == 0 ? 1 : size);

    if (p == NULL) mem_die(size);
    return p;
}

void *mem_realloc(void *old, size_t size)
{
    void *p = realloc(old, size == 0 ? 1 : size);

    if (p == NULL) mem_die(size);
    return p;
}

char *mem_strndup(const char *text, size_t len)
{
    char *copy = mem_alloc(len + 1);

    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_printf(const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0) mem_die(0);
    return text;
}

/* Sizes of glibc's blocks without its own 8 bytes, so that no byte of one is left out. They come to 2 MiB, which is
 * more than is free before the service begins. */
enum {
    MEM_BURN_BYTES_MIN = 24,
    MEM_BURN_BYTES_MAX = 1024,
    MEM_BURN_STEP = 16,
    MEM_BURN_EACH = 64,
    MEM_BURN_STACK_BYTES = 64 * 1024
};

/* Its frame lies where those of functions that returned were, and so must not be its caller's. */
__attribute__((noinline)) void mem_burn_stack(void)
{
    char below[MEM_BURN_STACK_BYTES];

    explicit_bzero(below, sizeof(below));
}

void mem_burn_free(void)
{
    struct block {
        struct block *next;
    } *blocks = NULL;

    for (size_t size = MEM_BURN_BYTES_MIN; size <= MEM_BURN_BYTES_MAX; size += MEM_BURN_STEP) {
        for (unsigned i = 0; i < MEM_BURN_EACH; i++) {
            struct block *block = mem_alloc(size);

            explicit_bzero(block, size);
            block->next = blocks;
            blocks = block;
        }
    }
    while (blocks != NULL) {
        struct block *next = blocks->next;

        free(blocks);
        blocks = next;
    }
    malloc_trim(0);
}
