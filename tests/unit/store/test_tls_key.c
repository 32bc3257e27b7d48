/* Keys of client certificates: the calls on them, and logging in with them. */
#include "store_fixture.h"

#include "base/num.h"
#include "store/verify.h"

enum {
    OK = GW__AUTHENTICATED__RESULT__RESULT_OK,
    WRONG = GW__AUTHENTICATED__RESULT__RESULT_WRONG,
    DISABLED = GW__AUTHENTICATED__RESULT__RESULT_DISABLED
};

/* The key with that letter all over its fingerprint. */
static ProtobufCBinaryData fingerprint(char letter)
{
    static uint8_t octets[4][32];
    static size_t next;
    uint8_t *o = octets[next++ % 4];

    memset(o, letter, 32);
    return rpc_bytes(slice_of(o, 32));
}

static int add(struct fixture *f, uint64_t session, char letter, const char *address, bool opt_out)
{
    Gw__TlsKeyAdd message = GW__TLS_KEY_ADD__INIT;
    Gw__TlsKey key = GW__TLS_KEY__INIT;
    FIXTURE_REQUEST(request, TLS_KEY_ADD, tls_key_add, &message, session);

    key.fingerprint = fingerprint(letter);
    key.address = fixture_text(address);
    key.name = fixture_text("phone");
    key.type = fixture_text("ecdsa-p256");
    key.certificate = fixture_text("certificate");
    key.no_imap_preauth = opt_out;
    message.key = &key;
    return fixture_ask(f, session ? STORE_WEB : STORE_ADMIN, &request);
}

static int update(struct fixture *f, uint64_t session, char letter, const char *address,
                  const char *name)
{
    Gw__TlsKeyUpdate message = GW__TLS_KEY_UPDATE__INIT;
    Gw__TlsKey key = GW__TLS_KEY__INIT;
    FIXTURE_REQUEST(request, TLS_KEY_UPDATE, tls_key_update, &message, session);

    key.fingerprint = fingerprint(letter);
    key.address = fixture_text(address);
    key.name = fixture_text(name);
    message.key = &key;
    return fixture_ask(f, session ? STORE_WEB : STORE_ADMIN, &request);
}

static int remove_key(struct fixture *f, uint64_t session, char letter)
{
    Gw__TlsKeyRemove message = GW__TLS_KEY_REMOVE__INIT;
    FIXTURE_REQUEST(request, TLS_KEY_REMOVE, tls_key_remove, &message, session);

    message.fingerprint = fingerprint(letter);
    return fixture_ask(f, session ? STORE_WEB : STORE_ADMIN, &request);
}

/* How many keys there are; -1 - kind. */
static int list(struct fixture *f, uint64_t session, const char *account)
{
    Gw__TlsKeyList message = GW__TLS_KEY_LIST__INIT;
    FIXTURE_REQUEST(request, TLS_KEY_LIST, tls_key_list, &message, session);

    message.account = fixture_text(account);
    int kind = fixture_ask(f, session ? STORE_WEB : STORE_ADMIN, &request);

    return kind == 0 ? (int)f->response->tls_keys->n_rows : -1 - kind;
}

static void fill_origin(Gw__LoginOrigin *origin, char letter, const char *protocol)
{
    gw__login_origin__init(origin);
    origin->protocol = fixture_text(protocol);
    origin->fingerprint = fingerprint(letter);
}

/* The result, or -1 - kind. */
static int look_up(struct fixture *f, char letter)
{
    Gw__KeyLookup message = GW__KEY_LOOKUP__INIT;
    Gw__LoginOrigin origin;
    FIXTURE_REQUEST(request, KEY_LOOKUP, key_lookup, &message, 0);

    fill_origin(&origin, letter, "imap");
    message.origin = &origin;
    int kind = fixture_ask(f, STORE_ACCESS, &request);

    if (kind == 0)
        assert_int_equal(f->response->authenticated->session, 0);
    return kind == 0 ? (int)f->response->authenticated->result : -1 - kind;
}

