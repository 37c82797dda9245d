#include "candles/unpack.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/inflate.h"
#include "base/mem.h"

enum {
    UNPACK_MAGIC_BYTES = 4,
    UNPACK_STEP_BYTES = 64 * 1024,
    ZIP_LOCAL_BYTES = 30,
    ZIP_CENTRAL_BYTES = 46,
    ZIP_END_BYTES = 22,
    ZIP_END64_BYTES = 56,
    ZIP_LOCATOR_BYTES = 20,
    ZIP_STORED = 0,
    ZIP_DEFLATED = 8,
    ZIP_ENCRYPTED = 1 << 0,
    ZIP_SIZES_BEHIND = 1 << 3,
    ZIP_EXTRA_64 = 1,
};

#define ZIP_LOCAL UINT32_C(0x04034b50)
#define ZIP_BEHIND UINT32_C(0x08074b50)
#define ZIP_CENTRAL UINT32_C(0x02014b50)
#define ZIP_END UINT32_C(0x06054b50)
#define ZIP_END64 UINT32_C(0x06064b50)
#define ZIP_LOCATOR UINT32_C(0x07064b50)
#define ZIP_IN_64 UINT32_MAX

enum unpack_state {
    UNPACK_START,      /* the first bytes are looked at */
    UNPACK_PLAIN,      /* no packing */
    UNPACK_GZIP,       /* in a member */
    UNPACK_GZIP_NEXT,  /* behind one: another may follow */
    UNPACK_ZIP_RECORD, /* a header of any kind */
    UNPACK_ZIP_STORED,
    UNPACK_ZIP_DEFLATED,
    UNPACK_ZIP_BEHIND, /* the sizes behind a member */
    UNPACK_ZIP_SKIP,   /* `skip` bytes that say nothing */
    UNPACK_ZIP_DONE,   /* after the end record */
};

/* The member that is read. */
struct unpack_member {
    bool is_passed_over, has_sizes_behind, is_64;
    uint32_t crc_said, crc;
    uint64_t left;  /* packed bytes, if they are known */
    uint64_t bytes; /* that came out */
    uint64_t bytes_said;
};

struct unpack {
    const struct unpack_sink *sink;
    void *context;
    uint64_t bytes_max, bytes;
    enum unpack_state state;
    struct buf head; /* of a record, until it is whole */
    struct inflater *inflater;
    enum inflate_kind inflater_kind;
    struct unpack_member member;
    uint64_t skip;
    uint64_t members, listed;
    char *out; /* UNPACK_STEP_BYTES */
};

struct unpack *unpack_new(const struct unpack_sink *sink, void *context, uint64_t bytes_max)
{
    struct unpack *unpack = mem_zalloc(sizeof(*unpack));

    unpack->sink = sink;
    unpack->context = context;
    unpack->bytes_max = bytes_max;
    unpack->out = mem_alloc(UNPACK_STEP_BYTES);
    return unpack;
}

void unpack_free(struct unpack *unpack)
{
    if (unpack == NULL) return;
    inflater_free(unpack->inflater);
    buf_clear(&unpack->head);
    free(unpack->out);
    free(unpack);
}

static int unpack_damaged(struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "%s: the file is damaged, or not what its first bytes say", what);
}

static void unpack_inflate_as(struct unpack *unpack, enum inflate_kind kind)
{
    if (unpack->inflater != NULL && unpack->inflater_kind == kind) {
        inflater_reset(unpack->inflater);
        return;
    }
    inflater_free(unpack->inflater);
    unpack->inflater = inflater_new(kind);
    unpack->inflater_kind = kind;
}

static int unpack_begin(struct unpack *unpack, struct slice name, struct error *err)
{
    return unpack->member.is_passed_over ? 0 : unpack->sink->begin(unpack->context, name, err);
}

static int unpack_finish(struct unpack *unpack, struct error *err)
{
    return unpack->member.is_passed_over ? 0 : unpack->sink->end(unpack->context, err);
}

