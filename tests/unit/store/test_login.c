/* Logging in at the store: challenges, app passwords, the record of attempts, and that those who do
 * not exist look like the others. The client's side is ours, from src/sasl. */
#include "store_fixture.h"

#include "base/num.h"
#include "sasl/client.h"
#include "sasl/cram.h"
#include "sasl/scram_message.h"
#include "sasl/server.h"
#include "store/challenges.h"
#include "store/slowdown.h"
#include "store/store_private.h"

static Gw__LoginOrigin origin_of(const char *protocol, const uint8_t ip[4])
{
    Gw__LoginOrigin o = GW__LOGIN_ORIGIN__INIT;

    o.protocol = fixture_text(protocol);
    o.remote_ip = rpc_bytes(slice_of(ip, 4));
    return o;
}

static const uint8_t home[4] = {192, 0, 2, 1};

static int ask_challenge(struct fixture *f, const char *mechanism, struct slice user)
{
    Gw__LoginChallenge message = GW__LOGIN_CHALLENGE__INIT;
    Gw__LoginOrigin origin = origin_of("imap", home);
    FIXTURE_REQUEST(request, LOGIN_CHALLENGE, login_challenge, &message, 0);

    message.mechanism = fixture_text(mechanism);
    message.user = rpc_bytes(user);
    message.origin = &origin;
    return fixture_ask(f, STORE_ACCESS, &request);
}

struct proof {
    const char *mechanism, *protocol;
    struct slice user, message, proof;
    uint64_t challenge;
};

static int ask_verify(struct fixture *f, const struct proof *p)
{
    Gw__Authenticate message = GW__AUTHENTICATE__INIT;
    Gw__LoginOrigin origin = origin_of(p->protocol, home);
    FIXTURE_REQUEST(request, AUTHENTICATE, authenticate, &message, 0);

    message.mechanism = fixture_text(p->mechanism);
    message.user = rpc_bytes(p->user);
    message.challenge = p->challenge;
    message.message = rpc_bytes(p->message);
    message.proof = rpc_bytes(p->proof);
    message.origin = &origin;
    return fixture_ask(f, STORE_ACCESS, &request);
}

/* A whole login; the result, or -1 - kind. replay: the same answer once more. */
static int log_in(struct fixture *f, const char *mechanism, const char *user, const char *password,
                  const char *protocol, bool replay)
{
    const struct sasl_mechanism *m = sasl_find(slice_str(mechanism));
    struct sasl_login login = {.mechanism = m,
                               .user = slice_str(user),
                               .password = slice_str(password),
                               .nonce = SLICE("client+nonce")};
    struct proof p = {.mechanism = mechanism, .protocol = protocol};
    struct sasl_client c;
    struct sasl_server s;
    enum sasl_step step;

    sasl_client_init(&c, &login);
    sasl_server_init(&s, m, NULL);
    if (sasl_client_start(&c) == SASL_CLIENT_SEND)
        step = sasl_server_take(&s, build_slice(&c.out));
    else
        step = sasl_server_start(&s);
    assert_int_equal(step, SASL_CHALLENGE);
    int kind = ask_challenge(f, mechanism, s.user);

    assert_int_equal(kind, 0);
    const Gw__LoginChallenged *challenged = f->response->login_challenged;

    p.challenge = challenged->challenge;
    assert_int_equal(sasl_server_challenge(&s, rpc_slice(challenged->text),
                                           rpc_slice(challenged->salt), challenged->iterations),
                     SASL_SEND);
    assert_int_equal(sasl_client_take(&c, build_slice(&s.out)), SASL_CLIENT_SEND);
    assert_int_equal(sasl_server_take(&s, build_slice(&c.out)), SASL_VERIFY);
    p.user = s.user;
    p.message = m->kind == SASL_SCRAM ? s.message : SLICE("");
    p.proof = s.proof;
    kind = ask_verify(f, &p);
    if (kind == 0 && replay)
        kind = ask_verify(f, &p);
    int result = kind == 0 ? (int)f->response->authenticated->result : -1 - kind;

    if (result == GW__AUTHENTICATED__RESULT__RESULT_OK && m->kind == SASL_SCRAM) {
        sasl_server_verified(&s, true, rpc_slice(f->response->authenticated->signature));
        assert_int_equal(sasl_client_take(&c, build_slice(&s.out)), SASL_CLIENT_DONE);
    }
    sasl_client_done(&c);
    sasl_server_done(&s);
    return result;
}

