/* Mailboxes through the calls: names, create, rename, delete, subscriptions, special use. */
#include "store_fixture.h"

#include "base/num.h"
#include "store/mailbox_name.h"

static void test_names(void **state)
{
    static const struct {
        const char *name, *in, *out;
        int kind;
    } rows[] = {
        {"plain", "Work", "Work", 0},
        {"inbox in any case", "iNBOX", "Inbox", 0},
        {"inbox above another", "inbox/x", "Inbox/x", 0},
        {"not inbox", "inboxes", "inboxes", 0},
        {"wildcards are ordinary", "a%*&b c", "a%*&b c", 0},
        {"empty", "", NULL, ERR_INVALID},
        {"leading slash", "/a", NULL, ERR_INVALID},
        {"trailing slash", "a/", NULL, ERR_INVALID},
        {"double slash", "a//b", NULL, ERR_INVALID},
        {"dot", "a/.", NULL, ERR_INVALID},
        {"dots", "../a", NULL, ERR_INVALID},
        {"three dots", "a/...", "a/...", 0},
        {"hash", "#news", NULL, ERR_INVALID},
        {"hash inside", "c#", "c#", 0},
        {"control", "a\x01", NULL, ERR_INVALID},
        {"C1 control", "a\xc2\x85", NULL, ERR_INVALID},
        {"line separator", "a\xe2\x80\xa8", NULL, ERR_INVALID},
        {"not NFC", "e\xcc\x81", NULL, ERR_INVALID},
        {"NFC", "\xc3\xa9", "\xc3\xa9", 0},
        {"not UTF-8", "\xff", NULL, ERR_INVALID},
        {"white", "a/ ", NULL, ERR_INVALID},
        {"32 levels", "1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w",
         "1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w", 0},
        {"33 levels", "1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x", NULL,
         ERR_LIMIT},
    };
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct slice out;
        int rc = mailbox_name_check(&a, slice_str(rows[i].in), &out, &err);

        if (rc != -rows[i].kind || (rc == 0 && !slice_eq(out, slice_str(rows[i].out))))
            fail_msg("%s: %d", rows[i].name, rc);
    }
    arena_done(&a);
}

static size_t list(struct fixture *f, uint64_t session)
{
    Gw__MailboxList message = GW__MAILBOX_LIST__INIT;
    FIXTURE_REQUEST(request, MAILBOX_LIST, mailbox_list, &message, session);

    assert_int_equal(fixture_ask(f, STORE_ACCESS, &request), 0);
    return f->response->mailboxes->n_rows;
}

static const Gw__Mailbox *row(struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->response->mailboxes->n_rows; i++) {
        if (slice_eq(rpc_slice(f->response->mailboxes->rows[i]->name), slice_str(name)))
            return f->response->mailboxes->rows[i];
    }
    fail_msg("no mailbox %s", name);
    return NULL;
}

static void test_create_and_delete(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    assert_int_equal(list(&f, s), 6);
    assert_int_equal(row(&f, "Sent")->special_use, 8);
    assert_true(row(&f, "Inbox")->subscribed);
    uint32_t uidvalidity = row(&f, "Inbox")->uidvalidity;

    assert_int_equal(fixture_create(&f, s, "a/b/c", 8), 0);
    assert_int_equal(f.response->mailboxes->n_rows, 3);
    assert_int_equal(f.response->mailboxes->rows[2]->special_use, 8);
    assert_int_equal(f.response->mailboxes->rows[1]->special_use, 0);
    assert_true(f.response->mailboxes->rows[0]->uidvalidity > uidvalidity);
    assert_int_equal(list(&f, s), 9);
    assert_int_equal(row(&f, "Sent")->special_use, 0);
    assert_int_equal(fixture_create(&f, s, "a/b", 0), ERR_EXISTS);
    assert_int_equal(fixture_create(&f, s, "inbox", 0), ERR_EXISTS);
    assert_int_equal(fixture_create(&f, s, "x", 32), ERR_INVALID);
    assert_int_equal(fixture_delete(&f, s, "a/b"), ERR_EXISTS);
    assert_int_equal(fixture_delete(&f, s, "INBOX"), ERR_INVALID);
    assert_int_equal(fixture_delete(&f, s, "nope"), ERR_NOT_FOUND);
    assert_int_equal(fixture_append(&f, s, "a/b/c", "one", 0, NULL), 0);
    assert_int_equal(fixture_delete(&f, s, "a/b/c"), 0);
    /* The subscription stays. */
    assert_int_equal(list(&f, s), 9);
    assert_true(row(&f, "a/b/c")->nonexistent);
    assert_int_equal(fixture_open_mailbox(&f, s, "a/b/c"), ERR_NOT_FOUND);
    fixture_end(&f);
}

