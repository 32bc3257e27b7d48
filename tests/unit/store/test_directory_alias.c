/* Aliases through the calls: editing, listing, who may post, who gets a copy; and what is disabled.
 */
#include "store_fixture.h"

#include "base/num.h"
#include "store/db.h"

#define ADD GW__ALIAS_EDIT__WHAT__WHAT_ADD
#define REMOVE GW__ALIAS_EDIT__WHAT__WHAT_REMOVE
#define UPDATE GW__ALIAS_EDIT__WHAT__WHAT_UPDATE
#define MEMBERS_ADD GW__ALIAS_EDIT__WHAT__WHAT_MEMBERS_ADD
#define MEMBERS_REMOVE GW__ALIAS_EDIT__WHAT__WHAT_MEMBERS_REMOVE
#define ON GW__ALIAS_EDIT__SETTING__SETTING_ON
#define OFF GW__ALIAS_EDIT__SETTING__SETTING_OFF

/* members: with spaces between. */
static int edit(struct fixture *f, int what, const char *alias, const char *members)
{
    Gw__AliasEdit message = GW__ALIAS_EDIT__INIT;
    ProtobufCBinaryData list[4];
    FIXTURE_REQUEST(request, ALIAS_EDIT, alias_edit, &message, 0);

    message.what = (Gw__AliasEdit__What)what;
    message.alias = fixture_text(alias);
    message.members = list;
    for (size_t n; *members; members += n + (members[n] == ' ')) {
        n = strcspn(members, " ");
        assert_true(message.n_members < ARRAY_SIZE(list));
        list[message.n_members++] = rpc_bytes(slice_of(members, n));
    }
    return fixture_ask(f, STORE_ADMIN, &request);
}

static int settings(struct fixture *f, const char *alias, Gw__AliasEdit__Setting post_public,
                    Gw__AliasEdit__Setting list_members, Gw__AliasEdit__Setting allow_msg_from)
{
    Gw__AliasEdit message = GW__ALIAS_EDIT__INIT;
    FIXTURE_REQUEST(request, ALIAS_EDIT, alias_edit, &message, 0);

    message.what = UPDATE;
    message.alias = fixture_text(alias);
    message.post_public = post_public;
    message.list_members = list_members;
    message.allow_msg_from = allow_msg_from;
    return fixture_ask(f, STORE_ADMIN, &request);
}

static int list_after(struct fixture *f, Gw__DirectoryList__What what, const char *of,
                      const char *after)
{
    Gw__DirectoryList message = GW__DIRECTORY_LIST__INIT;
    FIXTURE_REQUEST(request, DIRECTORY_LIST, directory_list, &message, 0);

    message.what = what;
    message.of = fixture_text(of);
    message.after = fixture_text(after);
    return fixture_ask(f, STORE_ADMIN, &request);
}

/* The names of the rows, each with a space behind it. */
static void assert_list(struct fixture *f, Gw__DirectoryList__What what, const char *of,
                        const char *expected)
{
    char text[256] = "";
    size_t used = 0;

    assert_int_equal(list_after(f, what, of, ""), 0);
    for (size_t i = 0; i < f->response->directory->n_rows && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s ",
                                 SLICE_FMT(rpc_slice(f->response->directory->rows[i]->name)));
    assert_string_equal(text, expected);
}

#define ALIASES GW__DIRECTORY_LIST__WHAT__WHAT_ALIASES
#define MEMBERS GW__DIRECTORY_LIST__WHAT__WHAT_ALIAS_MEMBERS
#define ADDRESSES GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESSES
#define ADDRESS GW__DIRECTORY_LIST__WHAT__WHAT_ADDRESS

static uint64_t log_in(struct fixture *f, const char *address, const char *password)
{
    uint64_t session = 0;

    assert_int_equal(fixture_login(f, address, password, &session), 0);
    assert_int_equal(f->response->authenticated->disabled.len, 0);
    return session;
}

