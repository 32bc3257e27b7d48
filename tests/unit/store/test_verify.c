#include "shard_fixture.h"

#include "base/num.h"
#include "store/verify.h"

struct seen {
    char classes[1024]; /* each once, with commas between */
    char what[256];
    unsigned reports;
};

static void note(void *owner, const char *class_name, const char *what, const char *advice)
{
    struct seen *s = owner;
    size_t n = strlen(s->classes);

    assert_true(strlen(what) > 0 && strlen(advice) > 0);
    s->reports++;
    (void)snprintf(s->what, sizeof s->what, "%s", what);
    if (strstr(s->classes, class_name) == NULL)
        (void)snprintf(s->classes + n, sizeof s->classes - n, "%s%s", n > 0 ? "," : "", class_name);
}

static struct verify_summary verify(struct fixture *f, struct seen *seen)
{
    struct verify_options options = {.problem = note, .owner = seen};
    struct verify_summary sum = {0};
    int rc;

    *seen = (struct seen){0};
    rc = verify_directory(f->directory, &options, &sum, &f->err);
    if (rc < 0)
        print_error("%s: %s\n", f->err.text, f->err.detail);
    assert_int_equal(rc, 0);
    return sum;
}

static void fill(struct fixture *f)
{
    uint8_t octets[60000];
    uint32_t x = 7;

    for (size_t i = 0; i < sizeof octets; i++) {
        x = x * 1664525 + 1013904223;
        octets[i] = (uint8_t)(x >> 24);
    }
    for (unsigned i = 0; i < 30; i++) {
        struct deliver_target t[] = {{.account_id = 1 + i % 3}, {.account_id = 4}};
        size_t n = i % 2 == 0 ? 2000 : 20000;

        assert_int_equal(fixture_deliver(f, slice_of(octets + i * 100, n), NULL, t, 2), 0);
    }
}

struct sql_write {
    struct write write;
    const char *sql;
};

static int sql_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    return db_exec(ctx->db, ((struct sql_write *)w)->sql, err);
}

/* Each breaks one thing, and is found as that (and what follows from it). */
static const struct {
    const char *sql;
    const char *classes;
} rows[] = {
    {"UPDATE mailbox SET unseen = unseen + 1 WHERE account_id = 1 AND mailbox_id = 1",
     "mailbox counts"},
    {"UPDATE account SET size_bytes = 1 WHERE account_id = 2", "account size"},
    {"UPDATE account SET messages = 1 WHERE account_id = 2", "account messages"},
    {"DELETE FROM account WHERE account_id = 3", "account of mailbox"},
    {"UPDATE message SET expunged_ns = 1 WHERE account_id = 1 AND uid = 1",
     "mailbox counts,account size,account messages,never erased"},
    {"UPDATE mailbox SET uidnext = 2 WHERE account_id = 1 AND mailbox_id = 1", "uid"},
    {"UPDATE account SET uidvalidity_next = 1 WHERE account_id = 3", "uidvalidity"},
    {"UPDATE mailbox SET modseq = 1000 WHERE account_id = 1 AND mailbox_id = 2", "modseq"},
    {"UPDATE message SET modseq = 1000 WHERE account_id = 1 AND uid = 1", "message modseq"},
    {"UPDATE mailbox SET parent_id = 77 WHERE account_id = 1 AND mailbox_id = 3", "mailbox parent"},
    {"UPDATE account SET content_next = 2 WHERE account_id = 4", "ids"},
    {"UPDATE content SET refs = 5 WHERE account_id = 1 AND content_id = 1", "content refs"},
    {"UPDATE body SET refs = 5 WHERE body_id = (SELECT min(body_id) FROM body)", "body refs"},
    {"UPDATE content SET thread_id = 0 WHERE account_id = 1 AND content_id = 1", "thread"},
    {"UPDATE change SET modseq = 5000 WHERE account_id = 1 AND modseq = 3", "change log"},
    {"UPDATE segment SET dead_bytes = 5", "segment space"},
    {"INSERT INTO erase_pending VALUES (1, 1, 1, 1, 0)", "erasing"},
    {"UPDATE body SET checksum = zeroblob(32) WHERE segment_id = 0", "body"},
    {"DELETE FROM body WHERE segment_id = 0 AND body_id = (SELECT min(body_id) FROM body)",
     "body of content"},
};

