/* WebSessionOpen, WebSessionUse, WebSessionClose, PasswordChange: logins of browsers. */
#include "store_fixture.h"

#include "base/num.h"

struct tokens {
    uint8_t token[16], csrf[16];
};

static ProtobufCBinaryData octets(const uint8_t text[16])
{
    return rpc_bytes(slice_of(text, 16));
}

/* Logs in and opens a web session. */
static struct tokens open_session(struct fixture *f, const char *password)
{
    Gw__WebSessionOpen message = GW__WEB_SESSION_OPEN__INIT;
    struct tokens t;
    uint64_t session = 0;

    assert_int_equal(fixture_login(f, "ann@example.org", password, &session), 0);
    FIXTURE_REQUEST(request, WEB_SESSION_OPEN, web_session_open, &message, session);
    message.address = fixture_text("ann@example.org");
    assert_int_equal(fixture_ask(f, STORE_WEB, &request), 0);
    const Gw__WebSessionOpened *opened = f->response->web_session_opened;

    assert_int_equal(opened->token.len, 16);
    assert_int_equal(opened->csrf.len, 16);
    memcpy(t.token, opened->token.data, 16);
    memcpy(t.csrf, opened->csrf.data, 16);
    assert_memory_not_equal(t.token, t.csrf, 16);
    return t;
}

/* The store's session goes to *session_out. */
static int use(struct fixture *f, const struct tokens *t, uint64_t *session_out)
{
    Gw__WebSessionUse message = GW__WEB_SESSION_USE__INIT;
    FIXTURE_REQUEST(request, WEB_SESSION_USE, web_session_use, &message, 0);

    message.token = octets(t->token);
    message.csrf = octets(t->csrf);
    int kind = fixture_ask(f, STORE_WEB, &request);

    if (kind == 0 && session_out)
        *session_out = f->response->authenticated->session;
    return kind;
}

static void wait_hours(struct fixture *f, int64_t hours)
{
    f->clock.offset_ns += hours * 3600 * NS_PER_S;
}

static void test_use(void **state)
{
    struct fixture f;
    uint64_t session = 0;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    struct tokens a = open_session(&f, "correct horse"), b = open_session(&f, "correct horse");
    struct tokens mixed = a;

    assert_int_equal(use(&f, &a, &session), 0);
    assert_true(session != 0);
    assert_true(slice_eq(rpc_slice(f.response->authenticated->address), SLICE("ann@example.org")));
    assert_true(slice_eq(rpc_slice(f.response->authenticated->account_name), SLICE("ann")));
    memcpy(mixed.csrf, b.csrf, 16);
    assert_int_equal(use(&f, &mixed, NULL), ERR_DENIED);
    memcpy(mixed.csrf, a.token, 16);
    assert_int_equal(use(&f, &mixed, NULL), ERR_DENIED);
    /* W11: in the database, not in memory. */
    store_close(f.store);
    fixture_open(&f, 1);
    assert_int_equal(use(&f, &a, NULL), 0);
    fixture_end(&f);
}

/* W14: a day after its last use it has ended. */
static void test_lifetime(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    struct tokens t = open_session(&f, "correct horse"), idle = open_session(&f, "correct horse");

    for (int i = 0; i < 3; i++) {
        wait_hours(&f, 23);
        assert_int_equal(use(&f, &t, NULL), 0);
        /* The extension is a write of its own: after another one it is there. */
        assert_int_equal(
            fixture_domain(&f, i % 2 ? GW__EDIT__EDIT_REMOVE : GW__EDIT__EDIT_ADD, "example.net"),
            0);
    }
    assert_int_equal(use(&f, &idle, NULL), ERR_DENIED);
    wait_hours(&f, 25);
    assert_int_equal(use(&f, &t, NULL), ERR_DENIED);
    fixture_end(&f);
}

/* W14: the hundred-and-first puts out the oldest. */
static void test_number(void **state)
{
    struct tokens t[101];
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    for (size_t i = 0; i < 100; i++)
        t[i] = open_session(&f, "correct horse");
    assert_int_equal(use(&f, &t[0], NULL), 0);
    t[100] = open_session(&f, "correct horse");
    assert_int_equal(use(&f, &t[0], NULL), ERR_DENIED);
    assert_int_equal(use(&f, &t[1], NULL), 0);
    assert_int_equal(use(&f, &t[100], NULL), 0);
    fixture_end(&f);
}

