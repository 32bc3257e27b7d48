/* The directory through the calls: editing, resolving, delivering, logging in. */
#include "store_fixture.h"

#include "base/num.h"
#include "store/db.h"

static int resolve(struct fixture *f, const char *address)
{
    Gw__Resolve message = GW__RESOLVE__INIT;
    ProtobufCBinaryData addresses[] = {fixture_text(address)};
    FIXTURE_REQUEST(request, RESOLVE, resolve, &message, 0);

    message.addresses = addresses;
    message.n_addresses = 1;
    assert_int_equal(fixture_ask(f, STORE_MX, &request), 0);
    assert_int_equal(f->response->resolved->n_resolutions, 1);
    return (int)f->response->resolved->resolutions[0]->where;
}

static void test_resolve(void **state)
{
    enum { REMOTE, LOCAL, UNKNOWN };
    static const struct {
        const char *address;
        int where;
        const char *canonical;
    } rows[] = {
        {"ann@example.org", LOCAL, "ann@example.org"},
        {"ANN@EXAMPLE.ORG", LOCAL, "ann@example.org"},
        {"ann+list@example.org", LOCAL, "ann@example.org"},
        {"+list@example.org", UNKNOWN, NULL},
        {"bob@example.org", UNKNOWN, NULL},
        {"postmaster@example.org", LOCAL, "postmaster@example.org"},
        {"PostMaster", LOCAL, "postmaster@mail.example"},
        {"postmaster@mail.example", LOCAL, "postmaster@mail.example"},
        {"ann@mail.example", REMOTE, NULL},
        {"ann@other.example", REMOTE, NULL},
        {"any@xn--bcher-kva.example", LOCAL,
         "any@b\xc3\xbc"
         "cher.example"},
        {"any@B\xc3\x9c"
         "CHER.example",
         LOCAL,
         "any@b\xc3\xbc"
         "cher.example"},
        {"\xe2\x84\xa6@b\xc3\xbc"
         "cher.example",
         LOCAL,
         "\xcf\x89@b\xc3\xbc"
         "cher.example"},
        {"ann@example.org.", REMOTE, NULL},
        {"ann", REMOTE, NULL},
        {"@example.org", UNKNOWN, NULL},
        {"ann@[127.0.0.1]", REMOTE, NULL},
        {"*)(@example.org", UNKNOWN, NULL},
        {"../ann@example.org", UNKNOWN, NULL},
    };
    struct fixture f;

    (void)state;
    fixture_start(&f, 2);
    fixture_ann(&f);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_ADD,
                                    "b\xc3\xbc"
                                    "cher.example"),
                     0);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "@xn--bcher-kva.example", "ann"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int where = resolve(&f, rows[i].address);
        struct slice canonical = rpc_slice(f.response->resolved->resolutions[0]->canonical);

        if (where != rows[i].where || !slice_eq(canonical, slice_str(rows[i].canonical)))
            fail_msg("%s: %d %.*s", rows[i].address, where, SLICE_FMT(canonical));
    }
    fixture_end(&f);
}

static void test_edit(void **state)
{
    struct fixture f;
    uint64_t session;

    (void)state;
    fixture_start(&f, 2);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "ann", "ann@example.org"),
                     ERR_NOT_FOUND);
    uint64_t s = fixture_ann(&f);

    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_ADD, "EXAMPLE.org"), ERR_EXISTS);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_ADD, "not a domain"), ERR_SYNTAX);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_REMOVE, "example.org"), ERR_INVALID);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_REMOVE, "none.example"), ERR_NOT_FOUND);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "ann", "b@example.org"), ERR_EXISTS);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "../x", "b@example.org"), ERR_INVALID);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "bob", "ann@example.org"), ERR_EXISTS);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "bob", "@example.org"), ERR_SYNTAX);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "bob", "bob@example.org"), 0);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "b+c@example.org", "bob"),
                     ERR_INVALID);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "b@example.org", "nobody"),
                     ERR_NOT_FOUND);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_REMOVE, "b@example.org", ""),
                     ERR_NOT_FOUND);
    assert_int_equal(fixture_append(&f, s, "Inbox", "mail", 0, NULL), 0);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "ann", ""), 0);
    assert_int_equal(fixture_open_mailbox(&f, s, "Inbox"), ERR_DENIED);
    assert_int_equal(fixture_login(&f, "ann@example.org", "correct horse", &session), ERR_DENIED);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "ann", ""), ERR_NOT_FOUND);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_REMOVE, "bob@example.org", ""), 0);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_REMOVE, "example.org"), 0);
    fixture_end(&f);
}