static const char *const by_challenge[] = {"SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"};

enum { OK = GW__AUTHENTICATED__RESULT__RESULT_OK, WRONG = GW__AUTHENTICATED__RESULT__RESULT_WRONG };

static void mechanisms(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    for (size_t i = 0; i < ARRAY_SIZE(by_challenge); i++) {
        const char *m = by_challenge[i];

        assert_int_equal(log_in(&f, m, "ann@example.org", "correct horse", "imap", false), OK);
        assert_true(f.response->authenticated->session != 0);
        assert_int_equal(log_in(&f, m, "ann+x@example.org", "correct horse", "imap", false), OK);
        assert_int_equal(log_in(&f, m, "ann@example.org", "correct hors", "imap", false), WRONG);
        assert_int_equal(f.response->authenticated->session, 0);
        assert_int_equal(log_in(&f, m, "bob@example.org", "correct horse", "imap", false), WRONG);
        assert_int_equal(log_in(&f, m, "ann@else.where", "correct horse", "imap", false), WRONG);
        /* Faults 44: a challenge is good once. */
        assert_int_equal(log_in(&f, m, "ann@example.org", "correct horse", "imap", true),
                         -1 - ERR_UNAVAILABLE);
    }
    fixture_end(&f);
}

/* Salt and iterations of an address, as text that can be compared. */
static struct slice salt_of(struct fixture *f, const char *mechanism, const char *user)
{
    assert_int_equal(ask_challenge(f, mechanism, slice_str(user)), 0);
    assert_false(f->response->login_challenged->no_secret);
    assert_int_equal(f->response->login_challenged->text.len, CHALLENGE_CHARS);
    return rpc_slice(f->response->login_challenged->salt);
}

static void s97_unknown_users(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    for (size_t i = 0; i < 2; i++) {
        const char *m = by_challenge[i];
        struct slice known = salt_of(&f, m, "ann@example.org");
        uint32_t iterations = f.response->login_challenged->iterations;
        struct slice bob = salt_of(&f, m, "bob@example.org");

        assert_int_equal(f.response->login_challenged->iterations, iterations);
        assert_int_equal(bob.n, known.n);
        assert_true(slice_eq(bob, salt_of(&f, m, "bob@example.org")));
        assert_true(slice_eq(bob, salt_of(&f, m, "BOB+x@example.org")));
        assert_false(slice_eq(bob, salt_of(&f, m, "eve@example.org")));
        assert_true(slice_eq(known, salt_of(&f, m, "ann@example.org")));
        /* The same after a restart. */
        uint8_t before[CREDENTIAL_SALT];

        memcpy(before, bob.p, sizeof(before));
        store_close(f.store);
        fixture_open(&f, 1);
        assert_memory_equal(salt_of(&f, m, "bob@example.org").p, before, sizeof(before));
    }
    fixture_end(&f);
}

struct script {
    struct write write;
    const char *sql;
};

static int script_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    return db_script(ctx->db, ((struct script *)w)->sql, err);
}

static void run_sql(struct fixture *f, const char *sql)
{
    struct script script = {.write = {.apply = script_apply}, .sql = sql};
    struct err err;

    assert_int_equal(shard_write(f->store->directory, &script.write, &err), 0);
}

static void s98_s99_without_secrets(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    run_sql(&f, "DELETE FROM credential WHERE kind <> 'password'");
    assert_int_equal(log_in(&f, "CRAM-MD5", "ann@example.org", "correct horse", "imap", false),
                     GW__AUTHENTICATED__RESULT__RESULT_NO_SECRET);
    assert_int_equal(ask_challenge(&f, "SCRAM-SHA-256", SLICE("ann@example.org")), 0);
    assert_true(f.response->login_challenged->no_secret);
    assert_int_equal(f.response->login_challenged->challenge, 0);
    /* 98: no password at all looks like no user. */
    run_sql(&f, "DELETE FROM credential");
    assert_int_equal(log_in(&f, "SCRAM-SHA-1", "ann@example.org", "correct horse", "imap", false),
                     WRONG);
    assert_int_equal(log_in(&f, "CRAM-MD5", "ann@example.org", "correct horse", "imap", false),
                     WRONG);
    fixture_end(&f);
}

