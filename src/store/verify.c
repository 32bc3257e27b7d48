/* A class of problems is one statement that selects the offenders: up to three numbers, which go
 * into the description. All statements run in one read transaction, so that a shard in use is seen
 * as of one commit. A damaged page stops its statement, not the others; when it stops a scan over
 * bodies, the scan goes on behind it.
 *
 * Files and bodies take long and are read without a transaction, which would keep the log of a
 * shard in use from ever starting over: each row is looked up right before, and again when what it
 * names is not there, since a segment may have been emptied and removed meanwhile. */
#include "store/verify.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "store/body.h"
#include "store/segment.h"
#include "store/shard_private.h"
#include "store/verify_private.h"

#define PROGRESS_EVERY 100
#define SCAN_FAILURES_MAX 64
#define SCAN_SKIP_MAX (INT64_C(1) << 24)

#define ADVICE_COUNTS "the listing may be wrong; the mail is not affected"
#define ADVICE_RESTORE "restore what is named from a backup"
#define ADVICE_HARMLESS "takes room only"

static const struct verify_check checks[] = {
    {"mailbox counts", "account %lld mailbox %lld: total, deleted, unseen, unread or size is wrong",
     ADVICE_COUNTS,
     "SELECT b.account_id, b.mailbox_id, 0 FROM mailbox b LEFT JOIN (SELECT account_id, mailbox_id,"
     " sum((flags & 8) = 0) total, sum((flags & 8) != 0) deleted, sum((flags & 1) = 0) unseen,"
     " sum((flags & 9) = 0) unread, sum(size_bytes) size FROM message WHERE expunged_ns = 0"
     " GROUP BY account_id, mailbox_id) m"
     " ON m.account_id = b.account_id AND m.mailbox_id = b.mailbox_id"
     " WHERE b.total != coalesce(m.total, 0) OR b.deleted != coalesce(m.deleted, 0)"
     " OR b.unseen != coalesce(m.unseen, 0) OR b.unread != coalesce(m.unread, 0)"
     " OR b.size_bytes != coalesce(m.size, 0)"},
    {"account size", "account %lld: %lld octets are counted, its messages have %lld",
     "the quota is applied to a wrong number",
     "SELECT a.account_id, a.size_bytes, coalesce(m.size, 0) + coalesce(e.size, 0) FROM account a"
     " LEFT JOIN (SELECT account_id, sum(size_bytes) size FROM message WHERE expunged_ns = 0"
     " GROUP BY account_id) m ON m.account_id = a.account_id"
     " LEFT JOIN (SELECT account_id, sum(size_bytes) size FROM erase_pending GROUP BY account_id) e"
     " ON e.account_id = a.account_id"
     " WHERE a.size_bytes != coalesce(m.size, 0) + coalesce(e.size, 0)"},
    {"account messages", "account %lld: %lld messages are counted, it has %lld", ADVICE_COUNTS,
     "SELECT a.account_id, a.messages, coalesce(m.n, 0) FROM account a LEFT JOIN"
     " (SELECT account_id, count(*) n FROM message WHERE expunged_ns = 0 GROUP BY account_id) m"
     " ON m.account_id = a.account_id WHERE a.messages != coalesce(m.n, 0)"},
    {"account of mailbox", "account %lld mailbox %lld: there is no such account", ADVICE_RESTORE,
     "SELECT b.account_id, b.mailbox_id, 0 FROM mailbox b LEFT JOIN account a"
     " ON a.account_id = b.account_id WHERE a.account_id IS NULL"},
    {"uid", "account %lld mailbox %lld uid %lld is not below UIDNEXT",
     "clients may miss mail: recreate the mailbox",
     "SELECT m.account_id, m.mailbox_id, m.uid FROM message m JOIN mailbox b"
     " ON b.account_id = m.account_id AND b.mailbox_id = m.mailbox_id"
     " WHERE m.uid >= b.uidnext OR m.uid < 1"},
    {"uidvalidity", "account %lld mailbox %lld: UIDVALIDITY %lld was not given out yet",
     "recreate the mailbox",
     "SELECT b.account_id, b.mailbox_id, b.uidvalidity FROM mailbox b JOIN account a"
     " ON a.account_id = b.account_id WHERE b.uidvalidity >= a.uidvalidity_next"
     " OR b.uidvalidity < 1"},
    {"modseq", "account %lld mailbox %lld: a mod-sequence is out of order (%lld)",
     "clients may miss changes: let them resynchronise",
     "SELECT b.account_id, b.mailbox_id, b.modseq FROM mailbox b JOIN account a"
     " ON a.account_id = b.account_id WHERE b.modseq > a.modseq OR b.modseq < b.create_modseq"
     " OR b.create_modseq < 1"},
    {"message modseq", "account %lld mailbox %lld uid %lld: mod-sequence out of order",
     "clients may miss changes: let them resynchronise",
     "SELECT m.account_id, m.mailbox_id, m.uid FROM message m JOIN mailbox b"
     " ON b.account_id = m.account_id AND b.mailbox_id = m.mailbox_id"
     " WHERE m.modseq > b.modseq OR m.modseq < m.create_modseq OR m.create_modseq < 1"},
    {"mailbox of message", "account %lld mailbox %lld uid %lld: there is no such mailbox",
     ADVICE_RESTORE,
     "SELECT m.account_id, m.mailbox_id, m.uid FROM message m LEFT JOIN mailbox b"
     " ON b.account_id = m.account_id AND b.mailbox_id = m.mailbox_id"
     " WHERE b.mailbox_id IS NULL AND m.expunged_ns = 0"},
    {"mailbox parent", "account %lld mailbox %lld: its parent %lld is missing or has another name",
     "rename the mailbox",
     "SELECT b.account_id, b.mailbox_id, b.parent_id FROM mailbox b LEFT JOIN mailbox p"
     " ON p.account_id = b.account_id AND p.mailbox_id = b.parent_id"
     " WHERE (b.parent_id = 0) != (instr(b.name, '/') = 0) OR (b.parent_id != 0 AND"
     " (p.mailbox_id IS NULL OR substr(b.name, 1, length(p.name) + 1) != p.name || '/'"
     " OR instr(substr(b.name, length(p.name) + 2), '/') > 0))"},
    {"ids", "account %lld: an id is at or above its counter (content %lld, mailbox %lld)",
     "stop the store and restore the counters from a backup",
     "SELECT a.account_id, coalesce(c.top, 0), coalesce(b.top, 0) FROM account a"
     " LEFT JOIN (SELECT account_id, max(content_id) top FROM content GROUP BY account_id) c"
     " ON c.account_id = a.account_id"
     " LEFT JOIN (SELECT account_id, max(mailbox_id) top FROM mailbox GROUP BY account_id) b"
     " ON b.account_id = a.account_id"
     " WHERE c.top >= a.content_next OR b.top >= a.mailbox_next"},
    {"content of message", "account %lld mailbox %lld uid %lld: its content is missing",
     ADVICE_RESTORE,
     "SELECT m.account_id, m.mailbox_id, m.uid FROM message m LEFT JOIN content c"
     " ON c.account_id = m.account_id AND c.content_id = m.content_id WHERE c.content_id IS NULL"},
    {"message size", "account %lld mailbox %lld uid %lld: size is not that of prefix and body",
     "clients may cut the message",
     "SELECT m.account_id, m.mailbox_id, m.uid FROM message m JOIN content c"
     " ON c.account_id = m.account_id AND c.content_id = m.content_id"
     " JOIN body b ON b.body_id = c.body_id WHERE m.size_bytes != length(c.prefix) + b.size_bytes"},
    {"content refs", "account %lld content %lld: references are wrong (%lld)",
     "it may be erased too early or never",
     "SELECT c.account_id, c.content_id, c.refs FROM content c LEFT JOIN (SELECT account_id,"
     " content_id, count(*) n FROM message GROUP BY account_id, content_id) m"
     " ON m.account_id = c.account_id AND m.content_id = c.content_id"
     " WHERE c.refs != coalesce(m.n, 0)"},
    {"body of content", "account %lld content %lld: its body %lld is missing", ADVICE_RESTORE,
     "SELECT c.account_id, c.content_id, c.body_id FROM content c LEFT JOIN body b"
     " ON b.body_id = c.body_id WHERE b.body_id IS NULL"},
    {"body refs", "body %lld: %lld references are counted, there are %lld",
     "it may be erased too early or never",
     "SELECT b.body_id, b.refs, coalesce(c.n, 0) FROM body b LEFT JOIN (SELECT body_id, count(*) n"
     " FROM content GROUP BY body_id) c ON c.body_id = b.body_id WHERE b.refs != coalesce(c.n, 0)"},
    {"thread", "account %lld content %lld: thread %lld is not one of the account's",
     "conversations are shown wrong",
     "SELECT c.account_id, c.content_id, c.thread_id FROM content c JOIN account a"
     " ON a.account_id = c.account_id WHERE c.thread_id < 1 OR c.thread_id >= a.thread_next"
     " OR c.parent_id = c.content_id OR c.parent_id < 0"},
    {"thread keys", "account %lld: keys are said to be done up to content %lld, which never was",
     "answers to new mail do not find their conversation",
     "SELECT account_id, keys_done FROM account WHERE keys_done >= content_next"},
    {"change log", "account %lld: change %lld is above the account's mod-sequence %lld",
     "let clients resynchronise",
     "SELECT c.account_id, c.modseq, a.modseq FROM change c JOIN account a"
     " ON a.account_id = c.account_id WHERE c.modseq > a.modseq OR c.n < 1"},
    {"erasing", "account %lld mailbox %lld uid %lld: to be erased, but live", ADVICE_RESTORE,
     "SELECT m.account_id, m.mailbox_id, m.uid FROM erase_pending e JOIN message m"
     " ON m.account_id = e.account_id AND m.mailbox_id = e.mailbox_id AND m.uid = e.uid"
     " WHERE m.expunged_ns = 0"},
    {"never erased", "account %lld mailbox %lld uid %lld: expunged, but not to be erased",
     ADVICE_HARMLESS,
     /* Not a join: erase_pending has no index for it. */
     "SELECT account_id, mailbox_id, uid FROM message WHERE expunged_ns != 0"
     " EXCEPT SELECT account_id, mailbox_id, uid FROM erase_pending"},
    {"segment of body", "body %lld: lies outside segment %lld (offset %lld)", ADVICE_RESTORE,
     "SELECT b.body_id, b.segment_id, b.segment_offset FROM body b LEFT JOIN segment s"
     " ON s.segment_id = b.segment_id WHERE b.segment_id > 0 AND (s.segment_id IS NULL"
     " OR b.segment_offset + b.stored_bytes + 32 > s.size_bytes)"},
    {"segment space", "segment %lld: %lld octets are counted as dead, there are %lld",
     ADVICE_HARMLESS,
     "SELECT s.segment_id, s.dead_bytes, s.size_bytes - coalesce(b.live, 0) FROM segment s"
     " LEFT JOIN (SELECT segment_id, sum(stored_bytes + 32) live FROM body WHERE segment_id > 0"
     " GROUP BY segment_id) b ON b.segment_id = s.segment_id"
     " WHERE s.dead_bytes != s.size_bytes - coalesce(b.live, 0)"},
};