/* ann and bob, in two shards, who are members of all@example.org. */
static void start(struct fixture *f, uint64_t *ann_out, uint64_t *bob_out)
{
    fixture_start(f, 2);
    *ann_out = fixture_ann(f);
    assert_int_equal(fixture_account(f, GW__EDIT__EDIT_ADD, "bob", "bob@example.org"), 0);
    assert_int_equal(fixture_password(f, "bob", "staple battery"), 0);
    *bob_out = log_in(f, "bob@example.org", "staple battery");
    assert_int_equal(edit(f, ADD, "All@example.org", "ANN@example.org bob@example.org"), 0);
}

static void test_edit(void **state)
{
    static const struct {
        int what;
        const char *alias, *members;
        enum err_kind kind;
        const char *after; /* the members of all@example.org */
    } rows[] = {
        {ADD, "ALL@example.org", "ann@example.org", ERR_EXISTS, "ann@example.org bob@example.org "},
        {ADD, "bob@example.org", "ann@example.org", ERR_EXISTS, "ann@example.org bob@example.org "},
        {ADD, "x@other.example", "ann@example.org", ERR_NOT_FOUND, NULL},
        {ADD, "x+y@example.org", "ann@example.org", ERR_INVALID, NULL},
        {ADD, "@example.org", "ann@example.org", ERR_SYNTAX, NULL},
        {ADD, "x@example.org", "", ERR_INVALID, NULL},
        {ADD, "x@example.org", "all@example.org", ERR_NOT_FOUND, NULL},
        {ADD, "x@example.org", "ann@example.org nobody@example.org", ERR_NOT_FOUND, NULL},
        {ADD, "x@example.org", "ann@example.org ann@EXAMPLE.org", ERR_EXISTS, NULL},
        {ADD, "x@example.org", "ann", ERR_SYNTAX, NULL},
        {MEMBERS_ADD, "all@example.org", "ann@example.org", ERR_EXISTS,
         "ann@example.org bob@example.org "},
        {MEMBERS_ADD, "x@example.org", "ann@example.org", ERR_NOT_FOUND, NULL},
        {MEMBERS_REMOVE, "all@example.org", "ann@example.org x@example.org", ERR_NOT_FOUND,
         "ann@example.org bob@example.org "},
        {MEMBERS_REMOVE, "all@example.org", "ann@example.org bob@example.org", ERR_INVALID,
         "ann@example.org bob@example.org "},
        {MEMBERS_REMOVE, "all@example.org", "Ann@example.org", ERR_NONE, "bob@example.org "},
        {MEMBERS_ADD, "all@example.org", "ann@example.org", ERR_NONE,
         "ann@example.org bob@example.org "},
        {UPDATE, "ann@example.org", "", ERR_NOT_FOUND, NULL},
        {REMOVE, "x@example.org", "", ERR_NOT_FOUND, NULL},
        {ADD, "b@example.org", "bob@example.org", ERR_NONE, "ann@example.org bob@example.org "},
    };
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int kind = edit(&f, rows[i].what, rows[i].alias, rows[i].members);

        if (kind != (int)rows[i].kind)
            fail_msg("row %zu: %d", i, kind);
        if (rows[i].after)
            assert_list(&f, MEMBERS, "all@example.org", rows[i].after);
    }
    assert_list(&f, ALIASES, "EXAMPLE.org", "all@example.org b@example.org ");
    assert_int_equal(list_after(&f, ALIASES, "other.example", ""), ERR_NOT_FOUND);
    assert_int_equal(list_after(&f, MEMBERS, "ann@example.org", ""), ERR_NOT_FOUND);
    assert_int_equal(list_after(&f, MEMBERS, "x@example.org", ""), ERR_NOT_FOUND);
    assert_int_equal(list_after(&f, MEMBERS, "all@example.org", "ann@example.org"), 0);
    assert_int_equal(f.response->directory->n_rows, 1);
    assert_int_equal(edit(&f, REMOVE, "b@example.org", ""), 0);
    assert_list(&f, ALIASES, "example.org", "all@example.org ");
    fixture_end(&f);
}

