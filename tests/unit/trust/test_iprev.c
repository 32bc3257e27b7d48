/* Rows 370 to 373 of the SMTP specification, and I1 to I6 of that of mail authentication. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/builder.h"
#include "base/clock.h"
#include "base/num.h"
#include "scripted_dns.h"
#include "trust/iprev.h"

#define PTR4 "1.0.0.10.in-addr.arpa PTR "
#define PTR6 "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR "
#define BASIC "basic.example A 10.0.0.1\nbasic.example AAAA 2001:db8::1\n"

static const struct {
    const char *row;
    const char *ip;
    const char *zone;
    const char *result;
    bool authentic;
    const char *name; /* confirmed */
    const char *best;
    size_t names_n;
} rows[] = {
    {"370 pass", "10.0.0.1", PTR4 "basic.example\n" BASIC, "pass", true, "basic.example",
     "basic.example", 1},
    {"370 not authentic: PTR", "10.0.0.1", "-" PTR4 "basic.example\n" BASIC, "pass", false,
     "basic.example", "basic.example", 1},
    {"370 not authentic: A", "10.0.0.1", PTR4 "basic.example\n-" BASIC, "pass", false,
     "basic.example", "basic.example", 1},
    {"371 no PTR", "10.0.0.1", BASIC, "permerror", true, "", "", 0},
    {"371 PTR fails", "10.0.0.1", PTR4 "!fail\n" BASIC, "temperror", false, "", "", 0},
    {"371 PTR bogus", "10.0.0.1", PTR4 "!bogus\n" BASIC, "temperror", false, "", "", 0},
    {"371 PTR with an improper name", "10.0.0.1", PTR4 "a/b.example\n", "permerror", true, "", "",
     0},
    {"372 first absent", "10.0.0.1", PTR4 "absent.example\n" PTR4 "basic.example\n" BASIC, "pass",
     true, "basic.example", "basic.example", 2},
    {"372 first other", "10.0.0.1",
     PTR4 "other.example\n" PTR4 "basic.example\nother.example A 10.0.0.2\n" BASIC, "pass", true,
     "basic.example", "basic.example", 2},
    {"372 first other, not authentic", "10.0.0.1",
     PTR4 "other.example\n" PTR4 "basic.example\n-other.example A 10.0.0.2\n" BASIC, "pass", false,
     "basic.example", "basic.example", 2},
    {"372 second not authentic, not used", "10.0.0.1",
     PTR4 "basic.example\n" PTR4 "other.example\n-other.example A 10.0.0.1\n" BASIC, "pass", true,
     "basic.example", "basic.example", 2},
    {"372 first temperror", "10.0.0.1",
     PTR4 "broken.example\n" PTR4 "basic.example\nbroken.example * !fail\n" BASIC, "pass", false,
     "basic.example", "basic.example", 2},
    {"373 all temperror", "10.0.0.1",
     PTR4 "broken.example\n" PTR4 "bogus.example\nbroken.example * !fail\nbogus.example * !bogus\n",
     "temperror", false, "", "broken.example", 2},
    {"373 one temperror, one other", "10.0.0.1",
     PTR4 "broken.example\n" PTR4 "other.example\nbroken.example * !fail\nother.example A "
          "10.0.0.2\n",
     "temperror", false, "", "broken.example", 2},
    {"373 none matches", "10.0.0.1",
     PTR4 "other.example\n" PTR4 "absent.example\nother.example A 10.0.0.2\n", "fail", true, "",
     "other.example", 2},
    {"373 the other family matches", "10.0.0.1",
     PTR4 "other.example\nother.example AAAA 2001:db8::1\n", "fail", true, "", "other.example", 1},
    {"373 IPv6 pass", "2001:db8::1", PTR6 "basic.example\n" BASIC, "pass", true, "basic.example",
     "basic.example", 1},
    {"373 IPv6 no PTR", "2001:db8::1", BASIC, "permerror", true, "", "", 0},
    {"373 IPv6 PTR fails", "2001:db8::1", PTR6 "!fail\n", "temperror", false, "", "", 0},
    {"alias", "10.0.0.1",
     "1.0.0.10.in-addr.arpa CNAME 1.net.example\n1.net.example PTR basic.example\n" BASIC, "pass",
     true, "basic.example", "basic.example", 1},
};

static void check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct scripted_dns script;
        struct arena a;
        struct dns_call call = {&script.dns, &a, clock_mono_ns() + 60 * NS_PER_S};
        struct addr ip;
        struct iprev got;
        struct err err;

        arena_init(&a, 1 << 20);
        scripted_dns_init(&script, rows[i].zone);
        assert_int_equal(addr_parse_ip(slice_str(rows[i].ip), &ip, &err), 0);
        iprev_check(&call, &ip, &got);
        if (strcmp(iprev_result_name(got.result), rows[i].result) != 0 ||
            got.authentic != rows[i].authentic || got.names_n != rows[i].names_n ||
            !slice_eq(got.name, slice_str(rows[i].name)) ||
            !slice_eq(iprev_best_name(&got), slice_str(rows[i].best)))
            fail_msg("%s: %s%s %.*s", rows[i].row, iprev_result_name(got.result),
                     got.authentic ? " authentic" : "", SLICE_FMT(got.name));
        assert_int_equal(got.reason[0] != '\0',
                         got.result == IPREV_TEMPERROR || got.result == IPREV_PERMERROR);
        arena_done(&a);
    }
}

/* The name that leads back is at this place among many. */
static enum iprev_result among_many(size_t place, unsigned *asked_out)
{
    struct scripted_dns script;
    struct builder zone;
    struct arena a;
    struct dns_call call = {&script.dns, &a, clock_mono_ns() + 60 * NS_PER_S};
    struct addr ip;
    struct iprev got;
    struct err err;

    arena_init(&a, 1 << 20);
    build_init(&zone, 1 << 16);
    for (size_t i = 1; i <= 50; i++)
        build_printf(&zone, PTR4 "n%zu.example\n", i);
    build_printf(&zone, "n%zu.example A 10.0.0.1\n", place);
    build_byte(&zone, '\0');
    scripted_dns_init(&script, (const char *)zone.p);
    assert_int_equal(addr_parse_ip(SLICE("10.0.0.1"), &ip, &err), 0);
    iprev_check(&call, &ip, &got);
    assert_int_equal(got.names_n, IPREV_NAMES_MAX);
    build_done(&zone);
    arena_done(&a);
    *asked_out = script.asked;
    return got.result;
}

static void names_max(void **state)
{
    unsigned asked;

    (void)state;
    assert_int_equal(among_many(IPREV_NAMES_MAX - 1, &asked), IPREV_PASS);
    assert_int_equal(among_many(IPREV_NAMES_MAX, &asked), IPREV_PASS);
    assert_int_equal(among_many(IPREV_NAMES_MAX + 1, &asked), IPREV_FAIL);
    assert_int_equal(asked, 1 + IPREV_NAMES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check), cmocka_unit_test(names_max)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