static void test_close(void **state)
{
    Gw__WebSessionClose message = GW__WEB_SESSION_CLOSE__INIT;
    struct fixture f;
    uint64_t session = 0;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    struct tokens t = open_session(&f, "correct horse");

    assert_int_equal(use(&f, &t, &session), 0);
    FIXTURE_REQUEST(request, WEB_SESSION_CLOSE, web_session_close, &message, session);
    message.token = octets(t.token);
    assert_int_equal(fixture_ask(&f, STORE_WEB, &request), 0);
    assert_int_equal(fixture_ask(&f, STORE_WEB, &request), ERR_DENIED);
    assert_int_equal(use(&f, &t, NULL), ERR_DENIED);
    fixture_end(&f);
}

static int change(struct fixture *f, uint64_t session, const char *current, const char *password,
                  const struct tokens *keep)
{
    Gw__PasswordChange message = GW__PASSWORD_CHANGE__INIT;
    FIXTURE_REQUEST(request, PASSWORD_CHANGE, password_change, &message, session);

    message.current = fixture_text(current);
    message.password = fixture_text(password);
    message.token = octets(keep->token);
    return fixture_ask(f, STORE_WEB, &request);
}

/* W10 */
static void test_password_change(void **state)
{
    static const struct {
        const char *name, *current, *password;
        int kind;
    } rows[] = {
        {"wrong", "correct hors", "another horse", ERR_DENIED},
        {"empty", "", "another horse", ERR_DENIED},
        {"not a password", "a\tb", "another horse", ERR_DENIED},
        {"too short", "correct horse", "1234567", ERR_INVALID},
        {"nothing", "correct horse", "", ERR_INVALID},
    };
    struct fixture f;
    uint64_t imap = 0, session = 0;

    (void)state;
    fixture_start(&f, 1);
    imap = fixture_ann(&f);
    struct tokens own = open_session(&f, "correct horse"),
                  other = open_session(&f, "correct horse");

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(use(&f, &own, &session), 0);
        if (change(&f, session, rows[i].current, rows[i].password, &own) != rows[i].kind)
            fail_msg("%s", rows[i].name);
    }
    assert_int_equal(use(&f, &other, NULL), 0);
    assert_int_equal(fixture_open_mailbox(&f, imap, "Inbox"), 0);
    assert_int_equal(change(&f, session, "correct horse", "another horse", &own), 0);
    assert_int_equal(fixture_open_mailbox(&f, imap, "Inbox"), ERR_DENIED);
    assert_int_equal(use(&f, &other, NULL), ERR_DENIED);
    assert_int_equal(use(&f, &own, NULL), 0);
    assert_int_equal(fixture_login(&f, "ann@example.org", "correct horse", &session), ERR_DENIED);
    /* An administrator's change ends them all. */
    assert_int_equal(fixture_password(&f, "ann", "third horse"), 0);
    assert_int_equal(use(&f, &own, NULL), ERR_DENIED);
    fixture_end(&f);
}

static void test_account_goes(void **state)
{
    Gw__AccountEdit message = GW__ACCOUNT_EDIT__INIT;
    FIXTURE_REQUEST(request, ACCOUNT_EDIT, account_edit, &message, 0);
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    struct tokens t = open_session(&f, "correct horse");

    message.edit = GW__EDIT__EDIT_DISABLE;
    message.account = fixture_text("ann");
    message.reason = fixture_text("late");
    assert_int_equal(fixture_ask(&f, STORE_ADMIN, &request), 0);
    assert_int_equal(use(&f, &t, NULL), 0);
    assert_int_equal(f.response->authenticated->session, 0);
    assert_true(slice_eq(rpc_slice(f.response->authenticated->disabled), SLICE("late")));
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "ann", ""), 0);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "ann", "ann@example.org"), 0);
    assert_int_equal(use(&f, &t, NULL), ERR_DENIED);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_use),
        cmocka_unit_test(test_lifetime),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_password_change),
        cmocka_unit_test(test_account_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