static void assert_settings(struct fixture *f, bool post_public, bool list_members,
                            bool allow_msg_from)
{
    assert_int_equal(list_after(f, MEMBERS, "all@example.org", ""), 0);
    assert_int_equal(f->response->directory->post_public, post_public);
    assert_int_equal(f->response->directory->list_members, list_members);
    assert_int_equal(f->response->directory->allow_msg_from, allow_msg_from);
}

static void test_settings(void **state)
{
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    assert_settings(&f, true, false, false);
    assert_int_equal(settings(&f, "all@example.org", OFF, 0, 0), 0);
    assert_settings(&f, false, false, false);
    assert_int_equal(settings(&f, "all@example.org", 0, ON, 0), 0);
    assert_settings(&f, false, true, false);
    assert_int_equal(settings(&f, "all@example.org", ON, OFF, ON), 0);
    assert_settings(&f, true, false, true);
    assert_int_equal(settings(&f, "x@example.org", ON, OFF, ON), ERR_NOT_FOUND);
    fixture_end(&f);
}

/* What an alias leads to stays. */
static void test_members_are_kept(void **state)
{
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "all@example.org", "ann"), ERR_EXISTS);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "c", "all@example.org"), ERR_EXISTS);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_REMOVE, "Ann@example.org", ""),
                     ERR_INVALID);
    assert_true(slice_eq(rpc_slice(f.response->error->text),
                         SLICE("first remove it from its alias: config alias rmaddr "
                               "all@example.org ann@example.org")));
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "ann", ""), ERR_INVALID);
    assert_list(&f, ADDRESSES, "ann", "ann@example.org ");
    assert_int_equal(edit(&f, MEMBERS_REMOVE, "all@example.org", "ann@example.org"), 0);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "ann", ""), 0);
    assert_int_equal(edit(&f, REMOVE, "all@example.org", ""), 0);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "bob", ""), 0);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_REMOVE, "example.org"), 0);
    fixture_end(&f);
}

static void test_lists_of_addresses(void **state)
{
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "sales@example.org", "bob"), 0);
    assert_list(&f, ADDRESSES, "bob", "bob@example.org sales@example.org ");
    assert_list(&f, ADDRESSES, "", "ann@example.org bob@example.org sales@example.org ");
    assert_int_equal(list_after(&f, ADDRESSES, "nobody", ""), ERR_NOT_FOUND);
    assert_list(&f, ADDRESS, "Sales+x@EXAMPLE.org", "sales@example.org ");
    assert_true(slice_eq(rpc_slice(f.response->directory->rows[0]->account), SLICE("bob")));
    assert_int_equal(list_after(&f, ADDRESS, "all@example.org", ""), ERR_INVALID);
    assert_list(&f, ADDRESS, "Postmaster@example.org", "postmaster@example.org ");
    assert_int_equal(list_after(&f, ADDRESS, "x@example.org", ""), ERR_NOT_FOUND);
    assert_int_equal(list_after(&f, ADDRESS, "x@other.example", ""), ERR_NOT_FOUND);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "@example.org", "ann"), 0);
    assert_list(&f, ADDRESS, "x@example.org", "x@example.org ");
    assert_list(&f, ADDRESS, "bob@example.org", "bob@example.org ");
    fixture_end(&f);
}

/* An alias is no login, also where a catch-all takes what does not exist. */
static void test_alias_is_no_login(void **state)
{
    struct fixture f;
    uint64_t ann, bob, session;

    (void)state;
    start(&f, &ann, &bob);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "@example.org", "ann"), 0);
    (void)log_in(&f, "anything@example.org", "correct horse");
    assert_int_equal(fixture_login(&f, "all@example.org", "correct horse", &session), ERR_DENIED);
    fixture_end(&f);
}

/* ---- delivery ---- */