static int log_in(struct fixture *f, const char *mechanism, char letter, const char *user,
                  const char *protocol, bool bind)
{
    Gw__Authenticate message = GW__AUTHENTICATE__INIT;
    Gw__LoginOrigin origin;
    FIXTURE_REQUEST(request, AUTHENTICATE, authenticate, &message, 0);

    fill_origin(&origin, letter, protocol);
    message.mechanism = fixture_text(mechanism);
    message.user = fixture_text(user);
    message.origin = &origin;
    message.bind = bind;
    int kind = fixture_ask(f, STORE_ACCESS, &request);

    return kind == 0 ? (int)f->response->authenticated->result : -1 - kind;
}

static int by_key(struct fixture *f, char letter, const char *protocol, bool bind)
{
    return log_in(f, "tlsclientauth", letter, "", protocol, bind);
}

static bool has_session(const struct fixture *f)
{
    return f->response->authenticated->session != 0;
}

static uint64_t add_bob(struct fixture *f)
{
    uint64_t session = 0;

    assert_int_equal(fixture_account(f, GW__EDIT__EDIT_ADD, "bob", "bob@example.org"), 0);
    assert_int_equal(fixture_password(f, "bob", "staple battery"), 0);
    assert_int_equal(fixture_login(f, "bob@example.org", "staple battery", &session), 0);
    return session;
}

static void test_registration(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t ann = fixture_ann(&f), bob = add_bob(&f);

    assert_int_equal(add(&f, ann, 'a', "ann@example.org", false), 0);
    /* Row 72. */
    assert_int_equal(add(&f, ann, 'a', "ann@example.org", false), ERR_EXISTS);
    assert_int_equal(add(&f, bob, 'a', "bob@example.org", false), ERR_EXISTS);
    assert_int_equal(add(&f, ann, 'b', "Ann@Example.org", false), ERR_INVALID);
    assert_int_equal(add(&f, ann, 'b', "ann+x@example.org", false), ERR_INVALID);
    assert_int_equal(add(&f, ann, 'b', "bob@example.org", false), ERR_INVALID);
    assert_int_equal(add(&f, 0, 'b', "nobody@example.org", false), ERR_INVALID);
    assert_int_equal(add(&f, 0, 'b', "bob@example.org", true), 0);

    assert_int_equal(list(&f, ann, ""), 1);
    assert_int_equal(list(&f, ann, "bob"), 1); /* the session's own */
    assert_true(slice_eq(rpc_slice(f.response->tls_keys->rows[0]->account), SLICE("ann")));
    assert_int_equal(f.response->tls_keys->rows[0]->certificate.len, 0);
    assert_int_equal(list(&f, 0, ""), 2);
    assert_int_equal(list(&f, 0, "bob"), 1);
    assert_true(f.response->tls_keys->rows[0]->no_imap_preauth);
    assert_int_equal(list(&f, 0, "carol"), -1 - ERR_NOT_FOUND);

    assert_int_equal(update(&f, ann, 'a', "ann@example.org", "tablet"), 0);
    assert_int_equal(update(&f, ann, 'b', "ann@example.org", "tablet"), ERR_NOT_FOUND);
    assert_int_equal(update(&f, ann, 'a', "ann@example.org", ""), ERR_INVALID);
    assert_int_equal(update(&f, 0, 'b', "ann@example.org", "stolen"), ERR_NOT_FOUND);
    assert_int_equal(remove_key(&f, ann, 'b'), ERR_NOT_FOUND);
    assert_int_equal(remove_key(&f, bob, 'b'), 0);
    assert_int_equal(remove_key(&f, 0, 'a'), 0);
    assert_int_equal(remove_key(&f, 0, 'a'), ERR_NOT_FOUND);
    fixture_end(&f);
}

