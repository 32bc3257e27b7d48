#include "shard_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/num.h"
#include "store/erase.h"

/* A write that adds a row with a key, and fails afterwards when it shall. */
struct key_write {
    struct write write;
    struct slice key;
    bool fail;
    _Atomic int *done;
    int rc;
};

static int key_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct key_write *kw = (struct key_write *)w;
    struct db_row r;
    int rc = db_query(ctx->db, "INSERT INTO meta (key, value) VALUES (?1, 1)", &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, kw->key);
    rc = db_run(&r, err);
    if (rc == 0 && kw->fail)
        return err_set(err, ERR_INVALID, "asked to fail");
    return rc;
}

static void key_done(struct write *w, int rc, const struct err *err)
{
    struct key_write *kw = (struct key_write *)w;

    assert_true((rc < 0) == (err != NULL));
    kw->rc = rc;
    atomic_fetch_add(kw->done, 1);
}

static int64_t keys(struct fixture *f)
{
    return fixture_number(f, "SELECT count(*) FROM meta WHERE key LIKE 'test%'", 0, 0);
}

static void undoes_only_what_failed(void **state)
{
    struct key_write w[] = {
        {.key = SLICE_INIT("test1")},
        {.key = SLICE_INIT("test2"), .fail = true},
        {.key = SLICE_INIT("test1")},
        {.key = SLICE_INIT("test3")},
    };
    static const int expected[] = {0, -ERR_INVALID, -ERR_EXISTS, 0};
    _Atomic int done = 0;
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
        w[i].write = (struct write){.apply = key_apply, .done = key_done};
        w[i].done = &done;
        shard_submit(f.shard, &w[i].write);
    }
    while (atomic_load(&done) < (int)ARRAY_SIZE(w))
        (void)usleep(1000);
    for (size_t i = 0; i < ARRAY_SIZE(w); i++)
        assert_int_equal(w[i].rc, expected[i]);
    assert_int_equal(keys(&f), 2);
    fixture_done(&f);
}

static void finishes_what_waits_when_closed(void **state)
{
    static const char *const names[] = {"test1", "test2", "test3", "test4"};
    struct key_write w[ARRAY_SIZE(names)];
    _Atomic int done = 0;
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
        w[i] = (struct key_write){.write = {.apply = key_apply, .done = key_done},
                                  .key = slice_str(names[i]),
                                  .done = &done};
        shard_submit(f.shard, &w[i].write);
    }
    shard_close(f.shard);
    assert_int_equal(atomic_load(&done), ARRAY_SIZE(w));
    fixture_open(&f);
    assert_int_equal(keys(&f), ARRAY_SIZE(w));
    fixture_done(&f);
}

static void refuses_a_second_owner(void **state)
{
    struct fixture f;
    struct shard *second = NULL;
    struct shard_config config = {.schema_part = "shard"};

    (void)state;
    fixture_init(&f);
    config.directory = f.directory;
    assert_int_equal(shard_open(&config, &f.env, &second, &f.err), -ERR_UNAVAILABLE);
    assert_string_equal(f.err.text, "another godwit uses this data directory");
    assert_null(second);
    fixture_done(&f);
}

static void readers_cannot_write(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    assert_true(db_exec(shard_reader(f.shard, 0), "DELETE FROM meta", &f.err) < 0);
    fixture_done(&f);
}

static void cuts_what_no_commit_accounts_for(void **state)
{
    uint8_t octets[50000];
    struct deliver_target t = {.account_id = 1};
    struct fixture f;
    struct stat st;
    char path[128];
    off_t size;
    FILE *file;

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * i * i >> 5);
    fixture_init(&f);
    assert_int_equal(fixture_deliver(&f, slice_of(octets, sizeof octets), NULL, &t, 1), 0);
    (void)snprintf(path, sizeof path, "%s/segments/00000001.seg", f.directory);
    shard_close(f.shard);
    assert_int_equal(stat(path, &st), 0);
    size = st.st_size;
    file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite("half a record", 1, 13, file), 13);
    (void)fclose(file);
    (void)snprintf(path, sizeof path, "%s/segments/00000002.seg", f.directory);
    file = fopen(path, "wb");
    assert_non_null(file);
    (void)fclose(file);
    fixture_open(&f);
    assert_int_equal(access(path, F_OK), -1);
    (void)snprintf(path, sizeof path, "%s/segments/00000001.seg", f.directory);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, size);
    fixture_done(&f);
}

/* Makes the present segment an old one. */
static int next_segment_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    (void)w;
    return db_exec(ctx->db, "INSERT INTO segment VALUES (2, 0, 0)", err);
}

static int expunge_first_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    int rc = db_exec(ctx->db, "UPDATE message SET expunged_ns = 1 WHERE account_id = 1 AND uid = 1",
                     err);

    (void)w;
    return rc < 0 ? rc : erase_schedule(ctx, 1, 1, 1, 50000, err);
}