static void test_login(void **state)
{
    struct fixture f;
    uint64_t one, two;

    (void)state;
    fixture_start(&f, 1);
    one = fixture_ann(&f);
    /* Twice: the second time it is remembered. */
    assert_int_equal(fixture_login(&f, "Ann@EXAMPLE.org", "correct horse", &two), 0);
    assert_true(one != two);
    assert_int_equal(fixture_login(&f, "ann@example.org", "wrong horse", &two), ERR_DENIED);
    assert_int_equal(fixture_login(&f, "ann", "correct horse", &two), ERR_DENIED);
    assert_int_equal(fixture_login(&f, "postmaster", "correct horse", &two), ERR_DENIED);
    assert_int_equal(fixture_login(&f, "bob@example.org", "correct horse", &two), ERR_DENIED);
    assert_int_equal(fixture_login(&f, "ann@example.org", "", &two), ERR_DENIED);
    assert_int_equal(fixture_password(&f, "ann", "7 chars"), ERR_INVALID);
    assert_int_equal(fixture_password(&f, "ann", "with\tcontrol"), ERR_INVALID);
    assert_int_equal(fixture_password(&f, "bob", "correct horse"), ERR_NOT_FOUND);
    assert_int_equal(fixture_open_mailbox(&f, one, "Inbox"), 0);
    assert_int_equal(fixture_password(&f, "ann", "8 chars!"), 0);
    assert_int_equal(fixture_open_mailbox(&f, one, "Inbox"), ERR_DENIED);
    assert_int_equal(fixture_login(&f, "ann@example.org", "correct horse", &two), ERR_DENIED);
    assert_int_equal(fixture_login(&f, "ann@example.org",
                                   "8\xc2\xa0"
                                   "chars!",
                                   &two),
                     0);
    fixture_end(&f);
}

static int64_t number_of(const struct fixture *f, const char *sql)
{
    char path[128];
    struct db *db;
    struct db_row r;
    struct err err;

    (void)snprintf(path, sizeof(path), "%s/shard-00/shard.db", f->directory);
    assert_int_equal(db_open(path, DB_READ_ONLY, &db, &err), 0);
    assert_int_equal(db_query(db, sql, &r, &err), 0);
    assert_int_equal(db_step(&r, &err), 1);
    int64_t n = db_int(&r, 0);

    db_done(&r);
    db_close(db);
    return n;
}

/* More than is erased in one commit. */
static void test_remove_large_account(void **state)
{
    Gw__Copy message = GW__COPY__INIT;
    uint32_t all[] = {1, 64};
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    for (int i = 0; i < 64; i++)
        assert_int_equal(fixture_append(&f, s, "Inbox", "mail", 0, NULL), 0);
    FIXTURE_REQUEST(request, COPY, copy, &message, s);
    message.mailbox = 1;
    message.ranges = all;
    message.n_ranges = 2;
    message.to = fixture_text("Archive");
    for (int i = 0; i < 17; i++)
        assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
    assert_int_equal(number_of(&f, "SELECT count(*) FROM message"), 18 * 64);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "ann", ""), 0);
    assert_int_equal(number_of(&f, "SELECT count(*) FROM message"), 0);
    assert_int_equal(number_of(&f, "SELECT count(*) FROM body"), 0);
    assert_int_equal(number_of(&f, "SELECT count(*) FROM account"), 0);
    fixture_end(&f);
}

static int deliver(struct fixture *f, const char *const *to, size_t n)
{
    Gw__Deliver message = GW__DELIVER__INIT;
    Gw__Recipient rows[4], *recipients[4];
    Gw__Content content = GW__CONTENT__INIT;
    Gw__Facts facts = GW__FACTS__INIT;
    Gw__Origin origin = GW__ORIGIN__INIT;
    FIXTURE_REQUEST(request, DELIVER, deliver, &message, 0);

    for (size_t i = 0; i < n; i++) {
        gw__recipient__init(&rows[i]);
        rows[i].address = fixture_text(to[i]);
        rows[i].prefix = fixture_text("Return-Path: <>\r\n");
        recipients[i] = &rows[i];
    }
    content.inline_ = fixture_text("Subject: hi\r\n\r\ntext\r\n");
    content.facts = &facts;
    message.content = &content;
    message.origin = &origin;
    message.recipients = recipients;
    message.n_recipients = n;
    return fixture_ask(f, STORE_MX, &request);
}

