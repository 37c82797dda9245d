/*
 * main for fuzz targets in builds without libFuzzer: PROGRAM [-seconds=N] FILE… runs each input as it is, and then
 * changed at random (by the same numbers each time) for N seconds.
 */
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/number.h"
#include "fuzz.h"

enum { REPLAY_INPUTS_MAX = 4096, REPLAY_BYTES_MAX = 8192, REPLAY_CHANGES_MAX = 8 };

static uint64_t replay_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void replay_change(uint64_t *random, struct buf *input, const struct buf *other)
{
    const char byte = (char)replay_next(random);
    const size_t at = input->len == 0 ? 0 : replay_next(random) % input->len;

    switch (replay_next(random) % 4) {
    case 0: /* another byte */
        if (input->len > 0) input->data[at] = byte;
        break;
    case 1: /* a bit */
        if (input->len > 0) input->data[at] = (char)(input->data[at] ^ (1 << (byte & 7)));
        break;
    case 2: /* cut */
        input->len = at;
        break;
    default: /* the end of another input */
        if (other->len > 0) {
            const size_t from = replay_next(random) % other->len;

            buf_add(input, other->data + from, other->len - from);
        }
    }
    if (input->len > REPLAY_BYTES_MAX) input->len = REPLAY_BYTES_MAX;
}

/* Not base/clock.h's, which a target may have replaced. */
static uint64_t replay_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void replay_run(const struct buf *input)
{
    /* A copy of its own size, so that a sanitizer sees what is read behind its end. */
    uint8_t *exact = mem_alloc(input->len + (input->len == 0));

    if (input->len > 0) memcpy(exact, input->data, input->len);
    LLVMFuzzerTestOneInput(exact, input->len);
    free(exact);
}

int main(int argc, char **argv)
{
    static const char option[] = "-seconds=";
    struct buf *inputs = mem_array(REPLAY_INPUTS_MAX, sizeof(*inputs));
    uint64_t seconds = 0;
    uint64_t random = 0x9e3779b97f4a7c15U;
    size_t count = 0;
    size_t runs = 0;
    int status = EXIT_SUCCESS;

    for (int i = 1; i < argc && count < REPLAY_INPUTS_MAX; i++) {
        if (strncmp(argv[i], option, strlen(option)) == 0) {
            if (!number_parse_u64(slice_of(argv[i] + strlen(option)), &seconds)) status = EXIT_FAILURE;
        } else if (file_read(argv[i], REPLAY_BYTES_MAX, &inputs[count])) {
            replay_run(&inputs[count++]);
        } else {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            status = EXIT_FAILURE;
        }
    }
    const uint64_t until = replay_now_ms() + seconds * 1000;

    for (; count > 0 && replay_now_ms() < until; runs++) {
        struct buf input = {0};

        buf_add_slice(&input, buf_slice(&inputs[replay_next(&random) % count]));
        for (size_t n = 1 + replay_next(&random) % REPLAY_CHANGES_MAX; n > 0; n--) {
            replay_change(&random, &input, &inputs[replay_next(&random) % count]);
        }
        replay_run(&input);
        buf_clear(&input);
    }
    printf("Done %zu inputs, %zu changed ones\n", count, runs);
    for (size_t i = 0; i < count; i++) buf_clear(&inputs[i]);
    free(inputs);
    return count > 0 ? status : EXIT_FAILURE;
}