/* What comes before the bound, or before damage, is given: an error is the same one however the file is cut. */
static int unpack_give(struct unpack *unpack, struct slice bytes, struct error *err)
{
    const uint64_t room = unpack->bytes_max - unpack->bytes;
    const bool is_over = bytes.len > room;

    if (is_over) bytes.len = (size_t)room;
    unpack->bytes += bytes.len;
    unpack->member.bytes += bytes.len;
    if (bytes.len > 0 && !unpack->member.is_passed_over) {
        if (unpack->sink->content(unpack->context, bytes, err) != 0) return -1;
    }
    if (!is_over) return 0;
    return error_set(err, ERROR_INVALID, "the file holds more than %" PRIu64 " bytes when it is unpacked",
                     unpack->bytes_max);
}

/* Unpacks from the front of `*in`. *ret_ended: the stream is over. */
static int unpack_inflate(struct unpack *unpack, struct slice *in, bool is_zip, bool *ret_ended, struct error *err)
{
    size_t len;

    *ret_ended = false;
    for (;;) {
        const enum inflate_state state = inflater_step(unpack->inflater, in, unpack->out, UNPACK_STEP_BYTES, &len);
        const struct slice bytes = {unpack->out, len};

        if (is_zip) unpack->member.crc = inflate_crc32(unpack->member.crc, bytes);
        if (unpack_give(unpack, bytes, err) != 0) return -1;
        if (state == INFLATE_BROKEN) return unpack_damaged(err, is_zip ? "zip" : "gzip");
        *ret_ended = state == INFLATE_END;
        /* What fitted may be all there was, or all there was room for. */
        if (*ret_ended || (in->len == 0 && len < UNPACK_STEP_BYTES)) return 0;
    }
}

static int unpack_gzip(struct unpack *unpack, struct slice *in, struct error *err)
{
    bool ended;

    if (unpack_inflate(unpack, in, false, &ended, err) != 0) return -1;
    if (ended) {
        unpack->state = UNPACK_GZIP_NEXT;
        unpack->members++;
    }
    return 0;
}

/* Members that follow one another are one content (RFC 1952 section 2.2). */
static int unpack_gzip_next(struct unpack *unpack, struct slice *in, struct error *err)
{
    /* Zeros may fill the last block of a tape. */
    while (in->len > 0 && in->data[0] == '\0') in->data++, in->len--;
    if (in->len == 0) return 0;
    if ((unsigned char)in->data[0] != 0x1f)
        return error_set(err, ERROR_INVALID, "gzip: there is other data after its end");
    unpack_inflate_as(unpack, INFLATE_GZIP);
    unpack->state = UNPACK_GZIP;
    return 0;
}

static uint64_t zip_integer(const char *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = bytes; i > 0; i--) value = value << 8 | (unsigned char)at[i - 1];
    return value;
}

static bool zip_is_passed_over(struct slice name)
{
    static const char mac[] = "__MACOSX/";
    const char *file = memrchr(name.data, '/', name.len);
    const struct slice last = file == NULL ? name : (struct slice){file + 1, name.len - (size_t)(file + 1 - name.data)};

    if (last.len == 0 || last.data[0] == '.') return true;
    return name.len >= strlen(mac) && memcmp(name.data, mac, strlen(mac)) == 0;
}

/* The sizes in the field for 64 bits, if the header's own say so. */
static int zip_extra(struct unpack_member *member, struct slice extra, struct error *err)
{
    const bool wants_bytes = member->bytes_said == ZIP_IN_64, wants_left = member->left == ZIP_IN_64;

    while (extra.len >= 4) {
        const uint64_t id = zip_integer(extra.data, 2), len = zip_integer(extra.data + 2, 2);

        extra.data += 4, extra.len -= 4;
        if (len > extra.len) break;
        if (id == ZIP_EXTRA_64) {
            member->is_64 = true;
            if (!wants_bytes && !wants_left) return 0;
            if (len < 16) break;
            member->bytes_said = zip_integer(extra.data, 8);
            member->left = zip_integer(extra.data + 8, 8);
            return 0;
        }
        extra.data += len, extra.len -= len;
    }
    return wants_bytes || wants_left ? unpack_damaged(err, "zip") : 0;
}