static int app_password(struct fixture *f, Gw__Edit edit, const char *name, uint32_t scope,
                        int64_t expires_ns, char password_out[64])
{
    Gw__AppPasswordEdit message = GW__APP_PASSWORD_EDIT__INIT;
    FIXTURE_REQUEST(request, APP_PASSWORD_EDIT, app_password_edit, &message, 0);

    message.edit = edit;
    message.account = fixture_text("ann");
    message.name = fixture_text(name);
    message.scope = scope;
    message.expires_ns = expires_ns;
    int kind = fixture_ask(f, STORE_ADMIN, &request);

    if (kind == 0 && edit == GW__EDIT__EDIT_ADD)
        (void)snprintf(password_out, 64, "%.*s",
                       SLICE_FMT(rpc_slice(f->response->app_passwords->rows[0]->password)));
    return kind;
}

static int log_in_plain(struct fixture *f, const char *password, const char *protocol)
{
    Gw__Authenticate message = GW__AUTHENTICATE__INIT;
    Gw__LoginOrigin origin = origin_of(protocol, home);
    FIXTURE_REQUEST(request, AUTHENTICATE, authenticate, &message, 0);

    message.mechanism = fixture_text("PLAIN");
    message.user = fixture_text("ann@example.org");
    message.password = fixture_text(password);
    message.origin = &origin;
    assert_int_equal(fixture_ask(f, STORE_ACCESS, &request), 0);
    return (int)f->response->authenticated->result;
}

static void app_passwords(void **state)
{
    struct fixture f;
    char phone[64], laptop[64], old[64];
    uint64_t session = 0;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    int64_t now_ns = clock_now_ns(&f.clock);

    assert_int_equal(app_password(&f, GW__EDIT__EDIT_ADD, "phone", 1, 0, phone), 0);
    assert_int_equal(app_password(&f, GW__EDIT__EDIT_ADD, "phone", 1, 0, laptop), ERR_EXISTS);
    assert_int_equal(
        app_password(&f, GW__EDIT__EDIT_ADD, "laptop", 3, now_ns + NS_PER_S * 3600, laptop), 0);
    assert_int_equal(app_password(&f, GW__EDIT__EDIT_ADD, "past", 3, now_ns - 1, old), ERR_INVALID);
    assert_int_equal(app_password(&f, GW__EDIT__EDIT_ADD, "", 3, 0, old), ERR_INVALID);
    assert_int_equal(app_password(&f, GW__EDIT__EDIT_ADD, "x", 0, 0, old), ERR_INVALID);
    assert_int_equal(app_password(&f, GW__EDIT__EDIT_ADD, "x", 8, 0, old), ERR_INVALID);
    assert_int_equal(strlen(phone), CREDENTIAL_APP_CHARS);
    assert_string_not_equal(phone, laptop);
    /* All mechanisms take each of them, and the account's own still. */
    for (size_t i = 0; i < ARRAY_SIZE(by_challenge); i++) {
        const char *m = by_challenge[i];

        assert_int_equal(log_in(&f, m, "ann@example.org", phone, "imap", false), OK);
        assert_int_equal(log_in(&f, m, "ann@example.org", laptop, "imap", false), OK);
        assert_int_equal(log_in(&f, m, "ann@example.org", "correct horse", "imap", false), OK);
        assert_int_equal(log_in(&f, m, "ann@example.org", phone, "submission", false), WRONG);
        assert_int_equal(log_in(&f, m, "ann@example.org", laptop, "submission", false), OK);
    }
    assert_int_equal(log_in_plain(&f, phone, "imap"), OK);
    assert_int_equal(log_in_plain(&f, phone, "submission"), WRONG);
    assert_int_equal(log_in_plain(&f, laptop, "submission"), OK);
    session = f.response->authenticated->session;
    /* The account's own changes: the others stay, with the same salts. */
    assert_int_equal(fixture_password(&f, "ann", "another horse"), 0);
    assert_int_equal(log_in_plain(&f, phone, "imap"), OK);
    assert_int_equal(log_in(&f, "SCRAM-SHA-256", "ann@example.org", phone, "imap", false), OK);
    assert_int_equal(log_in(&f, "SCRAM-SHA-256", "ann@example.org", "another horse", "imap", false),
                     OK);
    assert_int_equal(fixture_open_mailbox(&f, session, "Inbox"), ERR_DENIED);
    /* Expiry. */
    f.clock.offset_ns = NS_PER_S * 3601;
    assert_int_equal(log_in_plain(&f, laptop, "imap"), WRONG);
    assert_int_equal(log_in(&f, "CRAM-MD5", "ann@example.org", laptop, "imap", false), WRONG);
    /* Faults 48: who loses it loses his sessions. */
    assert_int_equal(log_in_plain(&f, phone, "imap"), OK);
    session = f.response->authenticated->session;
    assert_int_equal(fixture_open_mailbox(&f, session, "Inbox"), 0);
    assert_int_equal(app_password(&f, GW__EDIT__EDIT_REMOVE, "phone", 0, 0, old), 0);
    assert_int_equal(app_password(&f, GW__EDIT__EDIT_REMOVE, "phone", 0, 0, old), ERR_NOT_FOUND);
    assert_int_equal(fixture_open_mailbox(&f, session, "Inbox"), ERR_DENIED);
    assert_int_equal(log_in_plain(&f, phone, "imap"), WRONG);
    fixture_end(&f);
}

