#include "shard_fixture.h"

#include "base/num.h"
#include "store/erase.h"
#include "store/message_add.h"
#include "store/threads.h"

enum { INBOX = 1, JUNK = 4, SENT = 5 };

struct add_write {
    struct write write;
    struct message_new m;
    struct message_added added;
    uint64_t modseq;
};

static int add_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct add_write *aw = (struct add_write *)w;
    struct body_packed packed;
    int rc = account_modseq_next(ctx, aw->m.account_id, &aw->modseq, err);

    if (rc == 0)
        rc = body_pack(SLICE("body"), &packed, err);
    if (rc < 0)
        return rc;
    rc = body_insert(ctx, &packed, &aw->m.body_id, err);
    aw->m.body_size = packed.size;
    if (rc == 0)
        rc = message_add(ctx, &aw->m, aw->modseq, &aw->added, err);
    body_packed_done(&packed);
    return rc;
}

static ProtobufCBinaryData bytes(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

/* What the flags become, and how they are counted. */
static const struct {
    const char *name;
    int64_t mailbox_id;
    uint32_t flags, expected;
    int64_t total, deleted, unseen, unread;
} rows[] = {
    {"plain", INBOX, 0, 0, 1, 0, 1, 1},
    {"seen", INBOX, 1, 1, 1, 0, 0, 0},
    {"deleted", INBOX, 8, 8, 0, 1, 1, 0},
    {"seen and deleted", INBOX, 9, 9, 0, 1, 0, 0},
    {"into Junk", JUNK, 0, 64, 1, 0, 1, 1},
    {"into Junk, said not to be", JUNK, 128, 64, 1, 0, 1, 1},
};

static void counts_by_flags(void **state)
{
    static const Gw__Facts facts = GW__FACTS__INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct add_write w = {.write.apply = add_apply,
                              .m = {.account_id = 1,
                                    .mailbox_id = rows[i].mailbox_id,
                                    .flags = rows[i].flags,
                                    .facts = &facts}};
        struct fixture f;

        fixture_init(&f);
        assert_int_equal(shard_write(f.shard, &w.write, &f.err), 0);
        print_message("%s\n", rows[i].name);
        assert_int_equal(w.added.uid, 1);
        assert_int_equal(fixture_number(&f, "SELECT flags FROM message", 0, 0), rows[i].expected);
        assert_int_equal(fixture_number(&f,
                                        "SELECT total * 1000 + deleted * 100 + unseen * 10 + unread"
                                        " FROM mailbox WHERE account_id = 1 AND mailbox_id = ?1",
                                        rows[i].mailbox_id, 0),
                         rows[i].total * 1000 + rows[i].deleted * 100 + rows[i].unseen * 10 +
                             rows[i].unread);
        assert_int_equal(
            fixture_number(&f, "SELECT received_ns = ?1 FROM message", FIXTURE_NOW_S * NS_PER_S, 0),
            1);
        fixture_done(&f);
    }
}

