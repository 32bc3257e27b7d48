/* Lookups over a scripted resolver: outcomes, order, what is authentic, what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/builder.h"
#include "base/clock.h"
#include "base/num.h"
#include "scripted_dns.h"

static const char zone[] =
    "both.example A 192.0.2.1\n"
    "both.example AAAA 2001:db8::1\n"
    "both.example A 192.0.2.2\n"
    "four.example A 192.0.2.4\n"
    "-six.example AAAA 2001:db8::6\n"
    "six.example A\n"
    "half.example A 192.0.2.5\n"
    "half.example AAAA !fail\n"
    "broken.example A\n"
    "broken.example AAAA !fail\n"
    "forged.example * !bogus\n"
    "mixed.example A !bogus\n"
    "mixed.example AAAA !fail\n"
    "txt.example TXT hello\n"
    "alias.example CNAME four.example\n"
    "-weak.example CNAME four.example\n"
    "loop.example CNAME pool.example\n"
    "pool.example CNAME loop.example\n"
    "mail.example MX 20 b.example\n"
    "mail.example MX 10 C.Example\n"
    "mail.example MX 20 a.example\n"
    "mail.example MX 5 bad/host.example\n"
    "mail.example MX 10 .\n"
    "null.example MX 0 .\n"
    "bad.example MX 10 a+b.example\n"
    "_25._tcp.mail.example TLSA 3 1 1 00ff10\n"
    "_25._tcp.mail.example TLSA 2 0 2\n"
    "1.2.0.192.in-addr.arpa PTR Host.example\n"
    "1.2.0.192.in-addr.arpa PTR b.example\n"
    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa "
    "PTR six.example\n";

struct fixture {
    struct scripted_dns script;
    struct arena arena;
    struct dns_call call;
};

static int set_up(void **state)
{
    static struct fixture f;

    scripted_dns_init(&f.script, zone);
    arena_init(&f.arena, 4u << 20);
    f.call = (struct dns_call){&f.script.dns, &f.arena, clock_mono_ns() + 60 * NS_PER_S};
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    arena_done(&f->arena);
    return 0;
}

static void addresses(void **state)
{
    static const struct {
        const char *name;
        enum dns_family family;
        enum dns_outcome outcome;
        bool authentic;
        bool incomplete;
        const char *all;
        const char *leads_to;
    } rows[] = {
        {"both.example", DNS_IP_ANY, DNS_FOUND, true, false, "2001:db8::1 192.0.2.1 192.0.2.2 ",
         ""},
        {"BOTH.example", DNS_IP_4, DNS_FOUND, true, false, "192.0.2.1 192.0.2.2 ", ""},
        {"both.example", DNS_IP_6, DNS_FOUND, true, false, "2001:db8::1 ", ""},
        {"four.example", DNS_IP_ANY, DNS_FOUND, true, false, "192.0.2.4 ", ""},
        {"four.example", DNS_IP_6, DNS_NO_DATA, true, false, "", ""},
        {"six.example", DNS_IP_ANY, DNS_FOUND, false, false, "2001:db8::6 ", ""},
        {"half.example", DNS_IP_ANY, DNS_FOUND, false, true, "192.0.2.5 ", ""},
        {"broken.example", DNS_IP_ANY, DNS_TEMPORARY, false, true, "", ""},
        {"forged.example", DNS_IP_ANY, DNS_BOGUS, false, true, "", ""},
        {"mixed.example", DNS_IP_ANY, DNS_BOGUS, false, true, "", ""},
        {"txt.example", DNS_IP_ANY, DNS_NO_DATA, true, false, "", ""},
        {"none.example", DNS_IP_ANY, DNS_NO_NAME, true, false, "", ""},
        {"alias.example", DNS_IP_ANY, DNS_FOUND, true, false, "192.0.2.4 ", "four.example"},
        {"weak.example", DNS_IP_ANY, DNS_FOUND, false, false, "192.0.2.4 ", "four.example"},
        {"loop.example", DNS_IP_4, DNS_TEMPORARY, false, false, "", ""},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct dns_address_list list;
        char text[ADDR_TEXT_MAX], all[256] = "";

        enum dns_outcome outcome =
            dns_addresses(&f->call, slice_str(rows[i].name), rows[i].family, &list);

        assert_int_equal(outcome, list.answer.outcome);
        for (size_t j = 0; j < list.n; j++)
            (void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ",
                           addr_ip_text(&list.v[j], text));
        if (list.answer.outcome != rows[i].outcome || list.answer.authentic != rows[i].authentic ||
            list.incomplete != rows[i].incomplete || strcmp(all, rows[i].all) != 0)
            fail_msg("%s: %s%s%s %s", rows[i].name, dns_outcome_name(list.answer.outcome),
                     list.answer.authentic ? " authentic" : "",
                     list.incomplete ? " incomplete" : "", all);
        assert_int_equal(list.answer.alias, rows[i].leads_to[0] != '\0');
        if (list.answer.alias)
            assert_true(slice_eq(list.answer.name, slice_str(rows[i].leads_to)));
        assert_int_equal(list.answer.reason[0] != '\0', dns_is_failure(rows[i].outcome));
    }
}

static void many_names(void **state)
{
    struct fixture *f = *state;
    const struct slice names[] = {SLICE("both.example"), SLICE("not a name"), SLICE("none.example"),
                                  SLICE("four.example")};
    struct dns_address_list lists[ARRAY_SIZE(names)];

    dns_addresses_all(&f->call, names, ARRAY_SIZE(names), DNS_IP_ANY, lists);
    assert_int_equal(lists[0].n, 3);
    assert_int_equal(lists[1].answer.outcome, DNS_NO_NAME);
    assert_false(lists[1].answer.authentic);
    assert_string_equal(lists[1].answer.reason, "");
    assert_int_equal(lists[2].answer.outcome, DNS_NO_NAME);
    assert_int_equal(lists[3].n, 1);
    assert_int_equal(f->script.asked, 6);
}

static void mx(void **state)
{
    struct fixture *f = *state;
    struct dns_mx_list list;

    assert_int_equal(dns_mx(&f->call, SLICE("mail.example"), &list), DNS_FOUND);
    assert_int_equal(list.n, 3);
    assert_int_equal(list.v[0].preference, 10);
    assert_true(slice_eq(list.v[0].host, SLICE("c.example")));
    assert_true(slice_eq(list.v[1].host, SLICE("b.example")));
    assert_true(slice_eq(list.v[2].host, SLICE("a.example")));
    assert_int_equal(list.answer.left_out, 1);
    assert_false(list.null_mx);
    assert_int_equal(dns_mx(&f->call, SLICE("null.example"), &list), DNS_FOUND);
    assert_true(list.null_mx);
    assert_int_equal(list.n, 0);
    assert_int_equal(dns_mx(&f->call, SLICE("bad.example"), &list), DNS_FOUND);
    assert_false(list.null_mx);
    assert_int_equal(list.n, 0);
    assert_int_equal(dns_mx(&f->call, SLICE("four.example"), &list), DNS_NO_DATA);
    assert_int_equal(dns_mx(&f->call, SLICE("forged.example"), &list), DNS_BOGUS);
    assert_string_equal(list.answer.reason, "signature expired");
}

static void text_of(struct fixture *f, size_t octets, size_t records, struct dns_text_list *list)
{
    struct builder b;

    build_init(&b, 1u << 20);
    for (size_t i = 0; i < records; i++) {
        build_text(&b, "long.example TXT ");
        for (size_t j = 0; j < octets; j++)
            build_byte(&b, (uint8_t)('a' + j % 26));
        build_byte(&b, '\n');
    }
    build_byte(&b, '\0');
    f->script.zone = (const char *)b.p;
    (void)dns_txt(&f->call, SLICE("long.example"), list);
    f->script.zone = zone;
    build_done(&b);
}

static void txt(void **state)
{
    static const size_t sizes[] = {1, 254, 255, 256, 510, 511, 60000};
    struct fixture *f = *state;
    struct dns_text_list list;

    assert_int_equal(dns_txt(&f->call, SLICE("txt.example"), &list), DNS_FOUND);
    assert_true(slice_eq(list.v[0], SLICE("hello")));
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        text_of(f, sizes[i], 1, &list);
        assert_int_equal(list.n, 1);
        assert_int_equal(list.v[0].n, sizes[i]);
        assert_int_equal(list.v[0].p[sizes[i] - 1], 'a' + (sizes[i] - 1) % 26);
        arena_reset(&f->arena);
    }
}

static void records_max(void **state)
{
    struct fixture *f = *state;
    struct dns_text_list list;

    text_of(f, 1, DNS_RECORDS_MAX - 1, &list);
    assert_int_equal(list.n, DNS_RECORDS_MAX - 1);
    text_of(f, 1, DNS_RECORDS_MAX, &list);
    assert_int_equal(list.n, DNS_RECORDS_MAX);
    text_of(f, 1, DNS_RECORDS_MAX + 1, &list);
    assert_int_equal(list.answer.outcome, DNS_TEMPORARY);
    assert_int_equal(list.n, 0);
    assert_false(list.answer.authentic);
    assert_string_equal(list.answer.reason, "too many records");
}

static void names_and_tlsa(void **state)
{
    struct fixture *f = *state;
    struct dns_name_list names;
    struct dns_tlsa_list tlsa;
    struct addr ip;
    struct err err;

    assert_int_equal(addr_parse_ip(SLICE("192.0.2.1"), &ip, &err), 0);
    assert_int_equal(dns_ptr(&f->call, &ip, &names), DNS_FOUND);
    assert_int_equal(names.n, 2);
    assert_true(slice_eq(names.v[0], SLICE("host.example")));
    assert_int_equal(addr_parse_ip(SLICE("2001:db8:1:2:3:4:567:89ab"), &ip, &err), 0);
    assert_int_equal(dns_ptr(&f->call, &ip, &names), DNS_FOUND);
    assert_true(slice_eq(names.v[0], SLICE("six.example")));
    assert_int_equal(dns_names(&f->call, SLICE("alias.example"), DNS_CNAME, &names), DNS_FOUND);
    assert_true(slice_eq(names.v[0], SLICE("four.example")));
    assert_int_equal(dns_names(&f->call, SLICE("four.example"), DNS_CNAME, &names), DNS_NO_DATA);
    assert_int_equal(dns_tlsa(&f->call, SLICE("_25._tcp.mail.example"), &tlsa), DNS_FOUND);
    assert_int_equal(tlsa.n, 2);
    assert_int_equal(tlsa.v[0].usage, 3);
    assert_int_equal(tlsa.v[0].selector, 1);
    assert_int_equal(tlsa.v[0].match, 1);
    assert_true(slice_eq(tlsa.v[0].data, slice_of("\x00\xff\x10", 3)));
    assert_int_equal(tlsa.v[1].data.n, 0);
}

static void reverse_names(void **state)
{
    struct fixture *f = *state;
    struct addr ip, none = {.ip_n = 0};
    struct err err;
    uint8_t zone_text[DNS_NAME_MAX];

    assert_int_equal(addr_parse_ip(SLICE("10.0.0.1"), &ip, &err), 0);
    assert_true(slice_eq(dns_reverse_in(&f->arena, &ip, SLICE("zone")), SLICE("1.0.0.10.zone")));
    memset(zone_text, 'z', sizeof(zone_text));
    assert_int_equal(dns_reverse_in(&f->arena, &ip, slice_of(zone_text, DNS_NAME_MAX - 9)).n,
                     DNS_NAME_MAX);
    assert_int_equal(dns_reverse_in(&f->arena, &ip, slice_of(zone_text, DNS_NAME_MAX - 8)).n, 0);
    assert_int_equal(dns_reverse_name(&f->arena, &none).n, 0);
    dns_prefetch_ptr(&f->script.dns, &none);
    assert_int_equal(f->script.prefetched, 0);
    dns_prefetch_ptr(&f->script.dns, &ip);
    assert_int_equal(f->script.prefetched, 1);
}

static void valid_names(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } rows[] = {
        {"a", true},           {"example.org", true}, {"_25._tcp.a", true}, {"a+b=c.example", true},
        {"", false},           {".", false},          {"a.", false},        {".a", false},
        {"a..b", false},       {"a b", false},        {"a\\b", false},      {"a\x7f", false},
        {"\xc3\xa9.a", false}, {"a\nb", false},
    };
    char name[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (dns_name_valid(slice_str(rows[i].name)) != rows[i].valid)
            fail_msg("%s", rows[i].name);
    memset(name, 'a', sizeof(name));
    assert_true(dns_name_valid(slice_of(name, 62)));
    assert_true(dns_name_valid(slice_of(name, 63)));
    assert_false(dns_name_valid(slice_of(name, 64)));
    for (size_t i = 1; i < sizeof(name); i += 2)
        name[i] = '.';
    assert_false(dns_name_valid(slice_of(name, 252)));
    assert_true(dns_name_valid(slice_of(name, 251)));
    assert_true(dns_name_valid(slice_of(name, 253)));
    assert_false(dns_name_valid(slice_of(name, 255)));
}

static void no_memory(void **state)
{
    struct fixture *f = *state;

    /* Whatever allocation fails, what comes out is a failure. */
    for (size_t max = 0; max < 4096; max += 64) {
        struct dns_mx_list mxs;
        struct dns_address_list list;
        struct arena a;
        struct dns_call call = {&f->script.dns, &a, f->call.deadline_ns};

        arena_init(&a, max);
        if (dns_mx(&call, SLICE("mail.example"), &mxs) == DNS_FOUND)
            assert_int_equal(mxs.n + mxs.answer.left_out + 1, 5);
        else
            assert_int_equal(mxs.answer.outcome, DNS_TEMPORARY);
        arena_reset(&a);
        if (dns_addresses(&call, SLICE("both.example"), DNS_IP_ANY, &list) == DNS_FOUND)
            assert_int_equal(list.n, 3);
        else
            assert_int_equal(list.answer.outcome, DNS_TEMPORARY);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mx, set_up, tear_down),
        cmocka_unit_test_setup_teardown(txt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_max, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_and_tlsa, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reverse_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(valid_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
