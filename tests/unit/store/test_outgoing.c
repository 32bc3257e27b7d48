/* Sending limits: what an account sends is counted when it is stored, and only then. */
#include "store_fixture.h"

#include "base/num.h"

#define T0 (INT64_C(1767225600) * NS_PER_S)
#define HOUR (3600 * NS_PER_S)
#define DAY (24 * HOUR)
#define MINUTE (60 * NS_PER_S)
#define RECIPIENTS_MAX 201

/* recipients: local parts at example.org, with spaces between. session 0: from outside. */
static int send(struct fixture *f, uint64_t session, const char *recipients)
{
    static Gw__Recipient rows[RECIPIENTS_MAX], *list[RECIPIENTS_MAX];
    static char addresses[RECIPIENTS_MAX][64];
    Gw__Deliver message = GW__DELIVER__INIT;
    Gw__Content content = GW__CONTENT__INIT;
    Gw__Facts facts = GW__FACTS__INIT;
    Gw__Origin origin = GW__ORIGIN__INIT;
    FIXTURE_REQUEST(request, DELIVER, deliver, &message, session);

    message.recipients = list;
    for (size_t n; *recipients; recipients += n + (recipients[n] == ' ')) {
        size_t i = message.n_recipients++;

        n = strcspn(recipients, " ");
        assert_true(i < RECIPIENTS_MAX);
        (void)snprintf(addresses[i], sizeof(addresses[i]), "%.*s@example.org", (int)n, recipients);
        gw__recipient__init(&rows[i]);
        rows[i].address = fixture_text(addresses[i]);
        list[i] = &rows[i];
    }
    content.inline_ = fixture_text("Subject: hi\r\n\r\ntext\r\n");
    content.facts = &facts;
    message.content = &content;
    message.origin = &origin;
    return fixture_ask(f, session ? STORE_ACCESS : STORE_MX, &request);
}

static void limit(struct fixture *f, int64_t messages, int64_t recipients)
{
    Gw__AccountSet message = GW__ACCOUNT_SET__INIT;
    FIXTURE_REQUEST(request, ACCOUNT_SET, account_set, &message, 0);

    message.account = fixture_text("ann");
    message.has_messages_per_day = message.has_recipients_per_day = true;
    message.messages_per_day = messages;
    message.recipients_per_day = recipients;
    assert_int_equal(fixture_ask(f, STORE_ADMIN, &request), 0);
}

static void quota(struct fixture *f, int64_t bytes)
{
    Gw__AccountSet message = GW__ACCOUNT_SET__INIT;
    FIXTURE_REQUEST(request, ACCOUNT_SET, account_set, &message, 0);

    message.account = fixture_text("ann");
    message.has_quota_bytes = true;
    message.quota_bytes = bytes;
    assert_int_equal(fixture_ask(f, STORE_ADMIN, &request), 0);
}

/* ann, who gets all mail for example.org. */
static uint64_t start(struct fixture *f, int64_t messages, int64_t recipients)
{
    fixture_start(f, 2);
    uint64_t ann = fixture_ann(f);

    assert_int_equal(fixture_address(f, GW__EDIT__EDIT_ADD, "@example.org", "ann"), 0);
    limit(f, messages, recipients);
    f->clock.frozen_ns = T0;
    return ann;
}

static uint32_t stored(struct fixture *f, uint64_t ann)
{
    assert_int_equal(fixture_open_mailbox(f, ann, "Inbox"), 0);
    return f->response->mailbox_opened->mailbox->messages;
}

