/* Submission with a key of a TLS client certificate, for which the fake connection stands: rows 56
 * to 69, of which tests/integration/test_tls_clients.py has the whole. */
#include "talk.h"

#define EXTERNAL "AUTH EXTERNAL =\r\n"
#define EXTERNAL_ANN "AUTH EXTERNAL YW5uQGQxLmV4YW1wbGU=\r\n"
#define EXTERNAL_BOB "AUTH EXTERNAL Ym9iQGQxLmV4YW1wbGU=\r\n"
#define FROM_ANN "MAIL FROM:<ann@d1.example>\r\n"

static void open_with(struct fake *f, enum fake_key key)
{
    f->settings.plain_auth = false;
    f->tls = true;
    f->key = key;
    fake_open(f, EDGE_SUBMISSIONS);
}

static void needs_no_auth(void **state)
{
    struct fake *f = *state;

    open_with(f, FAKE_KEY);
    say(f, HELLO FROM_ANN, "250|250 2.1.0");
    assert_int_equal(f->sessions, 1);
    assert_int_equal(f->watches, 1);
    f->watches = 0; /* the store has ended it */
    fake_wake(f, EDGE_WAKE_ENDED);
    assert_true(f->closed);
    assert_holds(output(f), "421 4.7.0 ");
}

static void external_once(void **state)
{
    struct fake *f = *state;

    open_with(f, FAKE_KEY);
    say(f, HELLO, "250");
    assert_holds(output(f), "250-AUTH EXTERNAL SCRAM-SHA-256-PLUS ");
    say(f, EXTERNAL_BOB, "535 5.7.8");
    say(f, EXTERNAL_ANN, "235 2.7.0");
    assert_int_equal(f->sessions, 1); /* in place of the certificate's */
    assert_int_equal(f->watches, 1);
    say(f, EXTERNAL, "503 5.5.1");
    say(f, FROM_ANN, "250 2.1.0");
}

static void bound_only(void **state)
{
    struct fake *f = *state;

    open_with(f, FAKE_KEY_BINDS);
    say(f, HELLO FROM_ANN EXTERNAL FROM_ANN, "250|530 5.7.0|525 5.7.13|530 5.7.0");
    assert_int_equal(f->sessions, 0);
}

/* Row 64, and the store is away. */
static void closes_without_a_word(void **state)
{
    struct fake *f = *state;

    open_with(f, FAKE_KEY_REMOVED);
    assert_true(f->closed);
    assert_int_equal(f->output.n, 0);
    f->store_down = true;
    open_with(f, FAKE_KEY);
    assert_true(f->closed);
    assert_int_equal(f->output.n, 0);
}

static void after_starttls(void **state)
{
    struct fake *f = *state;

    f->settings.plain_auth = false;
    f->tls_available = true;
    f->key = FAKE_KEY;
    fake_open(f, EDGE_SUBMISSION);
    say(f, HELLO EXTERNAL "STARTTLS\r\n", "250|538 5.7.11|220 2.0.0");
    say(f, HELLO FROM_ANN, "250|250 2.1.0");
    f->key = FAKE_KEY_REMOVED;
    fake_hang_up(f);
    f->tls = false;
    fake_open(f, EDGE_SUBMISSION);
    say(f, HELLO "STARTTLS\r\n", "250|220 2.0.0");
    assert_true(f->closed);
}

/* Row 70. */
static void nothing_on_port_25(void **state)
{
    struct fake *f = *state;

    f->tls_available = true;
    f->key = FAKE_KEY;
    fake_open(f, EDGE_SMTP);
    say(f, HELLO "STARTTLS\r\n", "250|220 2.0.0");
    say(f, HELLO EXTERNAL, "250|503 5.5.1");
    assert_int_equal(f->sessions, 0);
}

/* Row 67: nobody is asked, and after STARTTLS the client is nobody. */
static void too_many_failures(void **state)
{
    const struct limiter_config config = {.windows = {{.seconds = 60, .max = {1, 0, 0}}},
                                          .windows_n = 1};
    static const struct clock clock = {.frozen_ns = 1};
    struct fake *f = *state;

    f->settings.plain_auth = false;
    f->tls_available = true;
    f->key = FAKE_KEY_REMOVED;
    fake_open(f, EDGE_SUBMISSION);
    f->listener.auth_failures = limiter_new(&config, &clock);
    assert_true(limiter_add(f->listener.auth_failures, &f->remote, 1));
    say(f, HELLO "STARTTLS\r\n", "250|220 2.0.0");
    assert_false(f->closed);
    say(f, HELLO FROM_ANN, "250|530 5.7.0");
    fake_hang_up(f);
    limiter_free(f->listener.auth_failures);
    f->listener.auth_failures = NULL;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(needs_no_auth),  T(external_once),      T(bound_only),        T(closes_without_a_word),
        T(after_starttls), T(nothing_on_port_25), T(too_many_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
