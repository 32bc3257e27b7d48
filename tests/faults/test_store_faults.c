/* Deliveries while the disk fails at each call in turn, and while the power goes. What was answered
 * with success is there afterwards, once and whole; what failed left nothing; and the shard works
 * again as soon as the disk does. */
#include "../unit/store/shard_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "faultinject.h"
#include "store/body.h"
#include "store/erase.h"
#include "store/verify.h"

#define CALLS_MAX 24
#define POWER_CUTS 12

static void problem(void *owner, const char *class_name, const char *what, const char *advice)
{
    (void)owner;
    (void)advice;
    print_error("%s: %s\n", class_name, what);
}

static struct verify_summary verify(struct fixture *f)
{
    struct verify_options options = {.problem = problem};
    struct verify_summary sum = {0};

    assert_int_equal(verify_directory(f->directory, &options, &sum, &f->err), 0);
    return sum;
}

/* Message number n: its octets say which it is, and are too many for the database when n is odd. */
static struct slice octets_of(unsigned n, uint8_t buf[20000])
{
    uint32_t x = n * 2654435761u + 1;
    size_t size = n % 2 == 0 ? 300 : 20000;

    for (size_t i = 0; i < size; i++) {
        x = x * 1664525 + 1013904223;
        buf[i] = (uint8_t)(x >> 24);
    }
    return slice_of(buf, size);
}

static int deliver_number(struct fixture *f, unsigned n)
{
    struct deliver_target t = {.account_id = 1 + n % 4};
    Gw__Facts facts = GW__FACTS__INIT;
    uint8_t buf[20000];
    char id[16];
    int rc;

    (void)snprintf(id, sizeof id, "m%u", n);
    facts.message_id = (ProtobufCBinaryData){.len = strlen(id), .data = (uint8_t *)id};
    rc = fixture_deliver(f, octets_of(n, buf), &facts, &t, 1);
    return rc < 0 ? rc : -(int)t.kind;
}

/* How many messages have the number; a body is compared with what was sent. */
static int64_t stored(struct fixture *f, unsigned n)
{
    _cleanup_free_ uint8_t *octets = NULL;
    struct db *db = shard_reader(f->shard, 1);
    uint8_t buf[20000];
    int64_t count = 0, body_id = 0;
    struct slice sent = octets_of(n, buf);
    uint64_t size = 0;
    struct db_row r;
    char id[16];
    int rc;

    (void)snprintf(id, sizeof id, "m%u", n);
    assert_int_equal(db_query(db,
                              "SELECT count(*), max(body_id) FROM content WHERE message_id = ?1",
                              &r, &f->err),
                     0);
    db_bind_blob(&r, 1, slice_str(id));
    rc = db_step(&r, &f->err);
    assert_int_equal(rc, 1);
    count = db_int(&r, 0);
    body_id = db_int(&r, 1);
    db_done(&r);
    if (count > 0) {
        assert_int_equal(body_read(f->shard, db, body_id, &octets, &size, &f->err), 0);
        assert_int_equal(size, sent.n);
        assert_memory_equal(octets, sent.p, sent.n);
    }
    return count;
}

static void a_failing_call(const char *kind, const char *error)
{
    unsigned n = 0, struck_total = 0;
    bool answered[2 * CALLS_MAX + 2] = {false};
    struct fixture f;

    fixture_init(&f);
    faultinject_configure(f.directory, NULL);
    for (unsigned nth = 1; nth <= CALLS_MAX; nth++) {
        char plan[64];
        unsigned struck;
        int rc;

        (void)snprintf(plan, sizeof plan, "%s:%u:%s:%u", kind, nth, error, 1 + nth % 3);
        (void)faultinject_plan(plan);
        rc = deliver_number(&f, n);
        answered[n++] = rc == 0;
        struck = faultinject_plan("");
        /* A short write may be finished by a second one; every other failure is told. */
        if (strcmp(error, "short") != 0)
            assert_true((rc == 0) == (struck == 0));
        struck_total += struck;
        if (rc < 0)
            assert_true(rc == -ERR_IO || rc == -ERR_FULL || rc == -ERR_INTERNAL);
        /* Of a failed sync, and of EDQUOT, SQLite does not keep the reason. */
        if (rc < 0 && strcmp(kind, "write") == 0 && strcmp(error, "ENOSPC") == 0)
            assert_int_equal(rc, -ERR_FULL);
        rc = deliver_number(&f, n);
        if (rc < 0)
            print_error("%s: %s: %s\n", plan, f.err.text, f.err.detail);
        assert_int_equal(rc, 0);
        answered[n++] = true;
    }
    assert_true(struck_total > 0);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(stored(&f, i), answered[i]);
    assert_int_equal(verify(&f).problems, 0);
    shard_close(f.shard);
    fixture_open(&f);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(stored(&f, i), answered[i]);
    assert_int_equal(verify(&f).problems, 0);
    fixture_done(&f);
}