static void test_deliver(void **state)
{
    struct fixture f;
    static const char *const to[] = {"ann@example.org", "nobody@example.org", "bob@example.org",
                                     "ANN@example.org"};
    uint64_t bob = 0;

    (void)state;
    fixture_start(&f, 2);
    uint64_t ann = fixture_ann(&f);

    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "bob", "bob@example.org"), 0);
    assert_int_equal(fixture_password(&f, "bob", "staple battery"), 0);
    assert_int_equal(fixture_login(&f, "bob@example.org", "staple battery", &bob), 0);
    assert_int_equal(deliver(&f, to, 4), 0);
    assert_int_equal(f.response->delivered->n_outcomes, 4);
    assert_int_equal(f.response->delivered->outcomes[0]->kind, 0);
    assert_int_equal(f.response->delivered->outcomes[1]->kind, ERR_NOT_FOUND);
    assert_int_equal(f.response->delivered->outcomes[2]->kind, 0);
    assert_int_equal(f.response->delivered->outcomes[3]->kind, 0);
    /* The same mailbox twice is one message. */
    assert_int_equal(fixture_open_mailbox(&f, ann, "Inbox"), 0);
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 1);
    assert_int_equal(fixture_open_mailbox(&f, bob, "Inbox"), 0);
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 1);
    /* All of it is on disk. */
    store_close(f.store);
    fixture_open(&f, 2);
    assert_int_equal(fixture_login(&f, "bob@example.org", "staple battery", &bob), 0);
    assert_int_equal(fixture_open_mailbox(&f, bob, "Inbox"), 0);
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 1);
    assert_int_equal(deliver(&f, to, 0), ERR_INVALID);
    fixture_end(&f);
}

static void change(const struct fixture *f, const char *part, const char *sql)
{
    char path[128];
    struct db *db;
    struct err err;

    (void)snprintf(path, sizeof(path), "%s/%s/shard.db", f->directory, part);
    assert_int_equal(db_open(path, DB_WRITER, &db, &err), 0);
    assert_int_equal(db_script(db, sql, &err), 0);
    db_close(db);
}

/* Members in two shards: one that has the message is enough. */
static void test_deliver_to_alias(void **state)
{
    static const char *const to[] = {"all@example.org", "ann@example.org"};
    static const struct {
        const char *part, *sql;
        enum err_kind all, ann;
    } rows[] = {
        {"directory", "SELECT 1", ERR_NONE, ERR_NONE},
        {"shard-00", "UPDATE account SET quota_bytes = 1", ERR_NONE, ERR_QUOTA},
        {"shard-01", "UPDATE account SET quota_bytes = 1", ERR_NONE, ERR_NONE},
        {"shard-00", "DROP TABLE body", ERR_NONE, ERR_INTERNAL},
        {"shard-01", "DROP TABLE body", ERR_NONE, ERR_NONE},
        {"shard-00", "DELETE FROM account", ERR_NONE, ERR_UNAVAILABLE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fixture f;

        fixture_start(&f, 2);
        (void)fixture_ann(&f);
        assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "bob", "bob@example.org"), 0);
        change(&f, "directory",
               "INSERT INTO alias VALUES ('example.org', 'all', 1, 0, 0);"
               "INSERT INTO alias_member VALUES ('example.org', 'all', 'example.org', 'ann');"
               "INSERT INTO alias_member VALUES ('example.org', 'all', 'example.org', 'bob')");
        change(&f, rows[i].part, rows[i].sql);
        assert_int_equal(deliver(&f, to, 2), 0);
        assert_int_equal(f.response->delivered->outcomes[0]->kind, rows[i].all);
        assert_int_equal(f.response->delivered->outcomes[1]->kind, rows[i].ann);
        fixture_end(&f);
    }
}

static void test_list(void **state)
{
    struct fixture f;
    Gw__DirectoryList message = GW__DIRECTORY_LIST__INIT;
    FIXTURE_REQUEST(request, DIRECTORY_LIST, directory_list, &message, 0);

    (void)state;
    fixture_start(&f, 1);
    fixture_ann(&f);
    message.what = GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESSES;
    assert_int_equal(fixture_ask(&f, STORE_ADMIN, &request), 0);
    assert_int_equal(f.response->directory->n_rows, 1);
    assert_true(
        slice_eq(rpc_slice(f.response->directory->rows[0]->name), SLICE("ann@example.org")));
    assert_true(slice_eq(rpc_slice(f.response->directory->rows[0]->account), SLICE("ann")));
    message.after = fixture_text("ann@example.org");
    assert_int_equal(fixture_ask(&f, STORE_ADMIN, &request), 0);
    assert_int_equal(f.response->directory->n_rows, 0);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolve), cmocka_unit_test(test_edit),
        cmocka_unit_test(test_login),   cmocka_unit_test(test_remove_large_account),
        cmocka_unit_test(test_deliver), cmocka_unit_test(test_deliver_to_alias),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