static int deliver(struct fixture *f, const char *from, const char *const *to, size_t n)
{
    Gw__Deliver message = GW__DELIVER__INIT;
    Gw__Recipient rows[3], *recipients[3];
    Gw__Content content = GW__CONTENT__INIT;
    Gw__Facts facts = GW__FACTS__INIT;
    Gw__Origin origin = GW__ORIGIN__INIT;
    struct slice author = slice_str(from);
    size_t at = slice_rfind_byte(author, '@');
    FIXTURE_REQUEST(request, DELIVER, deliver, &message, 0);

    for (size_t i = 0; i < n; i++) {
        gw__recipient__init(&rows[i]);
        rows[i].address = fixture_text(to[i]);
        rows[i].prefix = fixture_text("Return-Path: <>\r\n");
        recipients[i] = &rows[i];
    }
    if (author.n > 0) {
        facts.from_localpart = rpc_bytes(slice_sub(author, 0, at));
        facts.from_domain = rpc_bytes(slice_from(author, at + 1));
    }
    content.inline_ = fixture_text("Subject: hi\r\n\r\ntext\r\n");
    content.facts = &facts;
    message.content = &content;
    message.origin = &origin;
    message.recipients = recipients;
    message.n_recipients = n;
    return fixture_ask(f, STORE_MX, &request);
}

static uint32_t count(struct fixture *f, uint64_t session)
{
    assert_int_equal(fixture_open_mailbox(f, session, "Inbox"), 0);
    return f->response->mailbox_opened->mailbox->messages;
}

/* Each row is one message; what ann and bob have more afterwards. */
static void test_deliver(void **state)
{
    static const struct {
        Gw__AliasEdit__Setting post_public, allow_msg_from;
        const char *from;
        const char *to[3];
        enum err_kind kinds[3];
        uint32_t ann, bob;
    } rows[] = {
        {ON, OFF, "other@example.net", {"all@example.org"}, {0}, 1, 1},
        {ON, OFF, "", {"ALL+x@Example.ORG"}, {0}, 1, 1},
        {OFF, OFF, "other@example.net", {"all@example.org"}, {ERR_DENIED}, 0, 0},
        {OFF, OFF, "", {"all@example.org"}, {ERR_DENIED}, 0, 0},
        {OFF, ON, "carl@example.org", {"all@example.org"}, {ERR_DENIED}, 0, 0},
        /* members, also in another spelling, and not to themselves */
        {OFF, OFF, "ann@example.org", {"all@example.org"}, {0}, 0, 1},
        {OFF, OFF, "Ann+x@EXAMPLE.org", {"all@example.org"}, {0}, 0, 1},
        /* the alias itself */
        {ON, OFF, "all@example.org", {"all@example.org"}, {ERR_DENIED}, 0, 0},
        {OFF, ON, "all@example.org", {"all@example.org"}, {0}, 1, 1},
        /* named beside the alias, in either order */
        {ON, OFF, "o@example.net", {"all@example.org", "ann@example.org"}, {0}, 1, 1},
        {ON, OFF, "o@example.net", {"ann+y@example.org", "all@example.org"}, {0}, 1, 1},
        /* the author, who is also named, and the only other member is named: nobody is left */
        {ON,
         OFF,
         "ann@example.org",
         {"all@example.org", "bob@example.org", "ann@example.org"},
         {0},
         1,
         1},
        /* a refused alias beside a recipient */
        {OFF, OFF, "o@example.net", {"all@example.org", "ann@example.org"}, {ERR_DENIED, 0}, 1, 0},
        /* two aliases with a common member */
        {ON, OFF, "o@example.net", {"all@example.org", "bobs@example.org"}, {0}, 1, 1},
        /* two addresses of one account are two destinations */
        {ON, OFF, "o@example.net", {"bob@example.org", "sales@example.org"}, {0}, 0, 2},
    };
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "sales@example.org", "bob"), 0);
    assert_int_equal(edit(&f, ADD, "bobs@example.org", "bob@example.org"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t before_ann = count(&f, ann), before_bob = count(&f, bob);
        size_t n = 0;

        while (n < ARRAY_SIZE(rows[i].to) && rows[i].to[n])
            n++;
        assert_int_equal(
            settings(&f, "all@example.org", rows[i].post_public, 0, rows[i].allow_msg_from), 0);
        assert_int_equal(deliver(&f, rows[i].from, rows[i].to, n), 0);
        for (size_t k = 0; k < n; k++) {
            if (f.response->delivered->outcomes[k]->kind != (uint32_t)rows[i].kinds[k])
                fail_msg("row %zu, recipient %zu: %u", i, k,
                         f.response->delivered->outcomes[k]->kind);
        }
        uint32_t more_ann = count(&f, ann) - before_ann, more_bob = count(&f, bob) - before_bob;

        if (more_ann != rows[i].ann || more_bob != rows[i].bob)
            fail_msg("row %zu: ann %u, bob %u", i, more_ann, more_bob);
    }
    fixture_end(&f);
}