/* ---- bodies ---- */

static int next_body(struct verify *v, int64_t after, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(v->db, "SELECT body_id FROM body WHERE body_id > ?1 ORDER BY body_id LIMIT 1",
                      &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, after);
        rc = db_step(&r, err);
    }
    if (rc == 1)
        *out = db_int(&r, 0);
    db_done(&r);
    return rc;
}

static uint64_t body_count(struct verify *v)
{
    struct db_row r;
    uint64_t n = 0;
    int rc = db_query(v->db, "SELECT count(*) FROM body", &r, NULL);

    if (rc == 0 && db_step(&r, NULL) == 1)
        n = (uint64_t)db_int(&r, 0);
    db_done(&r);
    return n;
}

static void body_check(struct verify *v, int64_t body_id)
{
    _cleanup_free_ uint8_t *octets = NULL;
    struct err err = {0};
    uint64_t n = 0;
    int rc = body_read_from(v->segments, v->path, v->db, body_id, &octets, &n, &err);

    if (rc == -ERR_NOT_FOUND)
        return; /* erased meanwhile */
    if (rc < 0)
        verify_found_err(v, &err, "the message is lost here: restore it from a backup");
    else
        v->sum.body_bytes += n;
    v->sum.bodies++;
}

static void bodies_check(struct verify *v)
{
    uint64_t total = body_count(v);
    unsigned failures = 0;
    int64_t id = 0, skip = 1;

    verify_class_begin(v, "body");
    for (;;) {
        struct err err = {0};
        int rc = next_body(v, id, &id, &err);

        if (rc == 0)
            break;
        if (rc < 0) {
            /* A page of the tree: go on behind what it may hold. */
            verify_found_err(v, &err, "messages of the page are lost here: restore the shard");
            if (++failures == SCAN_FAILURES_MAX)
                break;
            id += skip;
            skip = MIN(skip * 2, SCAN_SKIP_MAX);
            continue;
        }
        skip = 1;
        body_check(v, id);
        if (v->sum.bodies % PROGRESS_EVERY == 0)
            verify_progress(v, v->sum.bodies, total);
    }
    verify_class_end(v, v->sum.bodies);
}