static void test_pages(void **state)
{
    Gw__TlsKeyList message = GW__TLS_KEY_LIST__INIT;
    FIXTURE_REQUEST(request, TLS_KEY_LIST, tls_key_list, &message, 0);
    struct fixture f;
    size_t n = 0;
    bool more = true;
    uint8_t last[32];

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    (void)add_bob(&f);
    for (int i = 0; i < 100; i++)
        assert_int_equal(add(&f, 0, (char)i, "ann@example.org", false), 0);
    assert_int_equal(add(&f, 0, 'z' + 1, "ann@example.org", false), ERR_LIMIT);
    for (int i = 100; i < 130; i++)
        assert_int_equal(add(&f, 0, (char)(i + 20), "bob@example.org", false), 0);
    while (more) {
        assert_int_equal(fixture_ask(&f, STORE_ADMIN, &request), 0);
        const Gw__TlsKeys *page = f.response->tls_keys;

        n += page->n_rows;
        more = page->more;
        memcpy(last, page->rows[page->n_rows - 1]->fingerprint.data, sizeof(last));
        message.after = rpc_bytes(slice_of(last, sizeof(last)));
        message.after_ns = page->rows[page->n_rows - 1]->created_ns;
    }
    assert_int_equal(n, 130);
    message = (Gw__TlsKeyList)GW__TLS_KEY_LIST__INIT;
    message.fingerprint = fingerprint(3);
    assert_int_equal(fixture_ask(&f, STORE_ADMIN, &request), 0);
    assert_int_equal(f.response->tls_keys->n_rows, 1);
    assert_true(
        slice_eq(rpc_slice(f.response->tls_keys->rows[0]->certificate), SLICE("certificate")));
    fixture_end(&f);
}

static void test_login(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t ann = fixture_ann(&f);

    (void)add_bob(&f);
    assert_int_equal(add(&f, ann, 'a', "ann@example.org", false), 0);
    assert_int_equal(add(&f, ann, 'o', "ann@example.org", true), 0);
    assert_int_equal(look_up(&f, 'a'), OK);
    assert_int_equal(look_up(&f, 'x'), WRONG);
    assert_int_equal(by_key(&f, 'x', "imap", false), WRONG);
    assert_false(has_session(&f));
    assert_int_equal(by_key(&f, 'a', "imap", false), OK);
    assert_true(has_session(&f));
    assert_true(slice_eq(rpc_slice(f.response->authenticated->address), SLICE("ann@example.org")));
    assert_int_equal(by_key(&f, 'a', "imap", true), OK);
    assert_false(has_session(&f));
    assert_true(f.response->authenticated->account != 0);
    assert_int_equal(by_key(&f, 'o', "imap", false), OK);
    assert_false(has_session(&f));
    assert_int_equal(by_key(&f, 'o', "submission", false), OK);
    assert_true(has_session(&f));

    assert_int_equal(log_in(&f, "EXTERNAL", 'a', "", "imap", false), OK);
    assert_true(has_session(&f));
    assert_int_equal(log_in(&f, "EXTERNAL", 'a', "Ann+x@example.org", "imap", false), OK);
    assert_int_equal(log_in(&f, "EXTERNAL", 'a', "bob@example.org", "imap", false), WRONG);
    assert_int_equal(log_in(&f, "EXTERNAL", 'a', "nobody@example.org", "imap", false), WRONG);
    assert_int_equal(log_in(&f, "EXTERNAL", 'x', "ann@example.org", "imap", false), WRONG);
    assert_int_equal(log_in(&f, "EXTERNAL", 'x', "", "imap", false), WRONG);

    /* Removing a key ends the sessions of its account. */
    assert_int_equal(by_key(&f, 'a', "imap", false), OK);
    uint64_t imap = f.response->authenticated->session;

    assert_int_equal(fixture_open_mailbox(&f, imap, "Inbox"), 0);
    assert_int_equal(remove_key(&f, 0, 'a'), 0);
    assert_int_equal(fixture_open_mailbox(&f, imap, "Inbox"), ERR_DENIED);
    assert_int_equal(look_up(&f, 'a'), WRONG);
    fixture_end(&f);
}

