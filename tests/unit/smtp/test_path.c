#include "smtp/path.h"
#include "unit.h"

#define X16 "xxxxxxxxxxxxxxxx"
#define X128 X16 X16 X16 X16 X16 X16 X16 X16
#define L60 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"

static const struct path_row {
    const char *in;
    const char *address; /* NULL: refused */
    const char *text;
    enum smtp_path_kind kind;
} path_rows[] = {
    {"<userc@d.bar.org>", "userc@d.bar.org", "userc@d.bar.org", SMTP_PATH_REVERSE},
    {"<@hosta.int,@jkl.org:userc@d.bar.org>", "userc@d.bar.org", "userc@d.bar.org",
     SMTP_PATH_FORWARD},
    {"<Ann@D1.Example>", "Ann@d1.example", "Ann@D1.Example", SMTP_PATH_FORWARD},
    {"<>", "", "", SMTP_PATH_REVERSE},
    {"<>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<PostMaster>", "postmaster", "postmaster", SMTP_PATH_FORWARD},
    {"<postmaster>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<\"a>b\"@example.org>", "a>b@example.org", "\"a>b\"@example.org", SMTP_PATH_REVERSE},
    {"<\"\"@example.org>", "@example.org", "\"\"@example.org", SMTP_PATH_REVERSE},
    {"<\"a\\\"b\"@example.org>", "a\"b@example.org", "\"a\\\"b\"@example.org", SMTP_PATH_REVERSE},
    {"<\"a b\"@example.org>", "a b@example.org", "\"a b\"@example.org", SMTP_PATH_REVERSE},
    {"<a%b!c@example.org>", "a%b!c@example.org", "a%b!c@example.org", SMTP_PATH_FORWARD},
    {"<;command;@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<$(x)@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<`x`@example.org>", "`x`@example.org", "`x`@example.org", SMTP_PATH_REVERSE},
    {"<a@[1.2.3.4]>", "a@[1.2.3.4]", "a@[1.2.3.4]", SMTP_PATH_FORWARD},
    {"<a@[ipv6:::1]>", "a@[ipv6:::1]", "a@[ipv6:::1]", SMTP_PATH_FORWARD},
    {"<a@[::1]>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<a@[1.2.3.4>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<a@[IPv6:1.2.3.4]>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<" X128 "@example.org>", X128 "@example.org", X128 "@example.org", SMTP_PATH_FORWARD},
    {"<" X128 "y@example.org>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<" X128 "@" L60 "." L60 ".abc>", X128 "@" L60 "." L60 ".abc", X128 "@" L60 "." L60 ".abc",
     SMTP_PATH_FORWARD},
    {"<" X128 "@" L60 "." L60 ".abcd>", NULL, NULL, SMTP_PATH_FORWARD}, /* 257 octets */
    {"<a..b@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<.a@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<a.@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<\"\x01\"@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<\"a@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<\"\"leftover@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<user@@example.com>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<user>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<@example.com>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<a@b", NULL, NULL, SMTP_PATH_REVERSE},
    {"a@b", NULL, NULL, SMTP_PATH_REVERSE},
    {"<ann@127.0.0.10>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<a@b..c>", NULL, NULL, SMTP_PATH_REVERSE},
    {"<a@b.>", NULL, NULL, SMTP_PATH_REVERSE},
    /* RFC 6531, RFC 5891 */
    {"<\xc3\xb3@B\xc3\x9c"
     "cher.example>",
     "\xc3\xb3@xn--bcher-kva.example",
     "\xc3\xb3@B\xc3\x9c"
     "cher.example",
     SMTP_PATH_FORWARD},
    {"<a@xn--BCHER-kva.example>", "a@xn--bcher-kva.example", "a@xn--BCHER-kva.example",
     SMTP_PATH_FORWARD},
    {"<@b\xc3\xbc"
     "cher.example:a@example.org>",
     "a@example.org", "a@example.org", SMTP_PATH_FORWARD},
    {"<\"\xc3\xb3\"@example.org>", "\xc3\xb3@example.org", "\"\xc3\xb3\"@example.org",
     SMTP_PATH_REVERSE},
    {"<a@\xe2\x80\xae.example>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<a@\xff.example>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<a@xn--zzzzzzzzzzzzzzzzzzzz.example>", NULL, NULL, SMTP_PATH_FORWARD},
    {"<a b@example.org>", NULL, NULL, SMTP_PATH_REVERSE},
};

