#include "base/inflate.h"

#include <limits.h>
#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/mem.h"

enum { INFLATE_WINDOW_BITS = 15, INFLATE_GZIP_BITS = 16 /* zlib's way to ask for gzip's head and tail alone */ };

struct inflater {
    z_stream stream;
};

struct inflater *inflater_new(enum inflate_kind kind)
{
    struct inflater *inflater = mem_zalloc(sizeof(*inflater));
    const int bits = kind == INFLATE_GZIP ? INFLATE_WINDOW_BITS + INFLATE_GZIP_BITS : -INFLATE_WINDOW_BITS;

    if (inflateInit2(&inflater->stream, bits) != Z_OK) mem_die(sizeof(*inflater));
    return inflater;
}

void inflater_free(struct inflater *inflater)
{
    if (inflater == NULL) return;
    inflateEnd(&inflater->stream);
    free(inflater);
}

void inflater_reset(struct inflater *inflater)
{
    inflateReset(&inflater->stream);
}

static uInt inflate_bound(size_t len)
{
    return len > INT_MAX ? INT_MAX : (uInt)len;
}

enum inflate_state inflater_step(struct inflater *inflater, struct slice *in, char *out, size_t room, size_t *ret_len)
{
    z_stream *stream = &inflater->stream;
    const uInt given = inflate_bound(in->len);
    const uInt space = inflate_bound(room);

    stream->next_in = (const Bytef *)in->data;
    stream->avail_in = given;
    stream->next_out = (Bytef *)out;
    stream->avail_out = space;
    const int rc = inflate(stream, Z_NO_FLUSH); /* no progress is Z_BUF_ERROR, and no harm */

    if (rc == Z_MEM_ERROR) mem_die(0);
    if (given > stream->avail_in) in->data += given - stream->avail_in;
    in->len -= given - stream->avail_in;
    *ret_len = space - stream->avail_out;
    if (rc == Z_STREAM_END) return INFLATE_END;
    return rc == Z_OK || rc == Z_BUF_ERROR ? INFLATE_MORE : INFLATE_BROKEN;
}

uint32_t inflate_crc32(uint32_t crc, struct slice bytes)
{
    while (bytes.len > 0) {
        const uInt len = inflate_bound(bytes.len);

        crc = (uint32_t)crc32(crc, (const Bytef *)bytes.data, len);
        bytes.data += len;
        bytes.len -= len;
    }
    return crc;
}
