#include "store/body.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/builder.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "store/compress.h"
#include "store/segment.h"
#include "store/shard_private.h"

#define LEVEL 1
#define STREAM_CHUNK (256u * 1024)
/* Descriptors up to this size are read whole; larger ones are compressed as they are read. */
#define WHOLE_MAX (1u << 20)
/* What no longer pays: a body that shrinks by less than a sixteenth stays as it is. */
#define WORTH(size) ((size) - (size) / 16)

static int out_of_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

static int checksum(struct slice octets, uint8_t out[BODY_CHECKSUM_BYTES], struct err *err)
{
    if (EVP_Digest(octets.p, octets.n, out, NULL, compress_sha256(), NULL) != 1)
        return out_of_memory(err);
    return 0;
}

int body_pack(struct slice octets, struct body_packed *out, struct err *err)
{
    struct body_packed b = {.size = octets.n, .codec = BODY_CODEC_ZSTD};
    ZSTD_CCtx *cctx = compress_context();
    size_t bound = ZSTD_compressBound(octets.n);

    if (octets.n > BODY_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "the message is too large");
    b.data = malloc(bound);
    if (b.data == NULL || cctx == NULL || checksum(octets, b.checksum, err) < 0) {
        free(b.data);
        return out_of_memory(err);
    }
    b.n = ZSTD_compressCCtx(cctx, b.data, bound, octets.p, octets.n, LEVEL);
    if (ZSTD_isError(b.n) || b.n > WORTH(octets.n)) {
        b.codec = BODY_CODEC_PLAIN;
        b.n = octets.n;
        if (octets.n > 0)
            memcpy(b.data, octets.p, octets.n);
    }
    *out = b;
    return 0;
}

static int read_fully(int fd, uint8_t *p, size_t n, uint64_t offset, struct err *err)
{
    while (n > 0) {
        ssize_t got = pread(fd, p, n, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(err, errno, "the message cannot be read");
        if (got == 0)
            return err_set(err, ERR_INVALID, "the message is shorter than announced");
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

/* Reads, hashes and compresses piece by piece: memory for what comes out only. */
static int stream_pieces(int fd, uint64_t size, ZSTD_CCtx *cctx, EVP_MD_CTX *hash, uint8_t *piece,
                         struct builder *out, struct err *err)
{
    for (uint64_t at = 0; at < size;) {
        size_t n = (size_t)MIN(size - at, STREAM_CHUNK);
        ZSTD_EndDirective end = at + n == size ? ZSTD_e_end : ZSTD_e_continue;
        ZSTD_inBuffer in = {piece, n, 0};
        size_t left;
        int rc = read_fully(fd, piece, n, at, err);

        if (rc < 0)
            return rc;
        if (EVP_DigestUpdate(hash, piece, n) != 1)
            return out_of_memory(err);
        do {
            ZSTD_outBuffer o = {build_reserve(out, STREAM_CHUNK), STREAM_CHUNK, 0};

            if (o.dst == NULL)
                return out_of_memory(err);
            left = ZSTD_compressStream2(cctx, &o, &in, end);
            if (ZSTD_isError(left))
                return err_set(err, ERR_INTERNAL, "compression failed");
            build_advance(out, o.pos);
        } while (end == ZSTD_e_end ? left > 0 : in.pos < in.size);
        at += n;
    }
    return 0;
}

static int pack_stream(int fd, uint64_t size, struct body_packed *out, struct err *err)
{
    struct body_packed b = {.size = size, .codec = BODY_CODEC_ZSTD};
    _cleanup_free_ uint8_t *piece = malloc(STREAM_CHUNK);
    ZSTD_CCtx *cctx = compress_context();
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    struct builder packed;
    int rc = -ERR_NOMEM;

    build_init(&packed, ZSTD_compressBound((size_t)size) + STREAM_CHUNK);
    if (piece == NULL || cctx == NULL || hash == NULL ||
        EVP_DigestInit_ex(hash, compress_sha256(), NULL) != 1) {
        (void)out_of_memory(err);
    } else {
        (void)ZSTD_CCtx_reset(cctx, ZSTD_reset_session_and_parameters);
        (void)ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, LEVEL);
        rc = stream_pieces(fd, size, cctx, hash, piece, &packed, err);
        (void)ZSTD_CCtx_reset(cctx, ZSTD_reset_session_and_parameters);
        if (rc == 0 && EVP_DigestFinal_ex(hash, b.checksum, NULL) != 1)
            rc = out_of_memory(err);
    }
    if (rc == 0) {
        b.data = build_take(&packed, &b.n);
        *out = b;
    }
    EVP_MD_CTX_free(hash);
    build_done(&packed);
    return rc;
}

int body_pack_fd(int fd, uint64_t size, struct body_packed *out, struct err *err)
{
    _cleanup_free_ uint8_t *whole = NULL;
    struct stat st;
    int rc;

    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "the message cannot be read");
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "the message is not in a file");
    if (size > BODY_SIZE_MAX)
        return err_set(err, ERR_LIMIT, "the message is too large");
    if (size > WHOLE_MAX)
        return pack_stream(fd, size, out, err);
    whole = malloc(MAX((size_t)size, 1));
    if (whole == NULL)
        return out_of_memory(err);
    rc = read_fully(fd, whole, (size_t)size, 0, err);
    return rc < 0 ? rc : body_pack(slice_of(whole, (size_t)size), out, err);
}

