#include "base/gzip.h"

#define ZLIB_CONST
#include <zlib.h>

enum { GZIP_STEP_BYTES = 64 * 1024, GZIP_WINDOW_BITS = 15 + 16 /* with gzip's head and tail, and nothing else */ };

bool gzip_read(struct slice packed, size_t max, struct buf *out)
{
    const size_t before = out->len;
    z_stream stream = {.next_in = (const Bytef *)packed.data, .avail_in = (uInt)packed.len};
    int rc = Z_OK;

    if (packed.len != stream.avail_in || inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK) return false;
    while (rc == Z_OK && out->len - before <= max) {
        stream.next_out = (Bytef *)buf_reserve(out, GZIP_STEP_BYTES);
        stream.avail_out = GZIP_STEP_BYTES;
        rc = inflate(&stream, Z_NO_FLUSH); /* no progress is Z_BUF_ERROR: the content is cut short */
        out->len += GZIP_STEP_BYTES - stream.avail_out;
    }
    const bool is_whole = rc == Z_STREAM_END && stream.avail_in == 0 && out->len - before <= max;

    inflateEnd(&stream);
    return is_whole;
}
