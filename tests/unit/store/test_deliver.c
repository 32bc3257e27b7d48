#include "shard_fixture.h"

#include "base/num.h"
#include "store/erase.h"

static ProtobufCBinaryData bytes(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static void delivers_to_each_target_once(void **state)
{
    struct fixture f;
    struct deliver_target t[] = {
        {.account_id = 1,
         .destination = SLICE_INIT("a"),
         .delivered_to = SLICE_INIT("a"),
         .prefix = SLICE_INIT("X: y\r\n")},
        {.account_id = 2, .mailbox = SLICE_INIT("Lists/new")},
        {.account_id = 1, .destination = SLICE_INIT("a")},
        {.account_id = 99},
        {.account_id = 1, .destination = SLICE_INIT("b"), .delivered_to = SLICE_INIT("bc")},
    };

    (void)state;
    fixture_init(&f);
    assert_int_equal(fixture_deliver(&f, SLICE("Subject: x\r\n\r\nhi\r\n"), NULL, t, 5), 0);
    assert_int_equal(t[0].kind, ERR_NONE);
    assert_int_equal(t[0].uid, 1);
    assert_int_equal(t[0].modseq, 3);
    assert_int_equal(t[1].kind, ERR_NONE);
    assert_int_equal(t[2].kind, ERR_NONE);
    assert_int_equal(t[2].uid, 1);
    assert_int_equal(t[2].modseq, 0);
    assert_int_equal(t[3].kind, ERR_NOT_FOUND);
    assert_int_equal(t[4].kind, ERR_NONE);
    assert_int_equal(t[4].uid, 2);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM message", 0, 0), 3);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body", 0, 0), 1);
    assert_int_equal(fixture_number(&f, "SELECT refs FROM body", 0, 0), 3);
    assert_int_equal(fixture_number(&f,
                                    "SELECT count(*) FROM subscription WHERE account_id = ?1"
                                    " AND name = 'Lists/new'",
                                    2, 0),
                     1);
    assert_int_equal(fixture_number(&f,
                                    "SELECT count(*) FROM content WHERE account_id = 1 AND prefix "
                                    "= CAST('Delivered-To: a' || x'0d0a' || 'X: y' || x'0d0a' AS "
                                    "BLOB)",
                                    0, 0),
                     1);
    /* Prefix and message, twice. */
    assert_int_equal(
        fixture_number(&f, "SELECT size_bytes FROM account WHERE account_id = ?1", 1, 0),
        17 + 6 + 18 + 18 + 18);
    assert_int_equal(fixture_number(&f,
                                    "SELECT count(*) FROM change WHERE account_id = ?1"
                                    " AND modseq = ?2 AND kind = 1",
                                    1, 3),
                     1);
    fixture_done(&f);
}

static void fails_alone_over_quota(void **state)
{
    struct fixture f;
    struct fixture_write w = {
        .write.apply = fixture_account_apply, .account_id = 7, .quota_bytes = 26};
    struct deliver_target t[] = {{.account_id = 7}, {.account_id = 1}};
    struct deliver_target only = {.account_id = 7};

    /* The empty Delivered-To field has 16 octets. */
    (void)state;
    fixture_init(&f);
    assert_int_equal(shard_write(f.shard, &w.write, &f.err), 0);
    assert_int_equal(fixture_deliver(&f, SLICE("12345678901"), NULL, t, 2), 0);
    assert_int_equal(t[0].kind, ERR_QUOTA);
    assert_int_equal(t[1].kind, ERR_NONE);
    assert_int_equal(fixture_deliver(&f, SLICE("12345678901"), NULL, &only, 1), 0);
    assert_int_equal(only.kind, ERR_QUOTA);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body", 0, 0), 1);
    assert_int_equal(fixture_deliver(&f, SLICE("1234567890"), NULL, &only, 1), 0);
    assert_int_equal(only.kind, ERR_NONE);
    fixture_done(&f);
}

static int uidnext_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    (void)w;
    return db_exec(ctx->db, "UPDATE mailbox SET uidnext = 4294967294 WHERE account_id = 1", err);
}

static void never_gives_the_last_uid(void **state)
{
    struct fixture f;
    struct write w = {.apply = uidnext_apply};
    struct deliver_target t = {.account_id = 1};

    (void)state;
    fixture_init(&f);
    assert_int_equal(shard_write(f.shard, &w, &f.err), 0);
    assert_int_equal(fixture_deliver(&f, SLICE("x"), NULL, &t, 1), 0);
    assert_int_equal(t.uid, UINT32_MAX - 1);
    assert_int_equal(fixture_deliver(&f, SLICE("x"), NULL, &t, 1), 0);
    assert_int_equal(t.kind, ERR_LIMIT);
    fixture_done(&f);
}

/* One row of a conversation: what it refers to, and whose thread it joins (NULL: its own). */
struct conversation_row {
    const char *name, *id, *subject, *refs[3];
    bool response, dsn;
    const char *thread;
};

