#include <stdio.h>

#include "base/clock.h"
#include "smtp/parameter_values.h"
#include "smtp/parameters.h"
#include "store.pb-c.h"
#include "unit.h"

#define NOW_NS (INT64_C(1136239445) * NS_PER_S) /* 2006-01-02T22:04:05Z */
#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

enum { STRICT = 1, SUBMISSION = 2, DSN = 4, TLS = 8, NO_REQUIRETLS = 16, UTF8 = 32 };

static struct smtp_parameter_rules rules_of(unsigned flags)
{
    return (struct smtp_parameter_rules){.size_max = 5000,
                                         .trailing_space = !(flags & STRICT),
                                         .future_release = flags & SUBMISSION,
                                         .dsn = flags & DSN,
                                         .require_tls = !(flags & NO_REQUIRETLS),
                                         .tls = flags & TLS,
                                         .now_ns = NOW_NS};
}

static const struct {
    const char *in;
    unsigned code;
    const char *ecode;
    unsigned flags;
} mail_rows[] = {
    {"", 0, NULL, STRICT},
    /* 139 */
    {" SIZE=1000", 0, NULL, STRICT},
    {" size=0", 0, NULL, STRICT},
    {" SIZE=5000", 0, NULL, STRICT},
    {" SIZE=5001", 552, "5.3.4", STRICT},
    {" SIZE=x", 501, "5.5.2", STRICT},
    {" SIZE=", 501, "5.5.2", STRICT},
    {" SIZE", 501, "5.5.2", STRICT},
    {" SIZE=9223372036854775808", 501, "5.5.2", STRICT},
    {" SIZE=99999999999999999999", 501, "5.5.2", STRICT},
    {" SIZE=000000000000000000001", 501, "5.5.2", STRICT},
    /* 140; RFC 3030 */
    {" BODY=7BIT", 0, NULL, STRICT},
    {" body=8bitmime", 0, NULL, STRICT},
    {" BODY=binarymime", 0, NULL, STRICT},
    {" BODY=9BIT", 555, "5.5.4", STRICT},
    {" BODY=", 555, "5.5.4", STRICT},
    /* 141 */
    {" AUTH=<>", 0, NULL, STRICT},
    {" AUTH=e+3Dmc2@example.com", 0, NULL, STRICT},
    {" AUTH=", 0, NULL, STRICT},
    {" AUTH=+4", 501, "5.5.2", STRICT},
    {" AUTH=+zz", 501, "5.5.2", STRICT},
    {" AUTH=+", 501, "5.5.2", STRICT},
    {" AUTH=a=b", 501, "5.5.2", STRICT},
    {" AUTH=\xc3\xa9", 501, "5.5.2", STRICT},
    /* 142 */
    {" SIZE=1 SIZE=1", 501, "5.5.4", STRICT},
    {" SIZE=1 BODY=7BIT AUTH=<> SMTPUTF8", 0, NULL, STRICT},
    {" FOO=1", 555, "5.3.3", STRICT},
    {" FOO", 555, "5.3.3", STRICT},
    {" SMTPUTF8", 0, NULL, STRICT},
    {" smtputf8", 0, NULL, STRICT},
    {" SMTPUTF8=1", 501, "5.5.2", STRICT},
    {" SMTPUTF8=", 501, "5.5.2", STRICT},
    {" SMTPUTF8 SMTPUTF8", 501, "5.5.4", STRICT},
    /* 144 */
    {" REQUIRETLS", 523, "5.7.10", STRICT},
    {" REQUIRETLS", 0, NULL, TLS},
    {" REQUIRETLS=1", 501, "5.5.2", TLS},
    {" REQUIRETLS REQUIRETLS", 501, "5.5.4", TLS},
    {" REQUIRETLS", 555, "5.3.3", TLS | NO_REQUIRETLS},
    /* 143, X2 */
    {" RET=HDRS", 555, "5.3.3", STRICT},
    {" ENVID=x", 555, "5.3.3", STRICT},
    {" NOTIFY=NEVER", 555, "5.3.3", DSN},
    {" ORCPT=rfc822;a@b", 555, "5.3.3", DSN},
    /* X3 */
    {" RET=FULL", 0, NULL, DSN},
    {" ret=hdrs", 0, NULL, DSN},
    {" ENVID=QQ314159", 0, NULL, DSN},
    {" ENVID=a+2Bb+20c", 0, NULL, DSN},
    {" ENVID=" X50 X50, 0, NULL, DSN},
    /* X4 */
    {" RET=BODY", 501, "5.5.4", DSN},
    {" RET", 501, "5.5.4", DSN},
    {" RET=FULL RET=FULL", 501, "5.5.4", DSN},
    {" ENVID=", 501, "5.5.4", DSN},
    {" ENVID", 501, "5.5.4", DSN},
    {" ENVID=a+2b", 501, "5.5.4", DSN},
    {" ENVID=a+", 501, "5.5.4", DSN},
    {" ENVID=a=b", 501, "5.5.4", DSN},
    {" ENVID=a+0Ab", 501, "5.5.4", DSN},
    {" ENVID=+00", 501, "5.5.4", DSN},
    {" ENVID=+7F", 501, "5.5.4", DSN},
    {" ENVID=" X50 X50 "x", 501, "5.5.4", DSN},
    {" ENVID=a ENVID=a", 501, "5.5.4", DSN},
    /* the table of FUTURERELEASE */
    {" HOLDFOR=1", 0, NULL, SUBMISSION},
    {" HOLDUNTIL=2006-01-02T22:05:05Z", 0, NULL, SUBMISSION},
    {" HOLDUNTIL=2006-01-02T22:05:05.123456789Z", 0, NULL, SUBMISSION},
    {" HOLDFOR=0", 501, "5.5.2", SUBMISSION},
    {" HOLDFOR=5184000", 0, NULL, SUBMISSION},
    {" HOLDFOR=5184060", 554, "5.5.4", SUBMISSION},
    {" HOLDUNTIL=2006-01-02T22:03:05Z", 554, "5.5.4", SUBMISSION},
    {" HOLDUNTIL=2006-01-02T22:04:05Z", 554, "5.5.4", SUBMISSION},
    {" HOLDUNTIL=2006-03-03T22:04:05Z", 0, NULL, SUBMISSION},
    {" HOLDUNTIL=2006-03-03T22:05:05Z", 554, "5.5.4", SUBMISSION},
    {" HOLDUNTIL=2024-02-10T17:28:00+00:00", 501, "5.5.2", SUBMISSION},
    {" HOLDUNTIL=24-02-10T17:28:00Z", 501, "5.5.2", SUBMISSION},
    {" HOLDFOR=1 HOLDFOR=1", 501, "5.5.4", SUBMISSION},
    {" HOLDFOR=1 HOLDUNTIL=2006-01-02T22:05:05Z", 501, "5.5.4", SUBMISSION},
    {" HOLDFOR=1", 555, "5.3.3", STRICT},
    {" HOLDUNTIL=2006-01-02T22:05:05Z", 555, "5.3.3", STRICT},
    {" HOLDFOR=01", 501, "5.5.2", SUBMISSION},
    {" HOLDFOR=1234567890", 501, "5.5.2", SUBMISSION},
    {" HOLDFOR=999999999", 554, "5.5.4", SUBMISSION},
    {" HOLDFOR=", 501, "5.5.2", SUBMISSION},
    {" HOLDFOR=-1", 501, "5.5.2", SUBMISSION},
    /* grammar */
    {"x", 501, "5.5.2", STRICT},
    {" -a=1", 501, "5.5.2", STRICT},
    {" SIZE=1=2", 501, "5.5.2", STRICT},
    {" FOO=1=2", 501, "5.5.2", STRICT},
    {" SIZE=1  BODY=7BIT", 501, "5.5.2", STRICT},
    {" SIZE=1\x01", 501, "5.5.2", STRICT},
    {" ", 0, NULL, 0},
    {" SIZE=1 ", 0, NULL, 0},
    {" SMTPUTF8 \t ", 0, NULL, 0},
    {"\t", 0, NULL, 0},
    {" ", 501, "5.5.2", STRICT},
    {" SIZE=1 ", 501, "5.5.2", STRICT},
    {"\t", 501, "5.5.2", STRICT},
};

