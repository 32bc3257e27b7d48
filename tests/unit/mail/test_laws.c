/* What is written reads back as what was given, and written again it is the same octets. The values
 * come from a seeded generator: a failure names the round that shows it again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/utf8.h"
#include "mail/compose.h"
#include "mail/date.h"
#include "mail/message_private.h"

#define ROUNDS 2000

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

/* Characters that break something: specials, spaces, controls, two to four octets of UTF-8. */
static uint32_t draw_code(void)
{
    static const uint32_t odd[] = {' ',  ' ',    '"',     '\\',   '=',   '?',  '_',    '(',
                                   ')',  '<',    '>',     '@',    ',',   ';',  ':',    '.',
                                   '\'', '%',    '*',     '\t',   '\r',  '\n', 1,      0x7f,
                                   0xfc, 0x20ac, 0x1f600, 0x4e2d, 0x301, 0xa0, 0xfeff, 0x10ffff};

    return draw(2) ? odd[draw(ARRAY_SIZE(odd))] : 'a' + draw(26);
}

static struct slice draw_text(struct arena *a, uint32_t longest, bool controls)
{
    struct builder b;
    uint32_t n = draw(longest + 1);

    build_init(&b, 1 << 16);
    if (draw(10) == 0)
        build_text(&b, "=?utf-8?q?a?=");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t code = draw_code();

        if (controls || (code >= ' ' && code != 0x7f))
            utf8_append(&b, code);
    }
    struct slice s = arena_copy(a, build_slice(&b));

    build_done(&b);
    return s;
}

/* RFC 5322 2.1.1, 2.2.3: every line has at most 998 octets, ends in CRLF, and all but the first
 * begin with white space; RFC 2047 2: those with encoded-words have at most 76. */
static void check_field(struct slice field, bool utf8)
{
    struct slice rest = field;

    assert_true(field.n > 2);
    while (rest.n > 0) {
        size_t lf = slice_find_byte(rest, '\n');

        assert_true(lf != SIZE_MAX && lf > 0 && rest.p[lf - 1] == '\r');
        struct slice line = slice_sub(rest, 0, lf - 1);

        assert_true(line.n <= 998 && slice_find_byte(line, '\r') == SIZE_MAX);
        assert_true(rest.p == field.p || slice_at(line, 0) == ' ');
        assert_true(slice_trim(line).n > 0);
        if (slice_find(line, SLICE("=?utf-8?")) != SIZE_MAX)
            assert_true(line.n <= 76);
        rest = slice_from(rest, lf + 1);
    }
    assert_true(mail_text_is_utf8(field));
    assert_true(utf8 || utf8_is_ascii(field));
}

static struct slice body_of(struct arena *a, struct slice field)
{
    struct mail_header h;
    struct err err;

    assert_int_equal(mail_header_parse(a, field, &h, &err), 0);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.fields[0].raw.n, field.n);
    return h.fields[0].body;
}

static void check_equal(struct slice got, struct slice want, struct slice field)
{
    if (!slice_eq(got, want))
        fail_msg("seed %llu: \"%.*s\" became \"%.*s\" by\n%.*s", (unsigned long long)state,
                 SLICE_FMT(want), SLICE_FMT(got), SLICE_FMT(field));
}

static void law_text(struct arena *a, bool utf8)
{
    struct slice text = draw_text(a, draw(4) ? 20 : 300, true);
    struct slice field = mail_field_text(a, SLICE("Subject:"), text, utf8);

    check_field(field, utf8);
    struct slice read = mail_words_decode(a, body_of(a, field));

    check_equal(read, text, field);
    check_equal(mail_field_text(a, SLICE("Subject:"), read, utf8), field, field);
}

/* ---- addresses ---- */

static struct slice draw_domain(void)
{
    static const struct slice domains[] = {SLICE_INIT("example.org"), SLICE_INIT("a.b.example"),
                                           SLICE_INIT("[192.0.2.1]"), SLICE_INIT("x"),
                                           SLICE_INIT("[IPv6:2001:db8::1]")};

    return domains[draw(ARRAY_SIZE(domains))];
}

/* ASCII unless the field may have UTF-8. */
static struct slice draw_localpart(struct arena *a, bool utf8)
{
    struct slice s = draw_text(a, 12, false);

    return utf8 || utf8_is_ascii(s) ? s : SLICE("a..b ");
}

static struct mail_address_list draw_list(struct arena *a, bool utf8)
{
    size_t n = draw(6), out = 0;
    struct mail_address *v = ARENA_ARRAY(a, 3 * n + 1, struct mail_address);
    bool in_group = false;

    assert_non_null(v);
    for (size_t i = 0; i < n; i++) {
        if (!in_group && draw(4) == 0) {
            v[out++] = (struct mail_address){.kind = MAIL_ADDRESS_GROUP_START,
                                             .name = draw_text(a, 10, true)};
            in_group = true;
        } else if (in_group && draw(3) == 0) {
            v[out++] = (struct mail_address){.kind = MAIL_ADDRESS_GROUP_END};
            in_group = false;
        } else {
            v[out++] = (struct mail_address){.kind = MAIL_ADDRESS_MAILBOX,
                                             .name = draw_text(a, draw(3) ? 30 : 200, true),
                                             .localpart = draw_localpart(a, utf8),
                                             .domain = draw_domain()};
        }
    }
    if (in_group)
        v[out++] = (struct mail_address){.kind = MAIL_ADDRESS_GROUP_END};
    return (struct mail_address_list){.v = v, .n = out};
}