static const struct conversation_row conversation[] = {
    {"T1", "m0", "test1", {0}, false, false, NULL},
    {"T2 reference", "m1", "test1", {"m0"}, false, false, "m0"},
    {"T3 other subject", "m2", "other", {"m0"}, false, false, NULL},
    {"T4 DSN with other subject", "m3", "other", {"m0"}, false, true, "m0"},
    {"T5 response by subject", "m4", "test1", {0}, true, false, "m0"},
    {"T7 same subject, no response", "m7", "test1", {0}, false, false, NULL},
    {"T8 missing reference", "c1", "cycle0", {"c2"}, false, false, NULL},
    {"T8 the other way", "c2", "cycle0", {"c1"}, false, false, "c1"},
    {"T9", "c3", "cycle0", {"c1"}, false, false, "c1"},
    {"T10 last that is here", "c5", "cycle0", {"c2", "nowhere"}, false, false, "c1"},
    {"T11 itself last", "c7", "cycle0", {"c5", "c7"}, false, false, "c1"},
    {"T15 again", "m0", "test1", {0}, false, false, "m0"},
    {"T17 itself only", "s0", "self", {"s0"}, false, false, NULL},
    {"response to nothing", "z", "unheard", {0}, true, false, NULL},
    {"no subject", "y1", "", {0}, true, false, NULL},
    {"no subject again", "y2", "", {0}, true, false, NULL},
};

static void joins_threads(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_SIZE(conversation); i++) {
        const struct conversation_row *row = &conversation[i];
        struct deliver_target t = {.account_id = 1};
        Gw__Facts facts = GW__FACTS__INIT;
        ProtobufCBinaryData refs[3];
        int64_t thread, expected;

        facts.message_id = bytes(row->id);
        facts.subject_base = bytes(row->subject);
        facts.subject_is_response = row->response;
        facts.dsn = row->dsn;
        facts.references = refs;
        for (; facts.n_references < 3 && row->refs[facts.n_references] != NULL;
             facts.n_references++)
            refs[facts.n_references] = bytes(row->refs[facts.n_references]);
        assert_int_equal(fixture_deliver(&f, SLICE("x"), &facts, &t, 1), 0);
        thread = fixture_number(
            &f, "SELECT thread_id FROM content WHERE account_id = 1 AND content_id = ?1",
            (int64_t)i + 1, 0);
        expected = -1;
        for (size_t j = 0; row->thread != NULL && j < i && expected < 0; j++) {
            if (strcmp(conversation[j].id, row->thread) == 0)
                expected = fixture_number(
                    &f, "SELECT thread_id FROM content WHERE account_id = 1 AND content_id = ?1",
                    (int64_t)j + 1, 0);
        }
        if (expected < 0)
            expected = fixture_number(&f,
                                      "SELECT coalesce(max(thread_id), 0) + 1 FROM content"
                                      " WHERE account_id = 1 AND content_id <= ?1",
                                      (int64_t)i, 0);
        if (thread != expected)
            print_error("%s\n", row->name);
        assert_int_equal(thread, expected);
    }
    fixture_done(&f);
}

static int expunge_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    int rc = db_exec(ctx->db, "UPDATE message SET expunged_ns = 1 WHERE account_id = 1", err);

    (void)w;
    return rc < 0 ? rc : erase_schedule(ctx, 1, 1, 1, 16 + 5, err);
}

static void erases_an_hour_later(void **state)
{
    struct fixture f;
    struct write w = {.apply = expunge_apply};
    struct deliver_target t[] = {{.account_id = 1}, {.account_id = 2}};
    Gw__Facts facts = GW__FACTS__INIT;

    (void)state;
    fixture_init(&f);
    facts.message_id = bytes("id");
    facts.text = bytes("words");
    assert_int_equal(fixture_deliver(&f, SLICE("hello"), &facts, t, 2), 0);
    assert_int_equal(shard_write(f.shard, &w, &f.err), 0);
    f.clock.frozen_ns += ERASE_DELAY_NS - 1;
    assert_int_equal(erase_all(f.shard, &f.err), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM message", 0, 0), 2);
    f.clock.frozen_ns += 1;
    assert_int_equal(erase_all(f.shard, &f.err), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM message", 0, 0), 1);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM content", 0, 0), 1);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM search_pending", 0, 0), 1);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM erase_pending", 0, 0), 0);
    assert_int_equal(fixture_number(&f, "SELECT refs FROM body", 0, 0), 1);
    assert_int_equal(
        fixture_number(&f, "SELECT size_bytes FROM account WHERE account_id = ?1", 1, 0), 0);
    /* Closing puts the keys away. */
    shard_close(f.shard);
    fixture_open(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM thread_key", 0, 0), 1);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_to_each_target_once), cmocka_unit_test(fails_alone_over_quota),
        cmocka_unit_test(never_gives_the_last_uid),     cmocka_unit_test(joins_threads),
        cmocka_unit_test(erases_an_hour_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