/* The whole local header is there, with name and extra fields. */
static int zip_local(struct unpack *unpack, struct slice head, struct error *err)
{
    const uint64_t flags = zip_integer(head.data + 6, 2), method = zip_integer(head.data + 8, 2);
    const size_t name_len = zip_integer(head.data + 26, 2), extra_len = zip_integer(head.data + 28, 2);
    const struct slice name = {head.data + ZIP_LOCAL_BYTES, name_len};
    struct unpack_member *member = &unpack->member;

    *member = (struct unpack_member){
        .is_passed_over = zip_is_passed_over(name),
        .has_sizes_behind = (flags & ZIP_SIZES_BEHIND) != 0,
        .crc_said = (uint32_t)zip_integer(head.data + 14, 4),
        .left = zip_integer(head.data + 18, 4),
        .bytes_said = zip_integer(head.data + 22, 4),
    };
    if ((flags & ZIP_ENCRYPTED) != 0)
        return error_set(err, ERROR_INVALID, "zip: a member is encrypted; unpack it first");
    if (method != ZIP_STORED && method != ZIP_DEFLATED) {
        return error_set(err, ERROR_INVALID,
                         "zip: a member is packed by method %" PRIu64 "; only stored and deflated members are read",
                         method);
    }
    if (method == ZIP_STORED && member->has_sizes_behind) {
        return error_set(err, ERROR_INVALID, "zip: a stored member does not say how long it is; unpack it first");
    }
    const struct slice extra = {name.data + name_len, extra_len};

    if (zip_extra(member, extra, err) != 0) return -1;
    unpack->members++;
    unpack->state = method == ZIP_STORED ? UNPACK_ZIP_STORED : UNPACK_ZIP_DEFLATED;
    if (method == ZIP_DEFLATED) unpack_inflate_as(unpack, INFLATE_RAW);
    return unpack_begin(unpack, name, err);
}

static int zip_member_end(struct unpack *unpack, struct error *err)
{
    const struct unpack_member *member = &unpack->member;

    if (member->crc != member->crc_said || member->bytes != member->bytes_said) return unpack_damaged(err, "zip");
    unpack->state = UNPACK_ZIP_RECORD;
    return unpack_finish(unpack, err);
}

static int zip_stored(struct unpack *unpack, struct slice *in, struct error *err)
{
    struct unpack_member *member = &unpack->member;
    const struct slice bytes = {in->data, in->len < member->left ? in->len : (size_t)member->left};

    member->crc = inflate_crc32(member->crc, bytes);
    member->left -= bytes.len;
    in->data += bytes.len, in->len -= bytes.len;
    if (unpack_give(unpack, bytes, err) != 0) return -1;
    return member->left == 0 ? zip_member_end(unpack, err) : 0;
}

static int zip_deflated(struct unpack *unpack, struct slice *in, struct error *err)
{
    bool ended;

    if (unpack_inflate(unpack, in, true, &ended, err) != 0) return -1;
    if (!ended) return 0;
    if (!unpack->member.has_sizes_behind) return zip_member_end(unpack, err);
    unpack->state = UNPACK_ZIP_BEHIND;
    return 0;
}

/* Fills `head` up to `bytes`; false if the input is not enough yet. */
static bool unpack_gather(struct unpack *unpack, struct slice *in, size_t bytes)
{
    if (unpack->head.len < bytes) {
        const size_t wanted = bytes - unpack->head.len;
        const size_t len = wanted < in->len ? wanted : in->len;

        buf_add(&unpack->head, in->data, len);
        in->data += len, in->len -= len;
    }
    return unpack->head.len >= bytes;
}

