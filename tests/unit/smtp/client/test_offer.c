/* What servers announce: rows C26 to C28 and C36 of outbound 26.5. */
#include "../unit.h"

#include "sasl/mechanism.h"
#include "smtp/client/offer.h"

static const struct {
    const char *name, *in;
    bool ok;
    struct smtpc_limits limits;
} limits[] = {
    {"C26 unknown ones", " unknown=a=b -_1oK=xY", true, {0, 0, 0}},
    {"C27", " MAILMAX=123 OTHER=ignored RCPTDOMAINMAX=1 RCPTMAX=321", true, {123, 321, 1}},
    {"C28 number", " MAILMAX=invalid RCPTMAX=5", true, {0, 5, 0}},
    {"C28 syntax", " invalid syntax", false, {0, 0, 0}},
    {"C28 twice", " DUP=1 DUP=2", false, {0, 0, 0}},
    {"twice in another case", " rcptmax=1 RCPTMAX=1", false, {0, 0, 0}},
    {"two spaces", " RCPTMAX=1  MAILMAX=1", false, {0, 0, 0}},
    {"space at the end", " RCPTMAX=1 ", false, {0, 0, 0}},
    {"semicolon", " RCPTMAX=1;", false, {0, 0, 0}},
    {"empty value", " RCPTMAX=", false, {0, 0, 0}},
    {"empty", "", true, {0, 0, 0}},
    {"six digits", " RCPTMAX=999999", true, {0, 999999, 0}},
    {"seven digits", " RCPTMAX=1000000", true, {0, 0, 0}},
    {"zero", " RCPTMAX=0", true, {0, 0, 0}},
};

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct smtpc_limits got = {0};

        if (smtpc_limits_parse(slice_str(limits[i].in), &got) != limits[i].ok ||
            got.mail_max != limits[i].limits.mail_max ||
            got.rcpt_max != limits[i].limits.rcpt_max ||
            got.rcpt_domain_max != limits[i].limits.rcpt_domain_max)
            fail_msg("%s: %u %u %u", limits[i].name, got.mail_max, got.rcpt_max,
                     got.rcpt_domain_max);
    }
}

static void test_everything(void **state)
{
    struct smtpc_offer o;

    (void)state;
    smtpc_offer_parse(
        SLICE("STARTTLS SIZE 1\n starttls \nEnhancedStatusCodes\n8BITMIME\nPIPELINING\nREQUIRETLS\n"
              "DSN\nSMTPUTF8 x y\nCHUNKING\nBINARYMIME\nSIZE 1000\nX-UNKNOWN 1 2\n"
              "AUTH SCRAM-SHA-256 plain X-OWN\nLIMITS RCPTMAX=7"),
        &o);
    assert_true(o.starttls && o.enhanced && o.eightbit && o.pipelining && o.requiretls && o.dsn);
    assert_true(o.smtputf8 && o.chunking && o.binary && o.size && o.auth);
    assert_int_equal(o.size_max, 1000);
    assert_int_equal(o.limits.rcpt_max, 7);
    assert_int_equal(o.mechanisms, 1u << (sasl_find(SLICE("SCRAM-SHA-256")) - sasl_mechanisms) |
                                       1u << (sasl_find(SLICE("PLAIN")) - sasl_mechanisms));
}

/* The first line is a name, whatever it looks like. */
static void test_name(void **state)
{
    struct smtpc_offer o;

    (void)state;
    smtpc_offer_parse(SLICE("PIPELINING"), &o);
    assert_false(o.pipelining);
    smtpc_offer_parse(SLICE("x\nSIZE"), &o); /* C36 */
    assert_true(o.size);
    assert_int_equal(o.size_max, 0);
    smtpc_offer_parse(SLICE("x\nSIZE 0"), &o);
    assert_true(o.size);
    assert_int_equal(o.size_max, 0);
    smtpc_offer_parse(SLICE("x\nSIZE 99999999999999999999999"), &o);
    assert_int_equal(o.size_max, 0);
    smtpc_offer_parse(SLICE("x\nLIMITS RCPTMAX=7 RCPTMAX=8"), &o);
    assert_int_equal(o.limits.rcpt_max, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