static void check(const char *in, const struct smtp_reply *got, unsigned code, const char *ecode)
{
    if (got->code != code || (code != 0 && strcmp(got->ecode, ecode) != 0))
        fail_msg("\"%s\": %u %s", in, got->code, got->code ? got->ecode : "");
}

static void reads_mail_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mail_rows) / sizeof(mail_rows[0]); i++) {
        const struct smtp_parameter_rules rules = rules_of(mail_rows[i].flags);
        struct smtp_transaction t;
        struct cursor c = cur_init(slice_str(mail_rows[i].in));

        smtp_transaction_init(&t);
        struct smtp_reply got = smtp_mail_parameters(&c, &rules, &t);

        check(mail_rows[i].in, &got, mail_rows[i].code, mail_rows[i].ecode);
        smtp_transaction_done(&t);
    }
}

static void keeps_values(void **state)
{
    const struct smtp_parameter_rules rules = rules_of(SUBMISSION | DSN | TLS);
    struct cursor c =
        cur_init(SLICE(" SIZE=12 BODY=8BITMIME SMTPUTF8 REQUIRETLS HOLDFOR=60 RET=HDRS"
                       " ENVID=a+2Bb"));
    struct smtp_transaction t;

    (void)state;
    smtp_transaction_init(&t);
    assert_int_equal(smtp_mail_parameters(&c, &rules, &t).code, 0);
    assert_true(t.has_size && t.size == 12 && t.body_8bit && t.smtputf8 && t.require_tls);
    assert_int_equal(t.hold_until_ns, NOW_NS + 60 * NS_PER_S);
    assert_int_equal(t.ret, GW__WISHES__RET__RET_HDRS);
    assert_slice(t.envid, SLICE("a+2Bb"), "envid");
    smtp_transaction_reset(&t);
    assert_false(t.has_size || t.body_8bit || t.given || t.smtputf8 || t.require_tls || t.ret ||
                 t.hold_until_ns || t.envid.n);
    smtp_transaction_done(&t);
}