static void app_passwords_are_few(void **state)
{
    struct fixture f;
    char password[64], name[16];

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    for (int i = 0; i <= CREDENTIAL_APP_MAX; i++) {
        (void)snprintf(name, sizeof(name), "device %d", i);
        assert_int_equal(app_password(&f, GW__EDIT__EDIT_ADD, name, 7, 0, password),
                         i < CREDENTIAL_APP_MAX ? 0 : ERR_LIMIT);
    }
    assert_int_equal(log_in(&f, "SCRAM-SHA-1", "ann@example.org", password, "web", false), OK);
    fixture_end(&f);
}

static size_t attempts(struct fixture *f, const char *account, uint32_t max)
{
    Gw__LoginAttemptList message = GW__LOGIN_ATTEMPT_LIST__INIT;
    FIXTURE_REQUEST(request, LOGIN_ATTEMPT_LIST, login_attempt_list, &message, 0);

    message.account = fixture_text(account);
    message.max = max;
    assert_int_equal(fixture_ask(f, STORE_ADMIN, &request), 0);
    return f->response->login_attempts->n_rows;
}

/* Until the thread has written them; restarting the store does so at once. */
static void flush(struct fixture *f)
{
    store_close(f->store);
    fixture_open(f, 1);
}

static void record_of_attempts(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    assert_int_equal(log_in_plain(&f, "wrong horse", "imap"), WRONG);
    assert_int_equal(log_in_plain(&f, "wrong horse", "imap"), WRONG);
    assert_int_equal(log_in_plain(&f, "wrong horse", "submission"), WRONG);
    assert_int_equal(log_in(&f, "CRAM-MD5", "bob@example.org", "x", "imap", false), WRONG);
    flush(&f);
    /* Ann: the fixture's own login, two rows of hers; bob is nobody's. */
    assert_int_equal(attempts(&f, "", 0), 4);
    assert_int_equal(attempts(&f, "ann", 0), 3);
    assert_int_equal(attempts(&f, "-", 0), 1);
    assert_true(slice_eq(rpc_slice(f.response->login_attempts->rows[0]->account), SLICE("-")));
    assert_true(slice_eq(rpc_slice(f.response->login_attempts->rows[0]->result), SLICE("baduser")));
    assert_int_equal(attempts(&f, "ann", 2), 2);
    assert_true(f.response->login_attempts->more);
    assert_int_equal(f.response->login_attempts->rows[1]->count, 2);
    /* S22: they are kept for 30 days. */
    f.clock.offset_ns = INT64_C(29) * 24 * 3600 * NS_PER_S;
    flush(&f);
    assert_int_equal(attempts(&f, "", 0), 4);
    f.clock.offset_ns = INT64_C(31) * 24 * 3600 * NS_PER_S;
    for (int i = 0; i < 500 && attempts(&f, "", 0) > 0; i++) {
        flush(&f);
        (void)usleep(10000);
    }
    assert_int_equal(attempts(&f, "", 0), 0);
    fixture_end(&f);
}

