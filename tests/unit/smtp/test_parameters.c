#include "smtp/parameters.h"
#include "unit.h"

static const struct {
    const char *in;
    unsigned code;
    const char *ecode;
    bool strict; /* also without tolerance for white space at the end */
} rows[] = {
    {"", 0, NULL, true},
    {" SIZE=1000", 0, NULL, true},
    {" size=0", 0, NULL, true},
    {" SIZE=5000", 0, NULL, true},
    {" SIZE=5001", 552, "5.3.4", true},
    {" SIZE=x", 501, "5.5.2", true},
    {" SIZE=", 501, "5.5.2", true},
    {" SIZE", 501, "5.5.2", true},
    {" SIZE=99999999999999999999", 501, "5.5.2", true},
    {" SIZE=000000000000000000001", 501, "5.5.2", true},
    {" BODY=7BIT", 0, NULL, true},
    {" body=8bitmime", 0, NULL, true},
    {" BODY=BINARYMIME", 555, "5.5.4", true},
    {" AUTH=<>", 0, NULL, true},
    {" AUTH=e+3Dmc2@example.com", 0, NULL, true},
    {" AUTH=", 0, NULL, true},
    {" AUTH=+4", 501, "5.5.2", true},
    {" AUTH=+zz", 501, "5.5.2", true},
    {" SIZE=1 SIZE=1", 501, "5.5.4", true},
    {" SIZE=1 BODY=7BIT AUTH=<>", 0, NULL, true},
    {" FOO=1", 555, "5.3.3", true},
    {" RET=HDRS", 555, "5.3.3", true},
    {" HOLDFOR=1", 555, "5.3.3", true},
    {" SMTPUTF8", 555, "5.3.3", true},
    {"x", 501, "5.5.2", true},
    {" -a=1", 501, "5.5.2", true},
    {" SIZE=1=2", 501, "5.5.2", true},
    {" SIZE=1  BODY=7BIT", 501, "5.5.2", true},
    {" ", 0, NULL, false},
    {" SIZE=1 ", 0, NULL, false},
    {"\t", 0, NULL, false},
};

static void reads_mail_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct smtp_parameter_rules rules = {5000, !rows[i].strict};
        struct smtp_transaction t;
        struct cursor c = cur_init(slice_str(rows[i].in));

        smtp_transaction_init(&t);
        struct smtp_reply got = smtp_mail_parameters(&c, &rules, &t);

        if (got.code != rows[i].code || (got.code != 0 && strcmp(got.ecode, rows[i].ecode) != 0))
            fail_msg("\"%s\": %u %s", rows[i].in, got.code, got.ecode ? got.ecode : "");
        smtp_transaction_reset(&t);
        if (!rows[i].strict) {
            rules.trailing_space = false;
            c = cur_init(slice_str(rows[i].in));
            assert_int_equal(smtp_mail_parameters(&c, &rules, &t).code, 501);
        }
        smtp_transaction_done(&t);
    }
}

static void keeps_values(void **state)
{
    const struct smtp_parameter_rules rules = {5000, false};
    struct cursor c = cur_init(SLICE(" SIZE=12 BODY=8BITMIME"));
    struct smtp_transaction t;

    (void)state;
    smtp_transaction_init(&t);
    assert_int_equal(smtp_mail_parameters(&c, &rules, &t).code, 0);
    assert_true(t.has_size && t.size == 12 && t.body_8bit);
    smtp_transaction_reset(&t);
    assert_false(t.has_size || t.body_8bit || t.given);
    smtp_transaction_done(&t);
}

static void refuses_rcpt_parameters(void **state)
{
    const struct smtp_parameter_rules rules = {5000, true};
    struct cursor c = cur_init(SLICE(" NOTIFY=NEVER")), none = cur_init(SLICE(" \t")),
                  bad = cur_init(SLICE("x"));

    (void)state;
    assert_int_equal(smtp_rcpt_parameters(&c, &rules).code, 555);
    assert_int_equal(smtp_rcpt_parameters(&none, &rules).code, 0);
    assert_int_equal(smtp_rcpt_parameters(&bad, &rules).code, 501);
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
        cmocka_unit_test(reads_mail_parameters),
        cmocka_unit_test(keeps_values),
        cmocka_unit_test(refuses_rcpt_parameters),
        cmocka_unit_test(collects_recipients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