static const struct {
    const char *in;
    unsigned code;
    const char *ecode;
    unsigned flags, notify;
} rcpt_rows[] = {
    {"", 0, NULL, STRICT, 0},
    {" \t", 0, NULL, 0, 0},
    {"x", 501, "5.5.2", 0, 0},
    {" FOO=1", 555, "5.3.3", DSN, 0},
    {" SIZE=1", 555, "5.3.3", DSN, 0},
    /* 143, X2 */
    {" NOTIFY=NEVER", 555, "5.3.3", 0, 0},
    {" ORCPT=rfc822;a@b", 555, "5.3.3", 0, 0},
    /* X5 */
    {" NOTIFY=NEVER", 0, NULL, DSN, 1},
    {" notify=never", 0, NULL, DSN, 1},
    {" NOTIFY=SUCCESS,failure", 0, NULL, DSN, 6},
    {" NOTIFY=DELAY,DELAY", 0, NULL, DSN, 8},
    {" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;Bob@Example.COM", 0, NULL, DSN, 14},
    /* X6 */
    {" NOTIFY=", 501, "5.5.4", DSN, 0},
    {" NOTIFY", 501, "5.5.4", DSN, 0},
    {" NOTIFY=NEVER,FAILURE", 501, "5.5.4", DSN, 0},
    {" NOTIFY=FAILURE,NEVER", 501, "5.5.4", DSN, 0},
    {" NOTIFY=SUCCESS,", 501, "5.5.4", DSN, 0},
    {" NOTIFY=,SUCCESS", 501, "5.5.4", DSN, 0},
    {" NOTIFY=SUCCESS, DELAY", 501, "5.5.4", DSN, 0},
    {" NOTIFY=OK", 501, "5.5.4", DSN, 0},
    {" NOTIFY=NEVER NOTIFY=NEVER", 501, "5.5.4", DSN, 0},
    {" ORCPT=a@b", 501, "5.5.4", DSN, 0},
    {" ORCPT=;a", 501, "5.5.4", DSN, 0},
    {" ORCPT=rfc822;", 501, "5.5.4", DSN, 0},
    {" ORCPT=rfc822;a+7F", 501, "5.5.4", DSN, 0},
    {" ORCPT=rfc822;a+0A", 501, "5.5.4", DSN, 0},
    {" ORCPT=rfc822;a ORCPT=rfc822;a", 501, "5.5.4", DSN, 0},
    /* X7 */
    {" ORCPT=utf-8;jos\\x{E9}@x.example", 0, NULL, DSN, 0},
    {" ORCPT=UTF-8;jos\xc3\xa9@x.example", 0, NULL, DSN | UTF8, 0},
    {" ORCPT=utf-8;jos\xc3\xa9@x.example", 501, "5.5.4", DSN, 0},
    {" ORCPT=utf-8;jos\xe9@x.example", 501, "5.5.4", DSN | UTF8, 0},
    {" ORCPT=utf-8;jos\\x{0A}@x.example", 501, "5.5.4", DSN, 0},
    {" ORCPT=utf-8;jos\\x{D800}@x.example", 501, "5.5.4", DSN, 0},
    {" ORCPT=utf-8;jos\\x{110000}@x.example", 501, "5.5.4", DSN, 0},
    {" ORCPT=rfc822;jos\xc3\xa9@x.example", 501, "5.5.4", DSN | UTF8, 0},
    {" ORCPT=x400;C=US+3BA=", 501, "5.5.4", DSN, 0},
};