static void empties_segments_that_are_mostly_dead(void **state)
{
    struct write next = {.apply = next_segment_apply}, expunge = {.apply = expunge_first_apply};
    static const size_t sizes[] = {50000, 20000};
    uint8_t octets[50000], *back = NULL;
    uint32_t x = 99;
    uint64_t n = 0;
    struct fixture f;
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++) {
        x = x * 1664525 + 1013904223;
        octets[i] = (uint8_t)(x >> 24);
    }
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct deliver_target t = {.account_id = 1};

        assert_int_equal(fixture_deliver(&f, slice_of(octets, sizes[i]), NULL, &t, 1), 0);
    }
    assert_int_equal(shard_write(f.shard, &next, &f.err), 0);
    shard_close(f.shard);
    fixture_open(&f);
    assert_int_equal(shard_write(f.shard, &expunge, &f.err), 0);
    f.clock.frozen_ns += ERASE_DELAY_NS;
    assert_int_equal(erase_all(f.shard, &f.err), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM segment WHERE segment_id = 1", 0, 0),
                     0);
    assert_int_equal(fixture_number(&f, "SELECT segment_id > 1 FROM body", 0, 0), 1);
    assert_int_equal(body_read(f.shard, shard_reader(f.shard, 0),
                               fixture_number(&f, "SELECT body_id FROM body", 0, 0), &back, &n,
                               &f.err),
                     0);
    assert_int_equal(n, sizes[1]);
    assert_memory_equal(back, octets, n);
    free(back);
    shard_close(f.shard);
    fixture_open(&f);
    (void)snprintf(path, sizeof path, "%s/segments/00000001.seg", f.directory);
    assert_int_equal(access(path, F_OK), -1);
    fixture_done(&f);
}

static int lose_body_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    (void)w;
    return db_exec(ctx->db, "DELETE FROM body WHERE body_id = (SELECT min(body_id) FROM body)",
                   err);
}

/* The empty Delivered-To field has 16 octets. */
static int expunge_all_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    int rc = db_exec(ctx->db, "UPDATE message SET expunged_ns = 1", err);

    (void)w;
    if (rc == 0)
        rc = erase_schedule(ctx, 1, 1, 1, 16 + 14, err);
    return rc < 0 ? rc : erase_schedule(ctx, 1, 1, 2, 16 + 14, err);
}

/* A message whose body is lost goes like every other, and what waits behind it goes too. */
static void erases_what_is_damaged(void **state)
{
    struct write lose = {.apply = lose_body_apply}, expunge = {.apply = expunge_all_apply};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < 2; i++) {
        struct deliver_target t = {.account_id = 1};

        assert_int_equal(fixture_deliver(&f, SLICE("Subject: x\r\n\r\n"), NULL, &t, 1), 0);
    }
    assert_int_equal(shard_write(f.shard, &lose, &f.err), 0);
    assert_int_equal(shard_write(f.shard, &expunge, &f.err), 0);
    f.clock.frozen_ns += ERASE_DELAY_NS;
    assert_int_equal(erase_all(f.shard, &f.err), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM message", 0, 0), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body", 0, 0), 0);
    assert_int_equal(
        fixture_number(&f, "SELECT size_bytes FROM account WHERE account_id = 1", 0, 0), 0);
    fixture_done(&f);
}

/* Many threads, each waiting for its answers: none is lost, and all are on disk. */
struct many {
    struct fixture *f;
    pthread_t thread;
    char name[16];
    int failed;
};

static void *many_main(void *arg)
{
    struct many *m = arg;

    for (int i = 0; i < 25; i++) {
        struct deliver_target t = {.account_id = 1 + i % 4};
        struct body_packed packed = {0};
        static const Gw__Facts facts = GW__FACTS__INIT;
        struct deliver d = {.facts = &facts, .body = &packed, .targets = &t, .targets_n = 1};
        struct fixture_write w = {.write.apply = fixture_deliver_apply, .deliver = &d};
        struct err err;

        if (body_pack(slice_str(m->name), &packed, &err) < 0 ||
            shard_write(m->f->shard, &w.write, &err) < 0 || t.kind != ERR_NONE)
            m->failed++;
        body_packed_done(&packed);
    }
    return NULL;
}

static void takes_writes_from_many_threads(void **state)
{
    struct many many[8];
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        many[i] = (struct many){.f = &f};
        (void)snprintf(many[i].name, sizeof many[i].name, "thread %zu", i);
        assert_int_equal(pthread_create(&many[i].thread, NULL, many_main, &many[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
        (void)pthread_join(many[i].thread, NULL);
        assert_int_equal(many[i].failed, 0);
    }
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM message", 0, 0), 200);
    assert_int_equal(fixture_number(&f, "SELECT sum(total) FROM mailbox", 0, 0), 200);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body WHERE refs = 1", 0, 0), 200);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undoes_only_what_failed),
        cmocka_unit_test(finishes_what_waits_when_closed),
        cmocka_unit_test(refuses_a_second_owner),
        cmocka_unit_test(readers_cannot_write),
        cmocka_unit_test(cuts_what_no_commit_accounts_for),
        cmocka_unit_test(empties_segments_that_are_mostly_dead),
        cmocka_unit_test(erases_what_is_damaged),
        cmocka_unit_test(takes_writes_from_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