void body_packed_done(struct body_packed *b)
{
    if (b == NULL)
        return;
    free(b->data);
    *b = (struct body_packed){0};
}

/* ---- within a write ---- */

int body_insert(struct write_ctx *ctx, const struct body_packed *b, int64_t *body_id_out,
                struct err *err)
{
    struct segment_place place = {0};
    struct slice octets = slice_of(b->data, b->n);
    struct slice data = octets;
    int64_t body_id = 0;
    struct db_row r;
    int rc = shard_body_id_next(ctx, &body_id, err);

    if (rc == 0 && b->n > BODY_INLINE_MAX) {
        data = (struct slice){NULL, 0};
        rc = segments_append(ctx->shard->segments, body_id, b->codec, octets, &place, err);
    }
    if (rc == 0)
        rc = db_query(ctx->db,
                      "INSERT INTO body (body_id, refs, codec, dictionary_id, size_bytes,"
                      " stored_bytes, checksum, segment_id, segment_offset, data)"
                      " VALUES (?1, 0, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8)",
                      &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, body_id);
    db_bind_int(&r, 2, b->codec);
    db_bind_int(&r, 3, (int64_t)b->size);
    db_bind_int(&r, 4, (int64_t)b->n);
    db_bind_blob(&r, 5, slice_of(b->checksum, sizeof b->checksum));
    db_bind_int(&r, 6, place.segment_id);
    db_bind_int(&r, 7, (int64_t)place.offset);
    db_bind_blob(&r, 8, data);
    rc = db_run(&r, err);
    if (rc == 0)
        *body_id_out = body_id;
    return rc;
}

static int body_remove(struct write_ctx *ctx, int64_t body_id, int64_t segment_id,
                       uint64_t stored_bytes, struct err *err)
{
    struct db_row r;
    int rc = db_query(ctx->db, "DELETE FROM body WHERE body_id = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, body_id);
    rc = db_run(&r, err);
    if (rc == 0 && segment_id != 0)
        rc = segment_dead(ctx->db, segment_id, stored_bytes, err);
    return rc;
}

int body_ref(struct write_ctx *ctx, int64_t body_id, int64_t by, struct err *err)
{
    int64_t refs = 0, segment_id = 0, stored_bytes = 0;
    struct db_row r;
    int rc = db_query(ctx->db,
                      "UPDATE body SET refs = refs + ?2 WHERE body_id = ?1"
                      " RETURNING refs, segment_id, stored_bytes",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, body_id);
    db_bind_int(&r, 2, by);
    rc = db_step(&r, err);
    if (rc == 1) {
        refs = db_int(&r, 0);
        segment_id = db_int(&r, 1);
        stored_bytes = db_int(&r, 2);
    }
    db_done(&r);
    /* What is lost already needs no erasing, and must not keep the rest from it. */
    if (rc == 0 && by >= 0)
        return err_set(err, ERR_DAMAGED, "stored data is damaged");
    if (rc == 1 && refs <= 0)
        return body_remove(ctx, body_id, segment_id, (uint64_t)stored_bytes, err);
    return rc < 0 ? rc : 0;
}

/* ---- reading ---- */

/* A row of `body`, its octets as stored in memory of its own. */
struct body_row {
    int codec;
    uint64_t size;
    uint64_t stored_bytes;
    uint8_t checksum[BODY_CHECKSUM_BYTES];
    struct segment_place place;
    uint8_t *stored;
};

static int row_load(struct db_row *r, struct body_row *row, struct err *err)
{
    struct slice sum = db_blob(r, 3), data = db_blob(r, 6);

    row->codec = (int)db_int(r, 0);
    row->size = (uint64_t)db_int(r, 1);
    row->stored_bytes = (uint64_t)db_int(r, 2);
    row->place = (struct segment_place){db_int(r, 4), (uint64_t)db_int(r, 5)};
    if (sum.n != sizeof row->checksum || row->size > BODY_SIZE_MAX ||
        row->stored_bytes > ZSTD_compressBound(BODY_SIZE_MAX) ||
        (row->place.segment_id == 0 && data.n != row->stored_bytes))
        return err_set(err, ERR_DAMAGED, "the stored message is damaged");
    memcpy(row->checksum, sum.p, sum.n);
    row->stored = malloc(MAX((size_t)row->stored_bytes, 1));
    if (row->stored == NULL)
        return out_of_memory(err);
    if (data.n > 0)
        memcpy(row->stored, data.p, data.n);
    return 0;
}

static int row_read(struct db *db, int64_t body_id, struct body_row *row, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT codec, size_bytes, stored_bytes, checksum, segment_id,"
                      " segment_offset, data FROM body WHERE body_id = ?1",
                      &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, body_id);
        rc = db_step(&r, err);
    }
    if (rc == 1)
        rc = row_load(&r, row, err);
    else if (rc == 0)
        rc = err_set(err, ERR_NOT_FOUND, "the message is gone");
    db_done(&r);
    return rc;
}

