/* Bodies: the octets of messages. Compressed and hashed before the transaction, by the thread that
 * received them; written inside it by the writer; read by anybody.
 *
 * Small ones (BODY_INLINE_MAX stored octets and below) stand in the shard's database, larger ones
 * in append-only segment files beside it, which are synced before the commit. The checksum is
 * SHA-256 of the octets before compression: with the processor's instructions for it 1.8 GB/s,
 * where BLAKE2b makes 0.95 (and OpenSSL 3.0 has BLAKE2b with 512 bits only). */
#pragma once

#include "base/err.h"
#include "store/shard.h"

#define BODY_INLINE_MAX (4u * 1024)
#define BODY_SIZE_MAX (UINT64_C(1) << 30)
#define BODY_CHECKSUM_BYTES 32

enum body_codec { BODY_CODEC_PLAIN = 0, BODY_CODEC_ZSTD = 1 };

struct segments;

/* A body ready to be written; owned by the delivery, and alive until the write is done. */
struct body_packed {
    uint8_t *data; /* compressed */
    size_t n;
    int codec;
    uint64_t size; /* before compression */
    uint8_t checksum[BODY_CHECKSUM_BYTES];
};

/* From memory, or from a descriptor (a regular file, read from its start, exactly `size` octets; it
 * may be hostile and change meanwhile: it is read once). fails: ERR_IO, ERR_NOMEM, ERR_INVALID (not
 * a regular file, too short), ERR_LIMIT (above BODY_SIZE_MAX). */
int body_pack(struct slice octets, struct body_packed *out, struct err *err) WARN_UNUSED;
int body_pack_fd(int fd, uint64_t size, struct body_packed *out, struct err *err) WARN_UNUSED;
void body_packed_done(struct body_packed *b);

/* Within a write: stores it with refs 0 and gives its id. message_add then counts references. */
int body_insert(struct write_ctx *ctx, const struct body_packed *b, int64_t *body_id_out,
                struct err *err) WARN_UNUSED;
/* Within a write: changes the count of references; at 0 the body is removed. fails: ERR_DAMAGED
 * when one that is not there shall get more. */
int body_ref(struct write_ctx *ctx, int64_t body_id, int64_t by, struct err *err) WARN_UNUSED;

/* The whole body, decompressed and checked, in malloc'd memory of *n_out octets: the caller frees.
 * fails: ERR_DAMAGED (the detail says where), ERR_NOT_FOUND, ERR_IO. */
int body_read(struct shard *s, struct db *db, int64_t body_id, uint8_t **out, uint64_t *n_out,
              struct err *err) WARN_UNUSED;

/* The same outside a shard that is open: verification. `where` names the shard in errors. */
int body_read_from(struct segments *segments, const char *where, struct db *db, int64_t body_id,
                   uint8_t **out, uint64_t *n_out, struct err *err) WARN_UNUSED;