/* CRC and sizes behind a member; with a signature or without, of 32 or 64 bits. */
static int zip_behind(struct unpack *unpack, struct slice *in, struct error *err)
{
    struct unpack_member *member = &unpack->member;
    const size_t size_bytes = member->is_64 ? 8 : 4;

    if (!unpack_gather(unpack, in, 4)) return 0;
    const size_t at = zip_integer(unpack->head.data, 4) == ZIP_BEHIND ? 4 : 0;

    if (!unpack_gather(unpack, in, at + 4 + 2 * size_bytes)) return 0;
    member->crc_said = (uint32_t)zip_integer(unpack->head.data + at, 4);
    member->bytes_said = zip_integer(unpack->head.data + at + 4 + size_bytes, size_bytes);
    buf_reset(&unpack->head);
    return zip_member_end(unpack, err);
}

static int zip_done(struct unpack *unpack, uint64_t listed, uint64_t comment, struct error *err)
{
    if (listed != UINT16_MAX && listed != unpack->members) return unpack_damaged(err, "zip");
    unpack->skip = comment;
    unpack->state = UNPACK_ZIP_DONE;
    return 0;
}

/* A record whose fixed part is in `head`. */
static int zip_record(struct unpack *unpack, struct slice *in, struct error *err)
{
    static const struct {
        uint32_t signature;
        size_t bytes;
    } records[] = {
        {ZIP_LOCAL, ZIP_LOCAL_BYTES}, {ZIP_CENTRAL, ZIP_CENTRAL_BYTES}, {ZIP_END, ZIP_END_BYTES},
        {ZIP_END64, ZIP_END64_BYTES}, {ZIP_LOCATOR, ZIP_LOCATOR_BYTES},
    };
    unsigned kind = 0;

    if (!unpack_gather(unpack, in, 4)) return 0;
    const uint32_t signature = (uint32_t)zip_integer(unpack->head.data, 4);

    while (kind < countof(records) && records[kind].signature != signature) kind++;
    if (kind == countof(records)) return unpack_damaged(err, "zip");
    if (!unpack_gather(unpack, in, records[kind].bytes)) return 0;

    const char *head = unpack->head.data;

    if (signature == ZIP_LOCAL) {
        const size_t more = zip_integer(head + 26, 2) + zip_integer(head + 28, 2);

        if (!unpack_gather(unpack, in, ZIP_LOCAL_BYTES + more)) return 0;
        const int outcome = zip_local(unpack, buf_slice(&unpack->head), err);

        buf_reset(&unpack->head);
        return outcome;
    }
    int outcome = 0;

    if (signature == ZIP_CENTRAL) {
        unpack->listed++;
        unpack->skip = zip_integer(head + 28, 2) + zip_integer(head + 30, 2) + zip_integer(head + 32, 2);
        unpack->state = UNPACK_ZIP_SKIP;
    } else if (signature == ZIP_END64) {
        const uint64_t rest = zip_integer(head + 4, 8);

        if (rest < ZIP_END64_BYTES - 12) return unpack_damaged(err, "zip");
        unpack->skip = rest - (ZIP_END64_BYTES - 12);
        unpack->state = UNPACK_ZIP_SKIP;
    } else if (signature == ZIP_END) {
        outcome = unpack->listed == unpack->members
                      ? zip_done(unpack, zip_integer(head + 10, 2), zip_integer(head + 20, 2), err)
                      : unpack_damaged(err, "zip");
    }
    buf_reset(&unpack->head);
    return outcome;
}

static int zip_skip(struct unpack *unpack, struct slice *in)
{
    const size_t len = in->len < unpack->skip ? in->len : (size_t)unpack->skip;

    unpack->skip -= len;
    in->data += len, in->len -= len;
    if (unpack->skip == 0) unpack->state = UNPACK_ZIP_RECORD;
    return 0;
}

static int zip_rest(struct unpack *unpack, struct slice *in, struct error *err)
{
    const size_t len = in->len < unpack->skip ? in->len : (size_t)unpack->skip;

    unpack->skip -= len;
    in->data += len, in->len -= len;
    return in->len == 0 ? 0 : error_set(err, ERROR_INVALID, "zip: there is other data after its end");
}

