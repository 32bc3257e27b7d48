/* Segment files: bodies too large for the database, appended one after the other.
 *
 * SEGMENTS/NNNNNNNN.seg is a row of records: a header of SEGMENT_HEADER octets (magic, codec, body
 * id, length, check sum of the header; little-endian) and the stored octets. A row of the table
 * `body` says where a record starts. What stands behind the size that the table `segment` gives
 * belongs to no commit and is cut when the shard opens.
 *
 * The writer gathers the records of a batch and writes them with one call and one fdatasync before
 * the commit that refers to them. A file whose dead records outweigh the living is emptied by
 * copying (compaction) and unlinked a minute after the commit that no longer refers to it, so that
 * a reader with an older view still finds its octets. */
#pragma once

#include "base/env.h"
#include "base/err.h"
#include "store/db.h"

#define SEGMENT_HEADER 32u
#define SEGMENT_SIZE_MAX (128u << 20)

struct segments;

/* Where a record is. */
struct segment_place {
    int64_t segment_id;
    uint64_t offset; /* of the header */
};

/* Opens the folder, creating it when missing; cuts what no commit accounts for; removes files that
 * the database does not know. With `db` NULL nothing is changed and only reading is possible. */
int segments_open(const char *path, struct db *db, struct segments **out,
                  struct err *err) WARN_UNUSED;
void segments_free(struct segments *s);

/* ---- the writer's side, one thread ---- */

/* Starts a batch; opens a new segment when the current one is full. Within the transaction. */
int segments_begin(struct segments *s, struct err *err) WARN_UNUSED;
/* Queues a record. The octets must live until segments_flush. */
int segments_append(struct segments *s, int64_t body_id, int codec, struct slice octets,
                    struct segment_place *out, struct err *err) WARN_UNUSED;
/* How many records are queued; and dropping those behind that many. */
size_t segments_mark(const struct segments *s);
void segments_undo(struct segments *s, size_t mark);
/* Writes and syncs what is queued, and accounts for it in the table `segment`. */
int segments_flush(struct segments *s, struct db *db, struct err *err) WARN_UNUSED;
void segments_committed(struct segments *s);
/* After a failed batch: the handle is closed, since what it wrote counts as lost; then the current
 * segment is opened again and cut to what `db` accounts for. */
void segments_abandon(struct segments *s);
int segments_recover(struct segments *s, struct db *db, struct err *err) WARN_UNUSED;

/* Within a write: a record is no longer referred to. */
int segment_dead(struct db *db, int64_t segment_id, uint64_t stored_bytes,
                 struct err *err) WARN_UNUSED;
/* A closed segment of which more than half is dead; 0: none. */
int segment_compactable(struct segments *s, struct db *db, int64_t *out,
                        struct err *err) WARN_UNUSED;
/* A segment that could not be read is left alone until the next start. */
void segment_compact_never(struct segments *s, int64_t segment_id);
/* After the commit that removed its row: unlinks the file `delay_ns` later. */
void segment_retire(struct segments *s, int64_t segment_id, int64_t delay_ns);
/* Unlinks retired files whose time has come. */
void segments_sweep(struct segments *s);

/* ---- any thread ---- */

/* Reads `n` stored octets into buf, after checking the record's header.
 * fails: ERR_DAMAGED, ERR_NOT_FOUND (no such file), ERR_IO. */
int segments_read(struct segments *s, struct segment_place place, int64_t body_id, uint8_t *buf,
                  size_t n, struct err *err) WARN_UNUSED;

/* What stands at a place of a segment file, for verification. */
struct segment_record {
    int64_t body_id;
    int codec;
    uint64_t length;
};
/* Its header as it stands in the file; false when the octets are none. */
void segment_header_write(uint8_t *p, int64_t body_id, int codec, uint64_t length);
bool segment_header_read(const uint8_t *p, struct segment_record *out);
/* fails: ERR_DAMAGED when there is no whole header with a right check sum. */
int segments_record_at(struct segments *s, struct segment_place place, struct segment_record *out,
                       struct err *err) WARN_UNUSED;
/* The size of the file. */
int segments_file_size(struct segments *s, int64_t segment_id, uint64_t *out,
                       struct err *err) WARN_UNUSED;