static void fails_and_recovers(void **state)
{
    static const char *const plans[][2] = {
        {"write", "EIO"},   {"write", "ENOSPC"}, {"write", "EDQUOT"}, {"write", "EROFS"},
        {"write", "short"}, {"sync", "EIO"},     {"sync", "ENOSPC"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(plans); i++)
        a_failing_call(plans[i][0], plans[i][1]);
}

/* The recovery itself meets failures: cutting the segment, opening files. */
static void recovers_in_the_end(void **state)
{
    static const char *const seconds[] = {"truncate:1:EIO:3", "open:1:EMFILE:3", "any:1:EIO:9",
                                          "write:1:ENOSPC:5"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(seconds); i++) {
        struct fixture f;
        bool answered[20];

        fixture_init(&f);
        faultinject_configure(f.directory, NULL);
        assert_int_equal(deliver_number(&f, 99), 0);
        (void)faultinject_plan("sync:1:EIO:2");
        assert_int_equal(deliver_number(&f, 101), -ERR_IO);
        (void)faultinject_plan(seconds[i]);
        for (unsigned n = 0; n < 20; n++)
            answered[n] = deliver_number(&f, n) == 0;
        assert_true(faultinject_plan("") > 0);
        assert_true(answered[19]);
        for (unsigned n = 0; n < 20; n++)
            assert_int_equal(stored(&f, n), answered[n]);
        assert_int_equal(stored(&f, 101), 0);
        assert_int_equal(verify(&f).problems, 0);
        fixture_done(&f);
    }
}

struct sql_write {
    struct write write;
    const char *sql[3]; /* literals */
};

static int db_exec_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct sql_write *sw = (struct sql_write *)w;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(sw->sql) && sw->sql[i] != NULL; i++)
        rc = db_exec(ctx->db, sw->sql[i], err);
    return rc;
}

struct failing_write {
    struct write write;
    struct body_packed *body;
};

static int insert_and_fail_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    int64_t body_id = 0;
    int rc = body_insert(ctx, ((struct failing_write *)w)->body, &body_id, err);

    return rc < 0 ? rc : err_set(err, ERR_QUOTA, "asked to fail");
}

/* A full segment whose bodies are all gone, after it one that never came to a commit, then a commit
 * that fails: the next segment is not called like the first, whose file is about to be unlinked. */