static void assert_begins(struct fixture *f, uint64_t session, uint32_t uid, const char *text)
{
    Gw__BodyRead message = GW__BODY_READ__INIT;
    FIXTURE_REQUEST(request, BODY_READ, body_read, &message, session);

    message.mailbox = 1;
    message.uid = uid;
    message.length = 4096;
    assert_int_equal(fixture_ask(f, STORE_ACCESS, &request), 0);
    struct slice data = rpc_slice(f->response->body->data);

    if (!slice_starts(data, slice_str(text)))
        fail_msg("%.*s", SLICE_FMT(data));
}

static void test_delivered_to(void **state)
{
    static const char *const alias[] = {"all@example.org"};
    static const char *const plain[] = {"Ann+x@EXAMPLE.org"};
    static const char *const odd[] = {"a \"b@example.org"};
    static const char *const postmaster[] = {"postmaster"};
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "a \"b@example.org", "ann"), 0);
    assert_int_equal(deliver(&f, "o@example.net", alias, 1), 0);
    assert_int_equal(deliver(&f, "o@example.net", plain, 1), 0);
    assert_int_equal(deliver(&f, "o@example.net", odd, 1), 0);
    assert_int_equal(deliver(&f, "o@example.net", postmaster, 1), 0);
    assert_begins(&f, bob, 1,
                  "Delivered-To: bob@example.org\r\nReturn-Path: <>\r\nSubject: hi\r\n");
    assert_begins(&f, ann, 1,
                  "Delivered-To: ann@example.org\r\nReturn-Path: <>\r\nSubject: hi\r\n");
    assert_begins(&f, ann, 2, "Delivered-To: Ann+x@example.org\r\n");
    assert_begins(&f, ann, 3, "Delivered-To: \"a \\\"b\"@example.org\r\n");
    assert_begins(&f, ann, 4, "Delivered-To: postmaster@mail.example\r\n");
    fixture_end(&f);
}

static void test_members_that_are_full(void **state)
{
    static const char *const to[] = {"all@example.org", "ann@example.org"};
    static const char *const quota = "UPDATE account SET quota_bytes = 1";
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    for (unsigned shard = 0; shard < 2; shard++) {
        char path[128];
        struct db *db;
        struct err err;

        (void)snprintf(path, sizeof(path), "%s/shard-%02u/shard.db", f.directory, shard);
        assert_int_equal(db_open(path, DB_WRITER, &db, &err), 0);
        assert_int_equal(db_script(db, quota, &err), 0);
        db_close(db);
        assert_int_equal(deliver(&f, "o@example.net", to, 2), 0);
        /* One full member is passed over; both full are a full alias. */
        assert_int_equal(f.response->delivered->outcomes[0]->kind, shard == 0 ? 0 : ERR_QUOTA);
        assert_int_equal(f.response->delivered->outcomes[1]->kind, ERR_QUOTA);
    }
    assert_int_equal(count(&f, ann), 0);
    assert_int_equal(count(&f, bob), 1);
    fixture_end(&f);
}