static void finds_each_broken_invariant(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sql_write w = {.write.apply = sql_apply, .sql = rows[i].sql};
        struct fixture f;
        struct seen seen;

        fixture_init(&f);
        fill(&f);
        if (i == 0) {
            struct verify_summary sum = verify(&f, &seen);

            assert_string_equal(seen.classes, "");
            assert_int_equal(sum.problems, 0);
            assert_int_equal(sum.bodies, 30);
            assert_int_equal(sum.body_bytes, 15 * 22000);
        }
        assert_int_equal(shard_write(f.shard, &w.write, &f.err), 0);
        (void)verify(&f, &seen);
        if (strcmp(seen.classes, rows[i].classes) != 0)
            print_error("%s\n", rows[i].sql);
        assert_string_equal(seen.classes, rows[i].classes);
        fixture_done(&f);
    }
}

static void shows_twenty_and_counts_all(void **state)
{
    struct sql_write w = {.write.apply = sql_apply,
                          .sql = "UPDATE content SET refs = refs + 1 WHERE account_id = 4"};
    struct verify_summary sum;
    struct fixture f;
    struct seen seen;

    (void)state;
    fixture_init(&f);
    fill(&f);
    assert_int_equal(shard_write(f.shard, &w.write, &f.err), 0);
    sum = verify(&f, &seen);
    assert_int_equal(sum.problems, 30);
    assert_int_equal(seen.reports, VERIFY_SHOWN_MAX + 1);
    assert_string_equal(seen.what, "10 more");
    fixture_done(&f);
}

static void flip(const char *directory, const char *name, off_t offset)
{
    char path[128];
    uint8_t octet;
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &octet, 1, offset), 1);
    octet ^= 0x10;
    assert_int_equal(pwrite(fd, &octet, 1, offset), 1);
    (void)close(fd);
}

static void names_a_flipped_bit_and_goes_on(void **state)
{
    struct verify_summary sum;
    struct fixture f;
    struct seen seen;

    (void)state;
    fixture_init(&f);
    fill(&f);
    flip(f.directory, "segments/00000001.seg", 30000);
    sum = verify(&f, &seen);
    assert_string_equal(seen.classes, "body");
    assert_int_equal(sum.problems, 1);
    assert_int_equal(sum.bodies, 30);
    assert_non_null(strstr(seen.what, "segment 1 offset"));
    fixture_done(&f);
}

/* Every page of the database in turn: the check ends, and finds the damage or was not told of it
 * because the page is free. The last page of the bodies must not hide the others. */
static void survives_a_damaged_page_anywhere(void **state)
{
    struct fixture f;
    struct stat st;
    char path[128];
    unsigned found = 0, refused = 0;

    (void)state;
    fixture_init(&f);
    fill(&f);
    shard_close(f.shard);
    f.shard = NULL;
    (void)snprintf(path, sizeof path, "%s/shard.db", f.directory);
    assert_int_equal(stat(path, &st), 0);
    for (off_t page = 1; page < st.st_size / 4096; page++) {
        struct verify_options options;
        struct verify_summary sum = {0};
        struct seen seen = {0};

        options = (struct verify_options){.problem = note, .owner = &seen};
        flip(f.directory, "shard.db", page * 4096);
        if (verify_directory(f.directory, &options, &sum, &f.err) < 0)
            refused++;
        else if (sum.problems > 0)
            found++;
        flip(f.directory, "shard.db", page * 4096);
    }
    assert_true(found > 20);
    assert_true(refused < 5);
    fixture_open(&f);
    fixture_done(&f);
}

/* Only of a shard that is closed: one in use has files that no row names yet, or no more. */
static void names_files_that_belong_to_nothing(void **state)
{
    struct fixture f;
    struct seen seen;
    char path[128];
    int fd;

    (void)state;
    fixture_init(&f);
    fill(&f);
    (void)snprintf(path, sizeof path, "%s/segments/00000077.seg", f.directory);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(verify(&f, &seen).problems, 0);
    shard_close(f.shard);
    assert_int_equal(verify(&f, &seen).problems, 1);
    assert_string_equal(seen.classes, "segment file");
    fixture_open(&f);
    shard_close(f.shard);
    assert_int_equal(verify(&f, &seen).problems, 0);
    fixture_open(&f);
    fixture_done(&f);
}

static void says_when_there_is_nothing(void **state)
{
    struct verify_options options = {.problem = note};
    struct verify_summary sum;
    struct err err;

    (void)state;
    assert_true(verify_directory("/nonexistent/godwit", &options, &sum, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_broken_invariant),
        cmocka_unit_test(shows_twenty_and_counts_all),
        cmocka_unit_test(names_a_flipped_bit_and_goes_on),
        cmocka_unit_test(survives_a_damaged_page_anywhere),
        cmocka_unit_test(names_files_that_belong_to_nothing),
        cmocka_unit_test(says_when_there_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
