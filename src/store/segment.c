/* Invariants:
 * 1. A row of `body` with a segment refers to octets that were synced before its commit.
 * 2. size_bytes of a segment's row is the end of the last committed record; only the current (the
 *    highest) segment grows.
 * 3. A file is unlinked only after the commit that removed its row.
 * 4. After a failed write or sync the handle is closed and the octets count as lost: the tail is
 *    cut and never synced a second time.
 * 5. While the shard is open no id of a committed segment is given to another one: the file of the
 *    older may still wait to be unlinked, or be open for a reader. */
#include "store/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"
#include "store/segment_io.h"

#define OPEN_FILES_MAX 128u

/* A file open for reading; kept for the next reader. */
struct open_file {
    int64_t segment_id;
    int fd;
    unsigned users;
    uint64_t used_at;
};

struct retired {
    int64_t segment_id;
    int64_t due_ns; /* monotonic */
};

struct pending {
    uint8_t header[SEGMENT_HEADER];
    struct slice octets;
};

struct segments {
    int dir_fd;

    /* the writer's */
    int64_t current; /* 0: none yet */
    int64_t highest; /* that a commit accounted for since the start */
    int fd;          /* of the current one, -1 when closed */
    uint64_t size;   /* with what is queued */
    uint64_t committed;
    struct pending *queue;
    size_t queue_n, queue_cap;
    struct retired *retired;
    size_t retired_n, retired_cap;
    int64_t compact_above; /* segments up to this one are not looked at again */

    pthread_mutex_t mutex; /* guards what follows */
    struct open_file files[OPEN_FILES_MAX];
    uint64_t tick;
};

static void file_name(char name[32], int64_t segment_id)
{
    (void)snprintf(name, 32, "%08" PRId64 ".seg", segment_id);
}

/* ---- opening ---- */

static int current_load(struct segments *s, struct db *db, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT segment_id, size_bytes FROM segment"
                      " ORDER BY segment_id DESC LIMIT 1",
                      &r, err);

    if (rc == 0)
        rc = db_step(&r, err);
    if (rc == 1) {
        s->current = db_int(&r, 0);
        s->highest = MAX(s->highest, s->current);
        s->committed = (uint64_t)db_int(&r, 1);
        s->size = s->committed;
    }
    db_done(&r);
    return rc < 0 ? rc : 0;
}

/* Opens the current segment for appending and cuts what no commit accounts for. */
static int current_open(struct segments *s, struct err *err)
{
    char name[32];
    struct stat st;

    if (s->current == 0)
        return 0;
    file_name(name, s->current);
    s->fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (s->fd < 0 || fstat(s->fd, &st) < 0)
        goto fail;
    if ((uint64_t)st.st_size < s->committed) {
        /* The missing bodies are found when they are read; new ones go elsewhere. */
        s->fd = fd_close(s->fd);
        s->size = SEGMENT_SIZE_MAX;
        return 0;
    }
    if ((uint64_t)st.st_size > s->committed && ftruncate(s->fd, (off_t)s->committed) < 0)
        goto fail;
    return 0;
fail:
    if (errno == ENOENT) {
        s->size = SEGMENT_SIZE_MAX;
        return 0;
    }
    (void)err_errno(err, errno, "the disk failed");
    s->fd = fd_close(s->fd);
    return err_prefix(err, "open segment %s", name);
}

static int row_exists(struct db *db, int64_t segment_id, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT 1 FROM segment WHERE segment_id = ?1", &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, segment_id);
        rc = db_step(&r, err);
    }
    db_done(&r);
    return rc;
}

/* Left over from a batch that was never committed, or from a compaction before a crash. */
static int strays_remove(struct segments *s, struct db *db, struct err *err)
{
    int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int rc = 0;

    if (dir == NULL) {
        (void)fd_close(fd);
        return err_errno(err, errno, "cannot read the segments folder");
    }
    for (struct dirent *e; rc >= 0 && (e = readdir(dir)) != NULL;) {
        struct slice name = slice_str(e->d_name);
        uint64_t id = 0;

        if (!slice_ends(name, SLICE(".seg")) ||
            !num_parse(slice_sub(name, 0, name.n - 4), INT64_MAX, &id))
            continue;
        rc = row_exists(db, (int64_t)id, err);
        if (rc == 0)
            (void)unlinkat(s->dir_fd, e->d_name, 0);
    }
    (void)closedir(dir);
    return rc < 0 ? rc : 0;
}