static void parses_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(path_rows) / sizeof(path_rows[0]); i++) {
        const struct path_row *row = &path_rows[i];
        struct cursor c = cur_init(slice_str(row->in));
        struct smtp_path path = {0};
        struct arena a;

        arena_init(&a, 1 << 20);
        assert_true(smtp_path_parse(&a, &c, row->kind, &path));
        if ((cur_ok(&c) && cur_at_end(&c)) != (row->address != NULL))
            fail_msg("%s: accepted is %d", row->in, cur_ok(&c));
        if (row->address != NULL) {
            assert_slice(path.address, slice_str(row->address), row->in);
            assert_slice(path.text, slice_str(row->text), row->in);
        }
        arena_done(&a);
    }
}

static void marks_what_it_found(void **state)
{
    struct arena a;
    struct smtp_path path;
    struct cursor c = cur_init(SLICE("<b\xc3\xb3"
                                     "b@d1.example>"));

    (void)state;
    arena_init(&a, 1 << 20);
    assert_true(smtp_path_parse(&a, &c, SMTP_PATH_REVERSE, &path));
    assert_true(cur_ok(&c) && path.non_ascii && !path.literal && !path.null);
    c = cur_init(SLICE("<b\xc3"
                       "b@d1.example>")); /* not UTF-8 */
    assert_true(smtp_path_parse(&a, &c, SMTP_PATH_REVERSE, &path));
    assert_false(cur_ok(&c));
    c = cur_init(SLICE("<a@[192.0.2.1]>"));
    assert_true(smtp_path_parse(&a, &c, SMTP_PATH_REVERSE, &path));
    assert_true(path.literal);
    c = cur_init(SLICE("<>"));
    assert_true(smtp_path_parse(&a, &c, SMTP_PATH_REVERSE, &path));
    assert_true(path.null);
    c = cur_init(SLICE("<a\0@d1.example>"));
    assert_true(smtp_path_parse(&a, &c, SMTP_PATH_REVERSE, &path));
    assert_false(cur_ok(&c));
    arena_done(&a);
}

static void fails_without_memory(void **state)
{
    struct arena a;
    struct smtp_path path;
    struct cursor c = cur_init(SLICE("<user@example.org>"));

    (void)state;
    arena_init(&a, 8);
    assert_false(smtp_path_parse(&a, &c, SMTP_PATH_REVERSE, &path));
    arena_done(&a);
}

static void checks_domains(void **state)
{
    static const struct {
        const char *domain;
        bool ok;
    } rows[] = {
        {"host.example", true},
        {"localhost", true},
        {"a-b.example", true},
        {"ho_st", false},
        {"a..b", false},
        {"a.", false},
        {".a", false},
        {"", false},
        {"-a.example", false},
        {"a-.example", false},
        {"1.2.3.4", false},
        {"1.2.3.a4", true},
        {"4.3.2.1.example", true},
        {"xn--vg8h.example", true},
        {"xn--99999999", false},
        {"d1.example", true},
        {L60 "abc.example", true},
        {L60 "abcd.example", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (smtp_domain_valid(slice_str(rows[i].domain)) != rows[i].ok)
            fail_msg("%s", rows[i].domain);
    assert_true(smtp_literal_valid(SLICE("[1.2.3.4]")));
    assert_true(smtp_literal_valid(SLICE("[IPv6:::1]")));
    assert_false(smtp_literal_valid(SLICE("[FOO:1]")));
    assert_false(smtp_literal_valid(SLICE("[1.2.3]")));
    assert_false(smtp_literal_valid(SLICE("[]")));
}

static void decodes_xtext(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"e+3Dmc2@example.com", "e=mc2@example.com"},
        {"", ""},
        {"a+2B", "a+"},
        {"+4", NULL},
        {"+zz", NULL},
        {"+3d", NULL},
        {"a=b", NULL},
        {"a b", NULL},
        {"+", NULL},
        {"\x7f", NULL},
    };
    struct arena a;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice out;
        bool ok = smtp_xtext_decode(&a, slice_str(rows[i].in), &out);

        if (ok != (rows[i].out != NULL))
            fail_msg("%s: %d", rows[i].in, ok);
        if (ok)
            assert_slice(out, slice_str(rows[i].out), rows[i].in);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_paths),         cmocka_unit_test(marks_what_it_found),
        cmocka_unit_test(fails_without_memory), cmocka_unit_test(checks_domains),
        cmocka_unit_test(decodes_xtext),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