static void remembers_recipients_of_sent_mail_only(void **state)
{
    ProtobufCBinaryData to[] = {bytes("ann@example.org"), bytes("bob@example.org"),
                                bytes("ann@example.org")};
    Gw__Facts facts = GW__FACTS__INIT;
    struct add_write sent = {.write.apply = add_apply,
                             .m = {.account_id = 1, .mailbox_id = SENT, .facts = &facts}};
    struct add_write inbox = {.write.apply = add_apply,
                              .m = {.account_id = 1, .mailbox_id = INBOX, .facts = &facts}};
    struct fixture f;

    (void)state;
    facts.recipient_addresses = to;
    facts.n_recipient_addresses = ARRAY_SIZE(to);
    fixture_init(&f);
    assert_int_equal(shard_write(f.shard, &inbox.write, &f.err), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM recipient", 0, 0), 0);
    assert_int_equal(shard_write(f.shard, &sent.write, &f.err), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM recipient", 0, 0), 2);
    assert_int_equal(fixture_number(&f, "SELECT facts_flags FROM content WHERE content_id = ?1",
                                    sent.added.content_id, 0),
                     THREADS_HAS_RECIPIENTS);
    fixture_done(&f);
}

static void keeps_what_the_sender_asked_for(void **state)
{
    static const Gw__Facts facts = GW__FACTS__INIT;
    Gw__Wishes wishes = GW__WISHES__INIT;
    struct add_write w = {
        .write.apply = add_apply,
        .m = {.account_id = 1,
              .mailbox_id = INBOX,
              .facts = &facts,
              .notify = GW__RECIPIENT__NOTIFY__NOTIFY_SUCCESS | GW__RECIPIENT__NOTIFY__NOTIFY_DELAY,
              .orcpt = SLICE_INIT("rfc822;Bob@Example.COM"),
              .wishes = &wishes}};
    struct fixture f;

    (void)state;
    wishes.body = GW__WISHES__BODY__BODY_BINARYMIME;
    wishes.smtputf8 = wishes.require_tls = true;
    wishes.ret = GW__WISHES__RET__RET_HDRS;
    wishes.envid = bytes("QQ+2B");
    wishes.hold_until_ns = 7;
    fixture_init(&f);
    assert_int_equal(shard_write(f.shard, &w.write, &f.err), 0);
    assert_int_equal(fixture_number(&f,
                                    "SELECT count(*) FROM content WHERE wish_flags = 6 AND"
                                    " dsn_ret = 2 AND dsn_envid = CAST('QQ+2B' AS BLOB) AND"
                                    " dsn_notify = 10 AND hold_until_ns = 7 AND origin_flags = 1"
                                    " AND dsn_orcpt = CAST('rfc822;Bob@Example.COM' AS BLOB)",
                                    0, 0),
                     1);
    fixture_done(&f);
}

static void merges_keywords(void **state)
{
    static const Gw__Facts facts = GW__FACTS__INIT;
    static const struct {
        struct slice keywords;
        bool added;
    } steps[] = {{SLICE_INIT(""), false},
                 {SLICE_INIT("b d"), true},
                 {SLICE_INIT("b"), false},
                 {SLICE_INIT("a c"), true}};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        struct add_write w = {.write.apply = add_apply,
                              .m = {.account_id = 1,
                                    .mailbox_id = INBOX,
                                    .keywords = steps[i].keywords,
                                    .facts = &facts}};

        assert_int_equal(shard_write(f.shard, &w.write, &f.err), 0);
        assert_int_equal(w.added.keywords_added, steps[i].added);
    }
    assert_int_equal(fixture_number(&f,
                                    "SELECT keywords = 'a b c d' FROM mailbox"
                                    " WHERE account_id = 1 AND mailbox_id = 1",
                                    0, 0),
                     1);
    fixture_done(&f);
}

static int mute_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    (void)w;
    return db_exec(ctx->db, "UPDATE content SET thread_flags = 3", err);
}

static void mutes_what_joins_a_muted_thread(void **state)
{
    Gw__Facts facts = GW__FACTS__INIT;
    struct write mute = {.apply = mute_apply};
    struct add_write w = {.write.apply = add_apply,
                          .m = {.account_id = 1, .mailbox_id = INBOX, .facts = &facts}};
    struct fixture f;

    (void)state;
    facts.message_id = bytes("id");
    fixture_init(&f);
    assert_int_equal(shard_write(f.shard, &w.write, &f.err), 0);
    assert_int_equal(shard_write(f.shard, &mute, &f.err), 0);
    assert_int_equal(shard_write(f.shard, &w.write, &f.err), 0);
    assert_int_equal(fixture_number(&f, "SELECT flags FROM message WHERE uid = 2", 0, 0), 1);
    assert_int_equal(
        fixture_number(&f, "SELECT thread_flags FROM content WHERE content_id = 2", 0, 0),
        THREADS_MUTED | THREADS_COLLAPSED | THREADS_MISSING_LINK);
    fixture_done(&f);
}

static void leaves_nothing_when_the_mailbox_is_not_there(void **state)
{
    static const Gw__Facts facts = GW__FACTS__INIT;
    struct add_write w = {.write.apply = add_apply,
                          .m = {.account_id = 1, .mailbox_id = 77, .facts = &facts}};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    assert_int_equal(shard_write(f.shard, &w.write, &f.err), -ERR_NOT_FOUND);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body", 0, 0), 0);
    assert_int_equal(fixture_number(&f, "SELECT modseq FROM account WHERE account_id = 1", 0, 0),
                     2);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_flags),
        cmocka_unit_test(remembers_recipients_of_sent_mail_only),
        cmocka_unit_test(keeps_what_the_sender_asked_for),
        cmocka_unit_test(merges_keywords),
        cmocka_unit_test(mutes_what_joins_a_muted_thread),
        cmocka_unit_test(leaves_nothing_when_the_mailbox_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