/* Row 66: a key that does not preauthenticate is bound, and told why it may not log in. */
static void test_disabled(void **state)
{
    Gw__AccountEdit message = GW__ACCOUNT_EDIT__INIT;
    FIXTURE_REQUEST(request, ACCOUNT_EDIT, account_edit, &message, 0);
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t ann = fixture_ann(&f);

    assert_int_equal(add(&f, ann, 'a', "ann@example.org", false), 0);
    assert_int_equal(add(&f, ann, 'o', "ann@example.org", true), 0);
    message.edit = GW__EDIT__EDIT_DISABLE;
    message.account = fixture_text("ann");
    message.reason = fixture_text("late");
    assert_int_equal(fixture_ask(&f, STORE_ADMIN, &request), 0);
    assert_int_equal(look_up(&f, 'a'), DISABLED);
    assert_int_equal(by_key(&f, 'a', "submission", false), DISABLED);
    assert_int_equal(look_up(&f, 'o'), OK);
    assert_int_equal(by_key(&f, 'o', "submission", false), OK);
    assert_false(has_session(&f));
    assert_true(f.response->authenticated->account != 0);
    assert_int_equal(log_in(&f, "EXTERNAL", 'o', "", "submission", false), DISABLED);
    assert_true(slice_eq(rpc_slice(f.response->authenticated->disabled), SLICE("late")));
    fixture_end(&f);
}

/* Row 65, and that addresses with keys stay. */
static void test_addresses(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    (void)add_bob(&f);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "a2@example.org", "ann"), 0);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "@example.org", "ann"), 0);
    assert_int_equal(add(&f, 0, 'a', "a2@example.org", false), 0);
    assert_int_equal(add(&f, 0, 'c', "any@example.org", false), 0);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_REMOVE, "a2@example.org", ""), ERR_INVALID);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_REMOVE, "@example.org", ""), ERR_INVALID);
    assert_int_equal(fixture_domain(&f, GW__EDIT__EDIT_REMOVE, "example.org"), ERR_INVALID);
    assert_int_equal(look_up(&f, 'c'), OK);
    /* Another account gets what the catch-all had. */
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_ADD, "any@example.org", "bob"), 0);
    assert_int_equal(look_up(&f, 'c'), WRONG);
    assert_int_equal(by_key(&f, 'c', "imap", false), WRONG);
    assert_int_equal(log_in(&f, "EXTERNAL", 'c', "ann@example.org", "imap", false), WRONG);
    assert_int_equal(remove_key(&f, 0, 'c'), 0);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_REMOVE, "@example.org", ""), 0);
    assert_int_equal(update(&f, 0, 'a', "ann@example.org", "phone"), 0);
    assert_int_equal(fixture_address(&f, GW__EDIT__EDIT_REMOVE, "a2@example.org", ""), 0);
    /* The account takes its keys along. */
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "ann", ""), 0);
    assert_int_equal(look_up(&f, 'a'), WRONG);
    assert_int_equal(list(&f, 0, ""), 0);
    fixture_end(&f);
}

static int keys_apply(struct fixture *f)
{
    int n = list(f, 0, "");

    return n == 1 && f->response->tls_keys->rows[0]->last_used_ns > 0;
}

/* The record of attempts notes when a key was used. */
static void test_last_use(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    assert_int_equal(add(&f, 0, 'a', "ann@example.org", false), 0);
    assert_int_equal(look_up(&f, 'a'), OK);
    assert_int_equal(list(&f, 0, ""), 1);
    assert_int_equal(f.response->tls_keys->rows[0]->last_used_ns, 0);
    assert_int_equal(by_key(&f, 'a', "imap", false), OK);
    store_close(f.store); /* writes what is left */
    fixture_open(&f, 1);
    assert_true(keys_apply(&f));
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registration), cmocka_unit_test(test_pages),
        cmocka_unit_test(test_login),        cmocka_unit_test(test_disabled),
        cmocka_unit_test(test_addresses),    cmocka_unit_test(test_last_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