static void test_rename(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    assert_int_equal(fixture_create(&f, s, "a/b", 0), 0);
    uint64_t id = f.response->mailboxes->rows[1]->mailbox;

    assert_int_equal(fixture_create(&f, s, "a-b", 0), 0);
    assert_int_equal(fixture_rename(&f, s, "a", "a/x"), 0);
    assert_int_equal(fixture_open_mailbox(&f, s, "a/x/b"), 0);
    assert_int_equal(f.response->mailbox_opened->mailbox->mailbox, id);
    assert_int_equal(fixture_open_mailbox(&f, s, "a"), 0);
    assert_int_equal(fixture_open_mailbox(&f, s, "a-b"), 0);
    assert_int_equal(fixture_rename(&f, s, "a/x", "new/y"), 0);
    assert_int_equal(fixture_open_mailbox(&f, s, "new/y/b"), 0);
    assert_int_equal(fixture_delete(&f, s, "new"), ERR_EXISTS);
    assert_int_equal(fixture_rename(&f, s, "new", "Inbox"), ERR_EXISTS);
    assert_int_equal(fixture_rename(&f, s, "new", "Sent"), ERR_EXISTS);
    assert_int_equal(fixture_rename(&f, s, "old", "older"), ERR_NOT_FOUND);
    fixture_end(&f);
}

static void test_rename_inbox(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_append(&f, s, "Inbox", "text", 1, "k"), 0);
    assert_int_equal(fixture_open_mailbox(&f, s, "Inbox"), 0);
    uint64_t modseq = f.response->mailbox_opened->account_modseq;

    assert_int_equal(fixture_rename(&f, s, "Inbox", "old/mail"), 0);
    assert_int_equal(fixture_open_mailbox(&f, s, "old/mail"), 0);
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 3);
    assert_int_equal(f.response->mailbox_opened->mailbox->uidnext, 4);
    assert_int_equal(f.response->mailbox_opened->mailbox->n_keywords, 1);
    assert_int_equal(fixture_open_mailbox(&f, s, "Inbox"), 0);
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 0);
    assert_int_equal(f.response->mailbox_opened->mailbox->uidnext, 4);
    assert_int_equal(f.response->mailbox_opened->mailbox->size, 0);
    assert_int_equal(fixture_changes(&f, s, modseq), 0);
    assert_int_equal(f.response->changes->rows[0]->kind, GW__CHANGE__KIND__KIND_MAILBOX_ADD);
    fixture_end(&f);
}

static int subscribe(struct fixture *f, uint64_t session, const char *name, bool on)
{
    Gw__Subscribe message = GW__SUBSCRIBE__INIT;
    FIXTURE_REQUEST(request, SUBSCRIBE, subscribe, &message, session);

    message.name = fixture_text(name);
    message.on = on;
    return fixture_ask(f, STORE_ACCESS, &request);
}

static void test_subscribe(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    assert_int_equal(fixture_changes(&f, s, 0), 0);
    uint64_t modseq = f.response->changes->modseq;

    assert_int_equal(subscribe(&f, s, "later", true), 0);
    assert_int_equal(subscribe(&f, s, "later", true), 0);
    assert_int_equal(fixture_changes(&f, s, modseq), 0);
    assert_int_equal(f.response->changes->n_rows, 1);
    assert_int_equal(f.response->changes->rows[0]->kind, GW__CHANGE__KIND__KIND_SUBSCRIBE);
    assert_int_equal(subscribe(&f, s, "later", false), 0);
    assert_int_equal(subscribe(&f, s, "later", false), ERR_NOT_FOUND);
    assert_int_equal(subscribe(&f, s, "Sent", false), 0);
    assert_int_equal(subscribe(&f, s, "Sent", false), 0);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),     cmocka_unit_test(test_create_and_delete),
        cmocka_unit_test(test_rename),    cmocka_unit_test(test_rename_inbox),
        cmocka_unit_test(test_subscribe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