/* Acceptance row 202. */
static void s202_limits_of_a_day(void **state)
{
    static const struct {
        const char *to;
        int kind;
    } rows[] = {{"b", 0}, {"c", 0}, {"d", ERR_QUOTA}, {"b", 0}, {"b", 0}, {"b", ERR_QUOTA}};
    struct fixture f;
    uint64_t ann = start(&f, 4, 2);

    (void)state;
    f.clock.frozen_ns = T0 - DAY - MINUTE;
    assert_int_equal(send(&f, ann, "old"), 0);
    f.clock.frozen_ns = T0;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(send(&f, ann, rows[i].to), rows[i].kind);
    assert_int_equal(stored(&f, ann), 5);
    /* A day later all of it is forgotten, but not whom ann knows. */
    f.clock.frozen_ns = T0 + DAY - 1;
    assert_int_equal(send(&f, ann, "b"), ERR_QUOTA);
    f.clock.frozen_ns = T0 + DAY;
    assert_int_equal(send(&f, ann, "b c d"), 0);
    assert_int_equal(send(&f, ann, "d"), 0);
    assert_int_equal(send(&f, ann, "d"), ERR_QUOTA);
    fixture_end(&f);
}

/* Each recipient of a message counts, and a message is sent to all of them or to none. */
static void counts_recipients_of_one_message(void **state)
{
    struct fixture f;
    uint64_t ann = start(&f, 4, -1);

    (void)state;
    assert_int_equal(send(&f, ann, "a b c d e"), ERR_QUOTA);
    assert_int_equal(stored(&f, ann), 0);
    assert_int_equal(send(&f, ann, "a b c"), 0);
    assert_int_equal(send(&f, ann, "a b"), ERR_QUOTA);
    assert_int_equal(send(&f, ann, "a"), 0);
    assert_int_equal(stored(&f, ann), 4);
    /* Mail from outside is not what ann sends. */
    assert_int_equal(send(&f, 0, "a b c d e"), 0);
    fixture_end(&f);
}

static void knows_recipients_in_any_spelling(void **state)
{
    struct fixture f;
    uint64_t ann = start(&f, -1, 1);

    (void)state;
    assert_int_equal(send(&f, ann, "b"), 0);
    assert_int_equal(send(&f, ann, "B"), 0);
    assert_int_equal(send(&f, ann, "b+list B+Other"), 0);
    assert_int_equal(send(&f, ann, "c"), ERR_QUOTA);
    fixture_end(&f);
}

static void does_not_count_what_nobody_got(void **state)
{
    struct fixture f;
    uint64_t ann = start(&f, 1, 1);

    (void)state;
    quota(&f, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send(&f, ann, "b"), 0);
        assert_int_equal(f.response->delivered->outcomes[0]->kind, ERR_QUOTA);
    }
    quota(&f, -1);
    /* b was not written to: c is the first one. */
    assert_int_equal(send(&f, ann, "c"), 0);
    assert_int_equal(f.response->delivered->outcomes[0]->kind, 0);
    assert_int_equal(send(&f, ann, "c"), ERR_QUOTA);
    assert_int_equal(stored(&f, ann), 1);
    fixture_end(&f);
}

/* 1000 a day, to 200 new ones. */
static void limits_when_nothing_is_set(void **state)
{
    static char most[RECIPIENTS_MAX * 8];
    struct fixture f;
    uint64_t ann = start(&f, 0, 0);
    size_t used = 0;

    (void)state;
    for (int i = 0; i < 200; i++)
        used += (size_t)snprintf(most + used, sizeof(most) - used, "%sr%d", i ? " " : "", i);
    assert_int_equal(send(&f, ann, most), 0);
    assert_int_equal(send(&f, ann, "new"), ERR_QUOTA);
    for (int i = 1; i < 5; i++)
        assert_int_equal(send(&f, ann, most), 0);
    assert_int_equal(send(&f, ann, "r1"), ERR_QUOTA);
    limit(&f, -1, -1);
    assert_int_equal(send(&f, ann, "new"), 0);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(s202_limits_of_a_day),
        cmocka_unit_test(counts_recipients_of_one_message),
        cmocka_unit_test(knows_recipients_in_any_spelling),
        cmocka_unit_test(does_not_count_what_nobody_got),
        cmocka_unit_test(limits_when_nothing_is_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