static void reads_rcpt_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rcpt_rows) / sizeof(rcpt_rows[0]); i++) {
        const struct smtp_parameter_rules rules = rules_of(rcpt_rows[i].flags);
        struct smtp_transaction t = {.smtputf8 = rcpt_rows[i].flags & UTF8};
        struct smtp_recipient r = {.unknown = false};
        struct cursor c = cur_init(slice_str(rcpt_rows[i].in));
        struct smtp_reply got = smtp_rcpt_parameters(&c, &rules, &t, &r);

        check(rcpt_rows[i].in, &got, rcpt_rows[i].code, rcpt_rows[i].ecode);
        if (got.code == 0)
            assert_int_equal(r.notify, rcpt_rows[i].notify);
    }
}

static void limits_orcpt(void **state)
{
    const struct smtp_parameter_rules rules = rules_of(DSN);
    struct smtp_transaction t = {.given = true};
    struct smtp_recipient r = {.unknown = false};
    char text[600];

    (void)state;
    for (int n = 499; n <= 501; n++) {
        (void)snprintf(text, sizeof(text), " ORCPT=rfc822;%0*d", n - 7, 7);
        struct cursor c = cur_init(slice_str(text));

        assert_int_equal(smtp_rcpt_parameters(&c, &rules, &t, &r).code, n <= 500 ? 0 : 501);
    }
    assert_int_equal(r.orcpt.n, 500);
}

static void reads_times(void **state)
{
    static const struct {
        const char *text;
        int64_t want; /* ns; -1: not a time */
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01.5Z", 1500000000},
        {"1970-01-01T00:00:00.0000000019Z", 1},
        {"2006-01-02T22:04:05Z", NOW_NS},
        {"2000-02-29T00:00:00Z", INT64_C(951782400) * NS_PER_S},
        {"1998-12-31T23:59:60Z", INT64_C(915148800) * NS_PER_S},
        {"2001-02-29T00:00:00Z", -1},
        {"2100-02-29T00:00:00Z", -1},
        {"2006-13-01T00:00:00Z", -1},
        {"2006-00-01T00:00:00Z", -1},
        {"2006-01-32T00:00:00Z", -1},
        {"2006-01-00T00:00:00Z", -1},
        {"2006-01-01T24:00:00Z", -1},
        {"2006-01-01T00:60:00Z", -1},
        {"2006-01-01T00:00:61Z", -1},
        {"2006-01-01t00:00:00Z", -1},
        {"2006-01-01T00:00:00z", -1},
        {"2006-01-01 00:00:00Z", -1},
        {"2006-01-01T00:00:00", -1},
        {"2006-01-01T00:00:00.Z", -1},
        {"2006-01-01T00:00:00Zx", -1},
        {"2006-1-01T00:00:00Z", -1},
        {"9999-12-31T23:59:59Z", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t got = -1;

        if (smtp_hold_until_parse(slice_str(rows[i].text), &got) != (rows[i].want >= 0) ||
            got != rows[i].want)
            fail_msg("%s: %lld", rows[i].text, (long long)got);
    }
}

static void collects_recipients(void **state)
{
    struct smtp_transaction t;

    (void)state;
    smtp_transaction_init(&t);
    for (size_t i = 0; i < SMTP_RECIPIENTS_MAX; i++) {
        struct smtp_recipient *r = smtp_transaction_add(&t);

        assert_non_null(r);
        assert_false(r->unknown);
        r->unknown = i % 3 == 0;
    }
    assert_int_equal(t.recipients_n, SMTP_RECIPIENTS_MAX);
    assert_true(t.recipients[999].unknown);
    assert_false(t.recipients[1].unknown);
    smtp_transaction_reset(&t);
    assert_int_equal(t.recipients_n, 0);
    smtp_transaction_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_mail_parameters), cmocka_unit_test(keeps_values),
        cmocka_unit_test(reads_rcpt_parameters), cmocka_unit_test(limits_orcpt),
        cmocka_unit_test(reads_times),           cmocka_unit_test(collects_recipients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