/* row->stored to the octets before compression, checked. */
static int row_unpack(const struct body_row *row, uint8_t **out, struct err *err)
{
    _cleanup_free_ uint8_t *octets = malloc(MAX((size_t)row->size, 1));
    uint8_t sum[BODY_CHECKSUM_BYTES];
    size_t n = 0;
    int rc;

    if (octets == NULL)
        return out_of_memory(err);
    if (row->codec == BODY_CODEC_ZSTD) {
        n = ZSTD_decompress(octets, (size_t)row->size, row->stored, (size_t)row->stored_bytes);
    } else if (row->codec == BODY_CODEC_PLAIN && row->stored_bytes == row->size) {
        n = (size_t)row->size;
        memcpy(octets, row->stored, n);
    } else {
        return err_set(err, ERR_DAMAGED, "the stored message is damaged");
    }
    if (n != row->size)
        return err_set(err, ERR_DAMAGED, "the stored message is damaged");
    rc = checksum(slice_of(octets, n), sum, err);
    if (rc == 0 && memcmp(sum, row->checksum, sizeof sum) != 0)
        rc = err_set(err, ERR_DAMAGED, "the stored message is damaged");
    if (rc == 0)
        *out = TAKE_PTR(octets);
    return rc;
}

static int read_once(struct segments *segments, struct db *db, int64_t body_id,
                     struct body_row *row, uint8_t **out, struct err *err)
{
    int rc = row_read(db, body_id, row, err);

    if (rc == 0 && row->place.segment_id != 0)
        rc = segments_read(segments, row->place, body_id, row->stored, (size_t)row->stored_bytes,
                           err);
    return rc < 0 ? rc : row_unpack(row, out, err);
}

int body_read_from(struct segments *segments, const char *where, struct db *db, int64_t body_id,
                   uint8_t **out, uint64_t *n_out, struct err *err)
{
    struct body_row row = {0};
    struct err why = {0};
    int rc = read_once(segments, db, body_id, &row, out, &why);

    /* The segment may have been emptied and removed since the row was read. */
    if (rc == -ERR_NOT_FOUND && row.place.segment_id != 0) {
        free(row.stored);
        row = (struct body_row){0};
        rc = read_once(segments, db, body_id, &row, out, &why);
        if (rc == -ERR_NOT_FOUND && row.place.segment_id != 0)
            rc = err_set(&why, ERR_DAMAGED, "the stored message is damaged");
    }
    free(row.stored);
    if (rc == 0) {
        *n_out = row.size;
        return 0;
    }
    (void)err_prefix(&why, "%s body %" PRId64 " segment %" PRId64 " offset %" PRIu64, where,
                     body_id, row.place.segment_id, row.place.offset);
    if (err != NULL)
        *err = why;
    return rc;
}

int body_read(struct shard *s, struct db *db, int64_t body_id, uint8_t **out, uint64_t *n_out,
              struct err *err)
{
    return body_read_from(s->segments, s->directory, db, body_id, out, n_out, err);
}