int segments_open(const char *path, struct db *db, struct segments **out, struct err *err)
{
    struct segments *s = calloc(1, sizeof *s);
    int rc = 0;

    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->fd = -1;
    s->dir_fd = -1;
    (void)pthread_mutex_init(&s->mutex, NULL);
    for (size_t i = 0; i < OPEN_FILES_MAX; i++)
        s->files[i].fd = -1;
    if (db != NULL && mkdir(path, 0700) < 0 && errno != EEXIST)
        rc = err_errno(err, errno, "cannot create %s", path);
    if (rc == 0 && (s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        rc = err_errno(err, errno, "cannot open %s", path);
    if (rc == 0 && db != NULL) {
        rc = current_load(s, db, err);
        if (rc == 0)
            rc = current_open(s, err);
        if (rc == 0)
            rc = strays_remove(s, db, err);
    }
    if (rc < 0) {
        segments_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void segments_free(struct segments *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->retired_n; i++)
        s->retired[i].due_ns = 0;
    segments_sweep(s);
    for (size_t i = 0; i < OPEN_FILES_MAX; i++)
        (void)fd_close(s->files[i].fd);
    (void)fd_close(s->fd);
    (void)fd_close(s->dir_fd);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s->queue);
    free(s->retired);
    free(s);
}

/* ---- the writer's side ---- */

int segments_begin(struct segments *s, struct err *err)
{
    s->queue_n = 0;
    s->size = MAX(s->size, s->committed);
    if (s->current != 0 && s->size < SEGMENT_SIZE_MAX && s->fd < 0)
        return err_set(err, ERR_INTERNAL, "segment is not open");
    return 0;
}

/* The name may be in use by a batch that failed before its commit: it holds nothing. */
static int segment_create(struct segments *s, struct err *err)
{
    int64_t segment_id = MAX(s->current, s->highest) + 1;
    char name[32];

    file_name(name, segment_id);
    s->fd = fd_close(s->fd);
    s->fd = openat(s->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->fd < 0 || fsync(s->dir_fd) < 0) {
        (void)err_errno(err, errno, "the disk failed");
        s->fd = fd_close(s->fd);
        return err_prefix(err, "create segment %s", name);
    }
    s->current = segment_id;
    s->committed = 0;
    s->size = 0;
    return 0;
}

int segments_append(struct segments *s, int64_t body_id, int codec, struct slice octets,
                    struct segment_place *out, struct err *err)
{
    struct pending *p;

    /* Only before the first record of a batch, so that a batch has one file to sync. */
    if (s->queue_n == 0 && (s->current == 0 || s->size >= SEGMENT_SIZE_MAX)) {
        int rc = segment_create(s, err);

        if (rc < 0)
            return rc;
    }
    if (s->queue_n == s->queue_cap) {
        size_t cap = MAX(s->queue_cap * 2, 64);
        struct pending *queue = reallocarray(s->queue, cap, sizeof *queue);

        if (queue == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
        s->queue = queue;
        s->queue_cap = cap;
    }
    p = &s->queue[s->queue_n++];
    segment_header_write(p->header, body_id, codec, octets.n);
    p->octets = octets;
    *out = (struct segment_place){s->current, s->size};
    s->size += SEGMENT_HEADER + octets.n;
    return 0;
}

size_t segments_mark(const struct segments *s)
{
    return s->queue_n;
}

void segments_undo(struct segments *s, size_t mark)
{
    while (s->queue_n > mark)
        s->size -= SEGMENT_HEADER + s->queue[--s->queue_n].octets.n;
}

static int queue_write(struct segments *s, struct err *err)
{
    _cleanup_free_ struct iovec *iov = calloc(s->queue_n * 2, sizeof *iov);
    uint64_t start = s->size;
    int rc;

    if (iov == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < s->queue_n; i++) {
        struct pending *p = &s->queue[i];

        iov[2 * i] = (struct iovec){p->header, SEGMENT_HEADER};
        iov[2 * i + 1] = (struct iovec){(void *)(uintptr_t)p->octets.p, p->octets.n};
        start -= SEGMENT_HEADER + p->octets.n;
    }
    rc = segment_io_write(s->fd, iov, s->queue_n * 2, start, err);
    if (rc == 0 && fdatasync(s->fd) < 0)
        rc = err_errno(err, errno, "the disk failed");
    if (rc < 0)
        return err_prefix(err, "write segment %" PRId64, s->current);
    return 0;
}

int segments_flush(struct segments *s, struct db *db, struct err *err)
{
    struct db_row r;
    int rc;

    if (s->queue_n == 0)
        return 0;
    rc = queue_write(s, err);
    if (rc < 0)
        return rc;
    rc = db_query(db,
                  "INSERT INTO segment (segment_id, size_bytes, dead_bytes) VALUES (?1, ?2, 0)"
                  " ON CONFLICT (segment_id) DO UPDATE SET size_bytes = excluded.size_bytes",
                  &r, err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, s->current);
    db_bind_int(&r, 2, (int64_t)s->size);
    return db_run(&r, err);
}

void segments_committed(struct segments *s)
{
    if (s->queue_n > 0) {
        s->committed = s->size;
        s->highest = MAX(s->highest, s->current);
    }
    s->queue_n = 0;
}

void segments_abandon(struct segments *s)
{
    s->queue_n = 0;
    s->fd = fd_close(s->fd);
}

int segments_recover(struct segments *s, struct db *db, struct err *err)
{
    int rc;

    segments_abandon(s);
    s->current = 0;
    s->size = 0;
    s->committed = 0;
    rc = current_load(s, db, err);
    return rc < 0 ? rc : current_open(s, err);
}

int segment_dead(struct db *db, int64_t segment_id, uint64_t stored_bytes, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "UPDATE segment SET dead_bytes = dead_bytes + ?2 WHERE segment_id = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, segment_id);
    db_bind_int(&r, 2, (int64_t)(stored_bytes + SEGMENT_HEADER));
    return db_run(&r, err);
}

int segment_compactable(struct segments *s, struct db *db, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT segment_id FROM segment WHERE segment_id < ?1 AND segment_id > ?2"
                      " AND dead_bytes * 2 > size_bytes ORDER BY segment_id LIMIT 1",
                      &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, s->current);
        db_bind_int(&r, 2, s->compact_above);
        rc = db_step(&r, err);
    }
    if (rc >= 0)
        *out = rc == 1 ? db_int(&r, 0) : 0;
    db_done(&r);
    return rc < 0 ? rc : 0;
}

void segment_compact_never(struct segments *s, int64_t segment_id)
{
    s->compact_above = segment_id;
}

void segment_retire(struct segments *s, int64_t segment_id, int64_t delay_ns)
{
    if (s->retired_n == s->retired_cap) {
        size_t cap = MAX(s->retired_cap * 2, 8);
        struct retired *retired = reallocarray(s->retired, cap, sizeof *retired);

        if (retired == NULL)
            return; /* the file is removed at the next start */
        s->retired = retired;
        s->retired_cap = cap;
    }
    s->retired[s->retired_n++] = (struct retired){segment_id, clock_mono_ns() + delay_ns};
}

/* Gives up what is kept open of a segment, so that its room on the disk is free once it is
 * unlinked. False while somebody reads. */
static bool file_drop(struct segments *s, int64_t segment_id)
{
    bool dropped = true;

    (void)pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < OPEN_FILES_MAX; i++) {
        struct open_file *f = &s->files[i];

        if (f->fd < 0 || f->segment_id != segment_id)
            continue;
        dropped = f->users == 0;
        if (dropped)
            f->fd = fd_close(f->fd);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return dropped;
}

void segments_sweep(struct segments *s)
{
    int64_t now = clock_mono_ns();
    size_t kept = 0;

    for (size_t i = 0; i < s->retired_n; i++) {
        char name[32];

        if (s->retired[i].due_ns > now || !file_drop(s, s->retired[i].segment_id)) {
            s->retired[kept++] = s->retired[i];
            continue;
        }
        file_name(name, s->retired[i].segment_id);
        (void)unlinkat(s->dir_fd, name, 0);
    }
    s->retired_n = kept;
}

/* ---- any thread ---- */

/* A slot that holds the segment, or a free one, or the one that was used longest ago; NULL when all
 * are in use. Called with the mutex held. */
static struct open_file *file_slot(struct segments *s, int64_t segment_id)
{
    struct open_file *best = NULL;

    for (size_t i = 0; i < OPEN_FILES_MAX; i++) {
        struct open_file *f = &s->files[i];

        if (f->fd >= 0 && f->segment_id == segment_id)
            return f;
        if (f->users == 0 && (best == NULL || f->used_at < best->used_at))
            best = f;
    }
    return best;
}

static int file_use(struct segments *s, int64_t segment_id, struct open_file **out, struct err *err)
{
    struct open_file *f;
    int rc = 0;

    (void)pthread_mutex_lock(&s->mutex);
    f = file_slot(s, segment_id);
    if (f == NULL) {
        rc = err_set(err, ERR_UNAVAILABLE, "too many readers");
    } else if (f->fd < 0 || f->segment_id != segment_id) {
        char name[32];

        f->fd = fd_close(f->fd);
        f->used_at = 0;
        file_name(name, segment_id);
        f->fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        f->segment_id = segment_id;
        if (f->fd < 0)
            rc = err_errno(err, errno, "the message is not readable");
    }
    if (rc == 0) {
        f->users++;
        f->used_at = ++s->tick;
        *out = f;
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return rc;
}

static void file_leave(struct segments *s, struct open_file *f)
{
    (void)pthread_mutex_lock(&s->mutex);
    f->users--;
    (void)pthread_mutex_unlock(&s->mutex);
}

static int record_read(int fd, uint64_t offset, struct segment_record *out, struct err *err)
{
    uint8_t header[SEGMENT_HEADER];
    int rc = segment_io_read(fd, header, sizeof header, offset, err);

    if (rc == 0 && !segment_header_read(header, out))
        rc = err_set(err, ERR_DAMAGED, "stored data is damaged");
    return rc;
}

int segments_record_at(struct segments *s, struct segment_place place, struct segment_record *out,
                       struct err *err)
{
    struct open_file *f;
    int rc = file_use(s, place.segment_id, &f, err);

    if (rc < 0)
        return rc;
    rc = record_read(f->fd, place.offset, out, err);
    file_leave(s, f);
    return rc;
}

int segments_read(struct segments *s, struct segment_place place, int64_t body_id, uint8_t *buf,
                  size_t n, struct err *err)
{
    struct segment_record record;
    struct open_file *f;
    int rc = file_use(s, place.segment_id, &f, err);

    if (rc < 0)
        return rc;
    rc = record_read(f->fd, place.offset, &record, err);
    if (rc == 0 && (record.body_id != body_id || record.length != n))
        rc = err_set(err, ERR_DAMAGED, "stored data is damaged");
    if (rc == 0)
        rc = segment_io_read(f->fd, buf, n, place.offset + SEGMENT_HEADER, err);
    file_leave(s, f);
    return rc;
}

int segments_file_size(struct segments *s, int64_t segment_id, uint64_t *out, struct err *err)
{
    struct open_file *f;
    struct stat st;
    int rc = file_use(s, segment_id, &f, err);

    if (rc < 0)
        return rc;
    if (fstat(f->fd, &st) < 0)
        rc = err_errno(err, errno, "the disk failed");
    else
        *out = (uint64_t)st.st_size;
    file_leave(s, f);
    return rc;
}