static void attempts_of_a_removed_account(void **state)
{
    struct fixture f;
    char password[64];

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    assert_int_equal(app_password(&f, GW__EDIT__EDIT_ADD, "phone", 1, 0, password), 0);
    flush(&f);
    assert_int_equal(attempts(&f, "", 0), 1);
    assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_REMOVE, "ann", ""), 0);
    assert_int_equal(attempts(&f, "", 0), 0);
    fixture_end(&f);
}

/* Faults 46: many addresses guess at one account. */
static void s46_slowdown(void **state)
{
    static const uint8_t stranger[4] = {198, 51, 100, 7};
    struct fixture f;
    Gw__Authenticate message = GW__AUTHENTICATE__INIT;
    Gw__LoginOrigin origin = origin_of("imap", stranger);
    FIXTURE_REQUEST(request, AUTHENTICATE, authenticate, &message, 0);

    (void)state;
    fixture_start(&f, 1);
    (void)fixture_ann(&f);
    assert_int_equal(log_in_plain(&f, "correct horse", "imap"), OK);
    flush(&f);
    for (int i = 0; i <= SLOWDOWN_FREE; i++)
        assert_int_equal(log_in(&f, "CRAM-MD5", "ann@example.org", "x", "imap", false), WRONG);
    /* Who was here before is not held up, nor are others with the right password refused. */
    assert_int_equal(log_in_plain(&f, "correct horse", "imap"), OK);
    assert_int_equal(f.response->authenticated->delay_s, 0);
    message.mechanism = fixture_text("PLAIN");
    message.user = fixture_text("ann@example.org");
    message.password = fixture_text("correct horse");
    message.origin = &origin;
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
    assert_int_equal(f.response->authenticated->result, OK);
    assert_true(f.response->authenticated->delay_s > 0);
    /* A name that nobody has behaves alike. */
    for (int i = 0; i <= SLOWDOWN_FREE; i++)
        assert_int_equal(log_in(&f, "CRAM-MD5", "bob@example.org", "x", "imap", false), WRONG);
    assert_int_equal(log_in(&f, "CRAM-MD5", "bob@example.org", "x", "imap", false), WRONG);
    assert_true(f.response->authenticated->delay_s > 0);
    fixture_end(&f);
}

static void slowdown_counts(void **state)
{
    struct slowdown *s = slowdown_new();

    (void)state;
    for (int i = 0; i < SLOWDOWN_FREE; i++)
        slowdown_failed(s, 5, 100);
    assert_int_equal(slowdown_delay_s(s, 5, 100), 0);
    slowdown_failed(s, 5, 100);
    assert_int_equal(slowdown_delay_s(s, 5, 100), 1);
    assert_int_equal(slowdown_delay_s(s, 6, 100), 0);
    for (int i = 0; i < 1000; i++)
        slowdown_failed(s, 5, 100);
    assert_int_equal(slowdown_delay_s(s, 5, 100), SLOWDOWN_MAX_S);
    assert_int_equal(slowdown_delay_s(s, 5, 100 + 6 * 600), 0);
    slowdown_free(s);
}

static void challenges_are_good_once(void **state)
{
    struct challenges *c = challenges_new();
    char made[CHALLENGE_CHARS + 1], taken[CHALLENGE_CHARS + 1];
    uint64_t handle = challenges_make(c, 7, SLICE("x"), made);

    (void)state;
    assert_int_equal(strlen(made), CHALLENGE_CHARS);
    assert_false(challenges_take(c, 8, handle, SLICE("x"), taken));
    assert_false(challenges_take(c, 7, handle + 1, SLICE("x"), taken));
    assert_true(challenges_take(c, 7, handle, SLICE("x"), taken));
    assert_string_equal(made, taken);
    assert_false(challenges_take(c, 7, handle, SLICE("x"), taken));
    handle = challenges_make(c, 7, SLICE("x"), made);
    assert_false(challenges_take(c, 7, handle, SLICE("y"), taken));
    assert_false(challenges_take(c, 7, 0, SLICE("x"), taken));
    challenges_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mechanisms),
        cmocka_unit_test(s97_unknown_users),
        cmocka_unit_test(s98_s99_without_secrets),
        cmocka_unit_test(app_passwords),
        cmocka_unit_test(app_passwords_are_few),
        cmocka_unit_test(record_of_attempts),
        cmocka_unit_test(attempts_of_a_removed_account),
        cmocka_unit_test(s46_slowdown),
        cmocka_unit_test(slowdown_counts),
        cmocka_unit_test(challenges_are_good_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