/* What a file is, by its first bytes; `is_end`: there are no more. */
static int unpack_start(struct unpack *unpack, struct slice *in, bool is_end, struct error *err)
{
    if (!unpack_gather(unpack, in, UNPACK_MAGIC_BYTES) && !is_end) return 0;
    const struct slice head = buf_slice(&unpack->head);

    if (head.len >= 2 && memcmp(head.data, "\x1f\x8b", 2) == 0) {
        struct slice first = head;

        unpack->state = UNPACK_GZIP;
        unpack_inflate_as(unpack, INFLATE_GZIP);
        if (unpack_begin(unpack, SLICE_NONE, err) != 0 || unpack_gzip(unpack, &first, err) != 0) return -1;
        buf_reset(&unpack->head);
        return 0;
    }
    if (head.len == UNPACK_MAGIC_BYTES && memcmp(head.data, "PK", 2) == 0 && (head.data[2] == 3 || head.data[2] == 5)) {
        unpack->state = UNPACK_ZIP_RECORD;
        return 0;
    }
    unpack->state = UNPACK_PLAIN;
    if (unpack_begin(unpack, SLICE_NONE, err) != 0 || unpack_give(unpack, head, err) != 0) return -1;
    buf_reset(&unpack->head);
    return 0;
}

static int unpack_step(struct unpack *unpack, struct slice *in, struct error *err)
{
    struct slice all = *in;

    switch (unpack->state) {
    case UNPACK_START:
        return unpack_start(unpack, in, false, err);
    case UNPACK_PLAIN:
        in->len = 0;
        return unpack_give(unpack, all, err);
    case UNPACK_GZIP:
        return unpack_gzip(unpack, in, err);
    case UNPACK_GZIP_NEXT:
        return unpack_gzip_next(unpack, in, err);
    case UNPACK_ZIP_RECORD:
        return zip_record(unpack, in, err);
    case UNPACK_ZIP_STORED:
        return zip_stored(unpack, in, err);
    case UNPACK_ZIP_DEFLATED:
        return zip_deflated(unpack, in, err);
    case UNPACK_ZIP_BEHIND:
        return zip_behind(unpack, in, err);
    case UNPACK_ZIP_SKIP:
        return zip_skip(unpack, in);
    case UNPACK_ZIP_DONE:
        return zip_rest(unpack, in, err);
    }
    return 0;
}

int unpack_feed(struct unpack *unpack, struct slice bytes, struct error *err)
{
    while (bytes.len > 0) {
        if (unpack_step(unpack, &bytes, err) != 0) return -1;
    }
    /* An empty stored member, or an empty field, has no byte to come. */
    while ((unpack->state == UNPACK_ZIP_STORED && unpack->member.left == 0) ||
           (unpack->state == UNPACK_ZIP_SKIP && unpack->skip == 0)) {
        if (unpack_step(unpack, &bytes, err) != 0) return -1;
    }
    return 0;
}

int unpack_end(struct unpack *unpack, struct error *err)
{
    struct slice none = SLICE_LIT("");
    int outcome = 0;

    if (unpack->state == UNPACK_START) outcome = unpack_start(unpack, &none, true, err);
    if (outcome == 0 && unpack->state == UNPACK_PLAIN) {
        outcome = unpack_finish(unpack, err);
    } else if (outcome == 0 && unpack->state == UNPACK_GZIP_NEXT) {
        outcome = unpack_finish(unpack, err);
    } else if (outcome == 0 && (unpack->state != UNPACK_ZIP_DONE || unpack->skip > 0)) {
        outcome =
            error_set(err, ERROR_INVALID, "%s: the file is truncated", unpack->state == UNPACK_GZIP ? "gzip" : "zip");
    }
    unpack->state = UNPACK_START;
    unpack->bytes = unpack->members = unpack->listed = unpack->skip = 0;
    unpack->member = (struct unpack_member){0};
    buf_reset(&unpack->head);
    return outcome;
}
