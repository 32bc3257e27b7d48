#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "imap/fetch_items.h"

static const struct {
    const char *in;
    size_t n; /* 0: refused */
    enum imap_fetch_kind kind;
    const char *label; /* of octets */
    bool peek;
    enum imap_section_text text;
    size_t numbers_n, fields_n;
    bool partial;
    uint64_t offset, count;
} rows[] = {
    {"FLAGS", 1, IMAP_FETCH_FLAGS, NULL, false, 0, 0, 0, false, 0, 0},
    {"(uid Flags)", 2, IMAP_FETCH_UID, NULL, false, 0, 0, 0, false, 0, 0},
    {"FAST", 3, IMAP_FETCH_FLAGS, NULL, false, 0, 0, 0, false, 0, 0},
    {"all", 4, IMAP_FETCH_FLAGS, NULL, false, 0, 0, 0, false, 0, 0},
    {"FULL", 5, IMAP_FETCH_FLAGS, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY", 1, IMAP_FETCH_BODY, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[]", 1, IMAP_FETCH_SECTION, "BODY[]", false, IMAP_SECTION_ALL, 0, 0, false, 0, 0},
    {"body.peek[]<0.1>", 1, IMAP_FETCH_SECTION, "BODY[]<0>", true, IMAP_SECTION_ALL, 0, 0, true, 0,
     1},
    {"BODY[]<9223372036854775807.9223372036854775807>", 1, IMAP_FETCH_SECTION,
     "BODY[]<9223372036854775807>", false, IMAP_SECTION_ALL, 0, 0, true, INT64_MAX, INT64_MAX},
    {"BODY[1.20.3]", 1, IMAP_FETCH_SECTION, "BODY[1.20.3]", false, IMAP_SECTION_ALL, 3, 0, false, 0,
     0},
    {"BODY[2.MIME]", 1, IMAP_FETCH_SECTION, "BODY[2.MIME]", false, IMAP_SECTION_MIME, 1, 0, false,
     0, 0},
    {"BODY[header.fields (From \"x y\" nil)]", 1, IMAP_FETCH_SECTION,
     "BODY[HEADER.FIELDS (From \"x y\" \"nil\")]", false, IMAP_SECTION_FIELDS, 0, 3, false, 0, 0},
    {"BODY[2.HEADER.FIELDS.NOT (a)]", 1, IMAP_FETCH_SECTION, "BODY[2.HEADER.FIELDS.NOT (a)]", false,
     IMAP_SECTION_FIELDS_NOT, 1, 1, false, 0, 0},
    {"BODY[TEXT]", 1, IMAP_FETCH_SECTION, "BODY[TEXT]", false, IMAP_SECTION_TEXT, 0, 0, false, 0,
     0},
    {"RFC822", 1, IMAP_FETCH_SECTION, "RFC822", false, IMAP_SECTION_ALL, 0, 0, false, 0, 0},
    {"RFC822.HEADER", 1, IMAP_FETCH_SECTION, "RFC822.HEADER", true, IMAP_SECTION_HEADER, 0, 0,
     false, 0, 0},
    {"BINARY[]", 1, IMAP_FETCH_BINARY, "BINARY[]", false, 0, 0, 0, false, 0, 0},
    {"BINARY.PEEK[1.2]<3.4>", 1, IMAP_FETCH_BINARY, "BINARY[1.2]", true, 0, 2, 0, true, 3, 4},
    {"BINARY.SIZE[1]", 1, IMAP_FETCH_BINARY_SIZE, "BINARY.SIZE[1]", true, 0, 1, 0, false, 0, 0},
    {"", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"()", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"( )", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"(FLAGS", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"(FLAGS )", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"(FLAGS  UID)", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"(ALL)", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"(FAST FLAGS)", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BOGUS", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"FLAGS[]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY.PEEK", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[0]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[1.]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[.1]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[1TEXT]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[4294967296]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[MIME]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[HEADER.FIELDS]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[HEADER.FIELDS ()]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[HEADER.FIELDS (\"\")]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[]<1>", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[]<1.0>", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[]<1..1>", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BODY[]<9223372036854775808.1>", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BINARY", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BINARY[TEXT]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"BINARY[1.]", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
    {"RFC822.PEEK", 0, 0, NULL, false, 0, 0, 0, false, 0, 0},
};

static void test_items(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 1u << 20);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cursor c = cur_init(slice_str(rows[i].in));
        struct imap_fetch_items items;

        arena_reset(&a);
        imap_parse_fetch_items(&c, &a, &items);
        if (cur_at_end(&c) != (rows[i].n > 0))
            print_error("%s\n", rows[i].in);
        assert_int_equal(cur_at_end(&c), rows[i].n > 0);
        if (rows[i].n == 0)
            continue;
        assert_int_equal(items.n, rows[i].n);
        assert_int_equal(items.v[0].kind, rows[i].kind);
        if (!rows[i].label)
            continue;
        if (!slice_eq(items.v[0].label, slice_str(rows[i].label)))
            print_error("%s: %.*s\n", rows[i].in, SLICE_FMT(items.v[0].label));
        assert_true(slice_eq(items.v[0].label, slice_str(rows[i].label)));
        assert_int_equal(items.v[0].peek, rows[i].peek);
        assert_int_equal(items.v[0].text, rows[i].text);
        assert_int_equal(items.v[0].numbers_n, rows[i].numbers_n);
        assert_int_equal(items.v[0].fields_n, rows[i].fields_n);
        assert_int_equal(items.v[0].partial, rows[i].partial);
        assert_int_equal(items.v[0].offset, rows[i].offset);
        assert_int_equal(items.v[0].count, rows[i].count);
    }
    arena_done(&a);
}

/* n times `word` between `open` and `close`, with `between`. */
static bool parses(const char *open, const char *word, const char *between, const char *close,
                   size_t n)
{
    static char text[16384];
    struct arena a;
    struct imap_fetch_items items;
    size_t at = (size_t)snprintf(text, sizeof(text), "%s", open);

    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? between : "", word);
    at += (size_t)snprintf(text + at, sizeof(text) - at, "%s", close);
    assert_true(at < sizeof(text));
    struct cursor c = cur_init(slice_of(text, at));

    arena_init(&a, 1u << 20);
    imap_parse_fetch_items(&c, &a, &items);
    bool ok = cur_at_end(&c);

    arena_done(&a);
    return ok;
}

static void test_limits(void **state)
{
    (void)state;
    assert_true(parses("(", "UID", " ", ")", 499));
    assert_true(parses("(", "UID", " ", ")", 500));
    assert_false(parses("(", "UID", " ", ")", 501));
    assert_true(parses("BODY[", "1", ".", "]", 99));
    assert_true(parses("BODY[", "1", ".", "]", 100));
    assert_false(parses("BODY[", "1", ".", "]", 101));
    assert_true(parses("BODY[HEADER.FIELDS (", "x", " ", ")]", 3000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_items), cmocka_unit_test(test_limits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