static void gives_no_segment_id_twice(void **state)
{
    struct sql_write fill = {
        .write.apply = db_exec_apply,
        .sql = {"UPDATE segment SET size_bytes = 134217728, dead_bytes = 134217728",
                "UPDATE body SET segment_offset = 134217728"}};
    struct sql_write remove = {
        .write.apply = db_exec_apply,
        .sql = {"DELETE FROM message", "DELETE FROM content", "DELETE FROM body"}};
    struct body_packed packed = {0};
    struct failing_write failing = {.write.apply = insert_and_fail_apply, .body = &packed};
    uint8_t buf[20000];
    struct fixture f;
    char path[128];

    (void)state;
    fixture_init(&f);
    assert_int_equal(deliver_number(&f, 1), 0);
    assert_int_equal(shard_write(f.shard, &fill.write, &f.err), 0);
    /* Before the next segment is made, or the writer may find the bodies when it looks for segments
     * to empty. */
    assert_int_equal(shard_write(f.shard, &remove.write, &f.err), 0);
    shard_close(f.shard);
    (void)snprintf(path, sizeof path, "%s/segments/00000001.seg", f.directory);
    assert_int_equal(truncate(path, 134217728), 0);
    fixture_open(&f);
    assert_int_equal(body_pack(octets_of(3, buf), &packed, &f.err), 0);
    assert_int_equal(shard_write(f.shard, &failing.write, &f.err), -ERR_QUOTA);
    body_packed_done(&packed);
    assert_int_equal(erase_all(f.shard, &f.err), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM segment", 0, 0), 0);
    faultinject_configure(f.directory, NULL);
    (void)faultinject_plan("sync:1:EIO:1");
    assert_int_equal(deliver_number(&f, 0), -ERR_IO);
    assert_int_equal(faultinject_plan(""), 1);
    assert_int_equal(deliver_number(&f, 5), 0);
    assert_int_equal(fixture_number(&f, "SELECT segment_id FROM body", 0, 0), 2);
    fixture_done(&f);
}

/* A child delivers and says which were answered, until it is killed. */
static void deliver_until_killed(struct fixture *f, const char *undo_log, int answers)
{
    faultinject_configure(f->directory, undo_log);
    fixture_open(f);
    for (unsigned n = 0;; n++) {
        if (deliver_number(f, n) < 0 || write(answers, &n, sizeof n) != sizeof n)
            _exit(1);
    }
}

static unsigned answers_of_a_killed_child(struct fixture *f, const char *undo_log, unsigned kill_at)
{
    unsigned n = 0, count = 0;
    int fds[2], status;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(fds[0]);
        deliver_until_killed(f, undo_log, fds[1]);
    }
    (void)close(fds[1]);
    while (count < kill_at && read(fds[0], &n, sizeof n) == sizeof n)
        count++;
    (void)usleep(kill_at * 137 % 1000);
    (void)kill(child, SIGKILL);
    while (read(fds[0], &n, sizeof n) == sizeof n)
        count++;
    (void)close(fds[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return count;
}

static void keeps_what_was_answered(bool power_cut)
{
    for (unsigned i = 1; i <= POWER_CUTS; i++) {
        char undo_log[] = "/tmp/godwit-undo-XXXXXX";
        int fd = mkstemp(undo_log);
        struct fixture f;
        unsigned answered;

        assert_true(fd >= 0);
        (void)close(fd);
        fixture_init(&f);
        shard_close(f.shard);
        f.shard = NULL;
        answered = answers_of_a_killed_child(&f, undo_log, i);
        if (power_cut)
            assert_int_equal(faultundo_apply(undo_log), 0);
        fixture_open(&f);
        assert_true(answered >= i);
        for (unsigned n = 0; n < answered; n++)
            assert_int_equal(stored(&f, n), 1);
        assert_true(stored(&f, answered) <= 1);
        assert_int_equal(stored(&f, answered + 1), 0);
        assert_int_equal(verify(&f).problems, 0);
        assert_int_equal(deliver_number(&f, 1000), 0);
        fixture_done(&f);
        (void)unlink(undo_log);
    }
}

static void survives_kill(void **state)
{
    (void)state;
    keeps_what_was_answered(false);
}

static void survives_power_cuts(void **state)
{
    (void)state;
    keeps_what_was_answered(true);
}

/* The library itself: what is not synced is gone afterwards, what is stays. */
static void undoes_only_what_was_not_synced(void **state)
{
    char undo_log[] = "/tmp/godwit-undo-XXXXXX", directory[] = "/tmp/godwit-test-XXXXXX";
    int log = mkstemp(undo_log), status, fd;
    char path[128], text[16] = "";
    pid_t child;

    (void)state;
    assert_true(log >= 0);
    (void)close(log);
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/file", directory);
    child = fork();
    if (child == 0) {
        faultinject_configure(directory, undo_log);
        int dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (write(fd, "kept", 4) != 4 || fsync(fd) < 0 || fsync(dir) < 0)
            _exit(1);
        if (pwrite(fd, "LOST and more", 13, 0) != 13 || ftruncate(fd, 2) < 0)
            _exit(1);
        (void)snprintf(path, sizeof path, "%s/second", directory);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        _exit(fd < 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(faultundo_apply(undo_log), 0);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text - 1), 4);
    assert_string_equal(text, "kept");
    (void)close(fd);
    (void)snprintf(path, sizeof path, "%s/second", directory);
    assert_int_equal(access(path, F_OK), -1);
    (void)unlink(undo_log);
    (void)nftw(directory, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undoes_only_what_was_not_synced),
        cmocka_unit_test(fails_and_recovers),
        cmocka_unit_test(recovers_in_the_end),
        cmocka_unit_test(gives_no_segment_id_twice),
        cmocka_unit_test(survives_kill),
        cmocka_unit_test(survives_power_cuts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