static void law_addresses(struct arena *a, bool utf8)
{
    struct mail_address_list list = draw_list(a, utf8), read;
    struct slice field = mail_field_addresses(a, SLICE("To:"), &list, utf8);
    struct err err;

    check_field(field, utf8);
    assert_int_equal(mail_address_list_parse(a, body_of(a, field), &read, &err), 0);
    if (read.bad || read.obsolete || read.n != list.n)
        fail_msg("%zu of %zu, bad %d:\n%.*s", read.n, list.n, read.bad, SLICE_FMT(field));
    struct mail_address *again = ARENA_ARRAY(a, read.n + 1, struct mail_address);

    assert_non_null(again);
    for (size_t i = 0; i < read.n; i++) {
        again[i] = read.v[i];
        again[i].name = mail_words_decode(a, read.v[i].name);
        assert_int_equal(read.v[i].kind, list.v[i].kind);
        check_equal(again[i].name, list.v[i].name, field);
        check_equal(read.v[i].localpart, list.v[i].localpart, field);
        check_equal(read.v[i].domain, list.v[i].domain, field);
    }
    read.v = again;
    check_equal(mail_field_addresses(a, SLICE("To:"), &read, utf8), field, field);
}

/* ---- parameters ---- */

static void law_params(struct arena *a, bool utf8)
{
    static const struct slice names[] = {SLICE_INIT("boundary"), SLICE_INIT("charset"),
                                         SLICE_INIT("filename"), SLICE_INIT("name")};
    struct mail_param params[ARRAY_SIZE(names)];
    size_t n = draw(ARRAY_SIZE(names) + 1);

    for (size_t i = 0; i < n; i++)
        params[i] =
            (struct mail_param){.name = names[i], .value = draw_text(a, draw(3) ? 20 : 300, true)};
    struct slice name = SLICE("Content-Type:"), value = SLICE("text/plain"), rest;
    struct slice field = mail_field_params(a, name, value, params, n, utf8);

    check_field(field, utf8);
    check_equal(params_first(a, body_of(a, field), &rest), value, field);
    struct mail_param_list read = params_parse(a, rest);

    assert_int_equal(read.n, n);
    assert_false(read.bad || read.repeated);
    for (size_t i = 0; i < n; i++) {
        check_equal(read.v[i].name, params[i].name, field);
        check_equal(read.v[i].value, params[i].value, field);
    }
    check_equal(mail_field_params(a, name, value, read.v, read.n, utf8), field, field);
}

/* ---- dates and ids ---- */

static void law_date(struct arena *a, bool weekday)
{
    const int64_t first = -62135596800 + 86400, last = 253402300799 - 86400; /* years 1 to 9999 */
    uint64_t random = (uint64_t)draw(UINT32_MAX) << 31 ^ draw(UINT32_MAX);
    int64_t unix_s = first + (int64_t)(random % (uint64_t)(last - first));
    int zone = (int)draw(2 * 1439 + 1) - 1439;
    struct builder once, again;
    struct mail_date date;

    (void)a;
    build_init(&once, 64);
    build_init(&again, 64);
    mail_date_append(&once, unix_s, zone, weekday);
    assert_true(mail_date_parse(build_slice(&once), &date));
    assert_int_equal(date.unix_s, unix_s);
    assert_int_equal(date.zone_minutes, zone);
    mail_date_append(&again, date.unix_s, date.zone_minutes, weekday);
    check_equal(build_slice(&again), build_slice(&once), build_slice(&once));
    build_done(&once);
    build_done(&again);
}

static void law_ids(struct arena *a, bool utf8)
{
    struct slice ids[5];
    size_t n = 1 + draw(ARRAY_SIZE(ids));
    struct mail_message m = {.references_n = 0};
    struct mail_header h;
    struct err err;
    uint8_t random[16];

    (void)utf8;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < sizeof(random); j++)
            random[j] = (uint8_t)draw(256);
        struct slice id = mail_message_id(a, slice_of(random, sizeof(random)), draw_domain());

        ids[i] = thread_message_id(a, id);
        assert_true(ids[i].n > 20);
        if (id.n != ids[i].n + 2)
            fail_msg("%.*s", SLICE_FMT(id));
    }
    struct slice field = mail_field_ids(a, SLICE("References:"), ids, n);

    check_field(field, false);
    assert_int_equal(mail_header_parse(a, field, &h, &err), 0);
    thread_references(a, &h, &m);
    assert_int_equal(m.references_n, n);
    for (size_t i = 0; i < n; i++)
        check_equal(m.references[i], ids[i], field);
    check_equal(mail_field_ids(a, SLICE("References:"), m.references, m.references_n), field,
                field);
}

static void run(void (*law)(struct arena *a, bool flag))
{
    struct arena a;

    arena_init(&a, 16u << 20);
    unsigned rounds = getenv("GODWIT_TEST_LONG") ? 50 * ROUNDS : ROUNDS;

    for (unsigned i = 0; i < rounds; i++) {
        state = i;
        law(&a, draw(2));
        assert_false(arena_failed(&a));
        arena_reset(&a);
    }
    arena_done(&a);
}

static void test_text(void **unused)
{
    (void)unused;
    run(law_text);
}

static void test_addresses(void **unused)
{
    (void)unused;
    run(law_addresses);
}

static void test_params(void **unused)
{
    (void)unused;
    run(law_params);
}

static void test_dates(void **unused)
{
    (void)unused;
    run(law_date);
}

static void test_ids(void **unused)
{
    (void)unused;
    run(law_ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),   cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_params), cmocka_unit_test(test_dates),
        cmocka_unit_test(test_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