/* ---- segment files ---- */

/* The segment with the lowest id from `from` on: 1, 0: none. */
static int next_segment(struct verify *v, int64_t from, int64_t *segment_id, uint64_t *size,
                        struct err *err)
{
    struct db_row r;
    int rc = db_query(v->db,
                      "SELECT segment_id, size_bytes FROM segment WHERE segment_id >= ?1"
                      " ORDER BY segment_id LIMIT 1",
                      &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, from);
        rc = db_step(&r, err);
    }
    if (rc == 1) {
        *segment_id = db_int(&r, 0);
        *size = (uint64_t)db_int(&r, 1);
    }
    db_done(&r);
    return rc;
}

/* Whether it has been emptied and removed since its row was read. */
static bool is_gone(struct verify *v, int64_t segment_id)
{
    int64_t found_id = 0;
    uint64_t size = 0;
    int rc = next_segment(v, segment_id, &found_id, &size, NULL);

    return rc == 0 || (rc == 1 && found_id != segment_id);
}

/* From record to record: each must begin where the one before ends. */
static void segment_walk(struct verify *v, int64_t segment_id, uint64_t size)
{
    struct segment_place place = {segment_id, 0};
    struct err err = {0};
    char text[160];
    uint64_t file_size = 0;

    if (segments_file_size(v->segments, segment_id, &file_size, &err) < 0 || file_size < size) {
        (void)snprintf(text, sizeof text,
                       "segment %" PRId64 ": the file has %" PRIu64 " of %" PRIu64 " octets",
                       segment_id, file_size, size);
        if (!is_gone(v, segment_id))
            verify_found(v, text, ADVICE_RESTORE);
        return;
    }
    while (place.offset < size) {
        struct segment_record record;

        if (segments_record_at(v->segments, place, &record, &err) < 0 ||
            record.length > size - place.offset) {
            (void)snprintf(text, sizeof text,
                           "segment %" PRId64 " offset %" PRIu64 ": no whole record", segment_id,
                           place.offset);
            if (!is_gone(v, segment_id))
                verify_found(v, text, "bodies that are affected are named below");
            return;
        }
        place.offset += SEGMENT_HEADER + record.length;
    }
}