/* As many members as there can be: each gets a copy, pages list all of them, and no more join. */
static void test_most_members(void **state)
{
    static const char *const to[] = {"all@example.org"};
    struct fixture f;
    uint64_t ann, bob;
    char path[128], last[64] = "";
    size_t n = 0;
    struct db *db;
    struct err err;

    (void)state;
    start(&f, &ann, &bob);
    (void)snprintf(path, sizeof(path), "%s/directory/shard.db", f.directory);
    assert_int_equal(db_open(path, DB_WRITER, &db, &err), 0);
    assert_int_equal(
        db_script(db,
                  "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT 999) "
                  "INSERT INTO address SELECT 'example.org', 'a' || i, 0, 1, '', '', '' FROM n;"
                  "INSERT INTO alias_member SELECT 'example.org', 'all', domain, localpart "
                  "FROM address WHERE localpart LIKE 'a1%' AND localpart < 'a1998';",
                  &err),
        0);
    db_close(db);
    assert_int_equal(edit(&f, MEMBERS_ADD, to[0], "a1998@example.org"), ERR_LIMIT);
    do {
        assert_int_equal(list_after(&f, MEMBERS, to[0], last), 0);
        size_t rows = f.response->directory->n_rows;

        assert_true(rows > 0);
        n += rows;
        (void)snprintf(last, sizeof(last), "%.*s",
                       SLICE_FMT(rpc_slice(f.response->directory->rows[rows - 1]->name)));
    } while (f.response->directory->more);
    assert_int_equal(n, 1000);
    assert_int_equal(deliver(&f, "", to, 1), 0);
    assert_int_equal(f.response->delivered->outcomes[0]->kind, 0);
    assert_int_equal(count(&f, ann), 999);
    assert_int_equal(count(&f, bob), 1);
    fixture_end(&f);
}

/* ---- who may send ---- */

static bool own(struct fixture *f, uint64_t session, const char *address)
{
    Gw__Resolve message = GW__RESOLVE__INIT;
    ProtobufCBinaryData addresses[] = {fixture_text(address)};
    FIXTURE_REQUEST(request, RESOLVE, resolve, &message, session);

    message.addresses = addresses;
    message.n_addresses = 1;
    message.use = GW__RESOLVE__USE__USE_SENDER;
    assert_int_equal(fixture_ask(f, STORE_ACCESS, &request), 0);
    return f->response->resolved->resolutions[0]->own;
}

static void test_own_addresses(void **state)
{
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "sales@example.org", "bob"), 0);
    assert_int_equal(edit(&f, ADD, "bobs@example.org", "sales@example.org"), 0);
    assert_true(own(&f, ann, "Ann+x@example.org"));
    assert_false(own(&f, ann, "bob@example.org"));
    assert_true(own(&f, bob, "sales@example.org"));
    assert_false(own(&f, ann, "postmaster@example.org"));
    assert_false(own(&f, ann, "nobody@example.org"));
    assert_false(own(&f, ann, "ann@example.net"));
    assert_false(own(&f, bob, "bobs@example.org"));
    assert_int_equal(settings(&f, "bobs@example.org", 0, 0, ON), 0);
    assert_true(own(&f, bob, "bobs@example.org"));
    assert_false(own(&f, ann, "bobs@example.org"));
    fixture_end(&f);
}

/* ---- disabled ---- */

static int account_edit(struct fixture *f, Gw__Edit what, const char *name, const char *reason)
{
    Gw__AccountEdit message = GW__ACCOUNT_EDIT__INIT;
    FIXTURE_REQUEST(request, ACCOUNT_EDIT, account_edit, &message, 0);

    message.edit = what;
    message.account = fixture_text(name);
    message.reason = fixture_text(reason);
    return fixture_ask(f, STORE_ADMIN, &request);
}