static void segments_check(struct verify *v)
{
    struct err err = {0};
    int64_t segment_id = 0;
    uint64_t size = 0, n = 0;
    int rc;

    verify_class_begin(v, "segment");
    while ((rc = next_segment(v, segment_id + 1, &segment_id, &size, &err)) == 1) {
        segment_walk(v, segment_id, size);
        n++;
    }
    if (rc < 0)
        verify_found_err(v, &err, "the database is damaged: restore the shard from a backup");
    verify_class_end(v, n);
}

/* A store that runs has files of its own that no row names: new ones, and emptied ones for a
 * minute. */
static bool is_in_use(const struct verify *v)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/%s", v->path, SHARD_LOCK_NAME);
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

static void strays_check(struct verify *v)
{
    char path[4096], text[160];

    (void)snprintf(path, sizeof path, "%s/%s", v->path, SHARD_SEGMENTS_NAME);
    verify_class_begin(v, "segment file");
    DIR *dir = is_in_use(v) ? NULL : opendir(path);

    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        struct slice name = slice_str(e->d_name);
        uint64_t id = 0;

        if (!slice_ends(name, SLICE(".seg")) ||
            !num_parse(slice_sub(name, 0, name.n - 4), INT64_MAX, &id) || !is_gone(v, (int64_t)id))
            continue;
        (void)snprintf(text, sizeof text, "the file of segment %" PRIu64 " belongs to nothing", id);
        verify_found(v, text, "takes room only: the next start removes it");
    }
    if (dir != NULL)
        (void)closedir(dir);
    verify_class_end(v, v->class_count);
}

/* ---- together ---- */

int verify_directory(const char *path, const struct verify_options *options,
                     struct verify_summary *out, struct err *err)
{
    struct verify v = {.options = options, .path = path};
    char segments_path[4096];
    int rc = verify_open(&v, err);

    (void)snprintf(segments_path, sizeof segments_path, "%s/%s", path, SHARD_SEGMENTS_NAME);
    if (rc == 0)
        rc = segments_open(segments_path, /* db= */ NULL, &v.segments, err);
    if (rc == 0)
        rc = db_exec(v.db, "BEGIN", err);
    if (rc == 0) {
        verify_database(&v);
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
            verify_check_run(&v, &checks[i]);
        db_rollback(v.db);
        segments_check(&v);
        strays_check(&v);
        if (!options->skip_bodies)
            bodies_check(&v);
        *out = v.sum;
    } else {
        (void)err_prefix(err, "verify %s", path);
    }
    segments_free(v.segments);
    db_close(v.db);
    return rc;
}