static void test_disabled_account(void **state)
{
    static const char *const to[] = {"ann@example.org"};
    char reason[258];
    struct fixture f;
    uint64_t ann, bob, session = 0;

    (void)state;
    start(&f, &ann, &bob);
    memset(reason, 'x', sizeof(reason));
    reason[257] = '\0';
    assert_int_equal(account_edit(&f, GW__EDIT__EDIT_DISABLE, "ann", reason), ERR_INVALID);
    assert_int_equal(account_edit(&f, GW__EDIT__EDIT_DISABLE, "ann", ""), ERR_INVALID);
    assert_int_equal(account_edit(&f, GW__EDIT__EDIT_DISABLE, "ann", " "), ERR_INVALID);
    assert_int_equal(account_edit(&f, GW__EDIT__EDIT_DISABLE, "ann", "a\r\nb"), ERR_INVALID);
    assert_int_equal(account_edit(&f, GW__EDIT__EDIT_DISABLE, "ann", "\xc3\xa4"), ERR_INVALID);
    assert_int_equal(account_edit(&f, GW__EDIT__EDIT_DISABLE, "nobody", "x"), ERR_NOT_FOUND);
    assert_int_equal(count(&f, ann), 0);
    reason[256] = '\0';
    assert_int_equal(account_edit(&f, GW__EDIT__EDIT_DISABLE, "ann", reason), 0);
    /* The session has ended; who has the password is told why. */
    assert_int_equal(fixture_open_mailbox(&f, ann, "Inbox"), ERR_DENIED);
    assert_int_equal(fixture_open_mailbox(&f, bob, "Inbox"), 0);
    assert_int_equal(fixture_login(&f, "ann@example.org", "wrong horse", &session), ERR_DENIED);
    assert_int_equal(fixture_login(&f, "ann@example.org", "correct horse", &session), 0);
    assert_int_equal(session, 0);
    assert_true(slice_eq(rpc_slice(f.response->authenticated->disabled), slice_str(reason)));
    /* Mail still arrives, and the list says it. */
    assert_int_equal(deliver(&f, "", to, 1), 0);
    assert_int_equal(f.response->delivered->outcomes[0]->kind, 0);
    assert_list(&f, GW__DIRECTORY_LIST__WHAT__WHAT_ACCOUNTS, "", "ann bob ");
    assert_true(f.response->directory->rows[0]->disabled);
    assert_int_equal(f.response->directory->rows[0]->reason.len, 256);
    assert_false(f.response->directory->rows[1]->disabled);
    assert_int_equal(account_edit(&f, GW__EDIT__EDIT_ENABLE, "ann", ""), 0);
    assert_int_equal(count(&f, log_in(&f, "ann@example.org", "correct horse")), 1);
    fixture_end(&f);
}

static void test_disabled_domain(void **state)
{
    static const char *const to[] = {"ann@example.org"};
    static const char *const alias[] = {"list@example.net"};
    struct fixture f;
    uint64_t ann, bob;

    (void)state;
    start(&f, &ann, &bob);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_ADD, "example.net"), 0);
    assert_int_equal(edit(&f, ADD, alias[0], "ann@example.org"), 0);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_DISABLE, "none.example"), ERR_NOT_FOUND);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_DISABLE, "ann@example.org", ""),
                     ERR_INVALID);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_DISABLE, "EXAMPLE.org"), 0);
    assert_int_equal(deliver(&f, "", to, 1), 0);
    assert_int_equal(f.response->delivered->outcomes[0]->kind, ERR_UNAVAILABLE);
    assert_int_equal(deliver(&f, "", alias, 1), 0);
    assert_int_equal(f.response->delivered->outcomes[0]->kind, ERR_UNAVAILABLE);
    assert_list(&f, GW__DIRECTORY_LIST__WHAT__WHAT_DOMAINS, "", "example.net example.org ");
    assert_false(f.response->directory->rows[0]->disabled);
    assert_true(f.response->directory->rows[1]->disabled);
    (void)log_in(&f, "ann@example.org", "correct horse");
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_ENABLE, "example.org"), 0);
    assert_int_equal(deliver(&f, "", to, 1), 0);
    assert_int_equal(f.response->delivered->outcomes[0]->kind, 0);
    /* A domain that has only aliases is ours. */
    assert_int_equal(deliver(&f, "", alias, 1), 0);
    assert_int_equal(f.response->delivered->outcomes[0]->kind, 0);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_REMOVE, "example.net"), ERR_INVALID);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edit),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_members_are_kept),
        cmocka_unit_test(test_lists_of_addresses),
        cmocka_unit_test(test_alias_is_no_login),
        cmocka_unit_test(test_deliver),
        cmocka_unit_test(test_delivered_to),
        cmocka_unit_test(test_members_that_are_full),
        cmocka_unit_test(test_most_members),
        cmocka_unit_test(test_own_addresses),
        cmocka_unit_test(test_disabled_account),
        cmocka_unit_test(test_disabled_domain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
