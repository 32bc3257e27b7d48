#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/limiter.h"

static struct addr ip(const char *text)
{
    struct addr a;
    struct err err;

    assert_int_equal(addr_parse_ip(slice_str(text), &a, &err), 0);
    return a;
}

/* Each row is one call on a limiter of 3 / 5 / 7 in a window of 60 s. */
static const struct {
    int64_t at_s;
    enum { ADD, ROOM, SUB, RESET } call;
    const char *ip;
    uint32_t n;
    bool expect;
} rows[] = {
    {600, ADD, "192.0.2.1", 2, true},
    {600, ADD, "192.0.2.1", 1, true},
    {600, ADD, "192.0.2.1", 1, false},
    {600, ROOM, "192.0.2.1", 0, true},
    {600, ROOM, "192.0.2.1", 1, false},
    {600, ADD, "192.0.2.2", 3, false}, /* 6 in the /26 */
    {600, ADD, "192.0.2.2", 2, true},
    {600, ADD, "192.0.2.63", 1, false},
    {600, ADD, "192.0.2.64", 2, true}, /* another /26, 7 in the /21 */
    {600, ADD, "192.0.7.1", 1, false},
    {600, ADD, "192.0.8.1", 1, true}, /* another /21 */
    {600, ADD, "198.51.100.1", 4, false},
    {600, SUB, "192.0.2.1", 1, true},
    {600, ADD, "192.0.7.1", 1, true}, /* room in the /21 again */
    {600, RESET, "192.0.2.1", 0, true},
    {600, ADD, "192.0.2.1", 2, true}, /* the /21 counted 5 */
    {600, ADD, "192.0.2.1", 1, false},
    {659, ADD, "192.0.2.2", 3, false},
    {660, ADD, "192.0.2.2", 3, true}, /* a new window */
    {660, ADD, "2001:db8::1", 3, true},
    {660, ADD, "2001:db8::ffff:1", 1, false}, /* the same /64 */
    {660, ADD, "2001:db8:0:1::", 2, true},
    {660, ADD, "2001:db8:0:2::", 1, false},
    {660, ADD, "2001:db8:1::", 2, true}, /* another /48, 7 in the /32 */
    {660, ADD, "2001:db8:2::", 1, false},
    {660, ADD, "2001:db9::", 1, true},
    {660, ADD, "192.0.2.2", UINT32_MAX, false},
};

static void test_windows_and_classes(void **state)
{
    struct clock clock = {.frozen_ns = 1};
    const struct limiter_config config = {{{60, {3, 5, 7}}}, 1};
    struct limiter *l = limiter_new(&config, &clock);

    (void)state;
    assert_non_null(l);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct addr a = ip(rows[i].ip);
        bool result = true;

        clock.frozen_ns = rows[i].at_s * NS_PER_S;
        if (rows[i].call == ADD)
            result = limiter_add(l, &a, rows[i].n);
        else if (rows[i].call == ROOM)
            result = limiter_room(l, &a, rows[i].n);
        else if (rows[i].call == SUB)
            limiter_sub(l, &a, rows[i].n);
        else
            limiter_reset(l, &a);
        if (result != rows[i].expect)
            fail_msg("row %zu", i);
    }
    limiter_free(l);
}

/* The rows of the acceptance table, 10.1. A sequence without windows goes on with the one before.
 */
static const struct {
    const char *name;
    size_t windows_n;
    struct limiter_window windows[3];
    struct {
        unsigned minute;
        char call; /* '+' add, '?' room, 'r' reset */
        const char *ip;
        uint32_t n;
        bool expect;
    } calls[14];
} sequences[] = {
    {"row 1: more than the limit consumes nothing",
     1,
     {{60, {2, 4, 6}}},
     {{10, '+', "10.0.0.1", 3, false}}},
    {"row 2: up to the limit",
     0,
     {{0}},
     {{10, '+', "10.0.0.1", 1, true},
      {10, '+', "10.0.0.1", 2, false},
      {10, '+', "10.0.0.1", 1, true},
      {10, '+', "10.0.0.1", 1, false}}},
    {"row 3: the next minute, second class",
     0,
     {{0}},
     {{11, '+', "10.0.0.1", 2, true},
      {11, '+', "10.0.0.2", 2, true},
      {11, '+', "10.0.0.3", 2, false}}},
    {"row 4: third class",
     0,
     {{0}},
     {{11, '+', "10.0.1.4", 2, true}, {11, '+', "10.0.2.4", 2, false}}},
    {"row 5: reset gives back in all classes",
     0,
     {{0}},
     {{11, 'r', "10.0.1.4", 0, true},
      {11, '?', "10.0.1.4", 2, true},
      {11, '+', "10.0.2.4", 2, true}}},
    {"row 6: two windows",
     2,
     {{60, {1, 2, 3}}, {3600, {2, 3, 4}}},
     {{1, '+', "10.0.0.1", 1, true},
      {2, '+', "10.0.0.1", 1, true},
      {3, '+', "10.0.0.1", 1, false}}},
    {"row 7: classes of the long window",
     0,
     {{0}},
     {{3, '+', "10.0.0.255", 1, true},
      {3, '+', "10.0.0.255", 1, false},
      {3, '+', "10.0.1.1", 1, true},
      {3, '+', "10.0.1.255", 1, false}}},
    {"row 8: three windows, and reset",
     3,
     {{60, {2, 3, 4}}, {3600, {4, 6, 8}}, {86400, {20, 40, 60}}},
     {{1, '+', "10.0.0.1", 1, true},
      {1, '+', "10.0.0.1", 1, true},
      {1, '+', "10.0.0.1", 1, false},
      {1, '+', "10.0.0.2", 1, true},
      {1, '+', "10.0.0.2", 1, false},
      {2, '+', "10.0.0.1", 1, true},
      {3, '+', "10.0.0.1", 1, true},
      {4, '+', "10.0.0.1", 1, false},
      {4, 'r', "10.0.0.1", 0, true},
      {4, '+', "10.0.0.1", 1, true}}},
    {"row 9: asking changes nothing; one /64; mapped IPv4",
     1,
     {{60, {2, 4, 6}}},
     {{1, '?', "::1:2", 2, true},
      {1, '?', "::1:2", 2, true},
      {1, '+', "::1:2", 1, true},
      {1, '+', "::1:3", 1, true},
      {1, '?', "::1:3", 1, false},
      {1, '+', "::1:2", 1, false},
      {1, '+', "::ffff:10.0.0.1", 2, true},
      {1, '+', "10.0.0.1", 1, false}}},
};

static void test_acceptance_rows_1_to_9(void **state)
{
    struct clock clock = {.frozen_ns = 1};
    struct limiter *l = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        struct limiter_config config = {.windows_n = sequences[i].windows_n};

        memcpy(config.windows, sequences[i].windows, sizeof(sequences[i].windows));
        if (config.windows_n > 0) {
            limiter_free(l);
            l = limiter_new(&config, &clock);
            assert_non_null(l);
        }
        for (size_t c = 0; c < 14 && sequences[i].calls[c].ip; c++) {
            struct addr a = ip(sequences[i].calls[c].ip);
            uint32_t n = sequences[i].calls[c].n;
            bool result = true;

            clock.frozen_ns = (sequences[i].calls[c].minute * 60 + 86400) * NS_PER_S;
            if (sequences[i].calls[c].call == '+')
                result = limiter_add(l, &a, n);
            else if (sequences[i].calls[c].call == '?')
                result = limiter_room(l, &a, n);
            else
                limiter_reset(l, &a);
            if (result != sequences[i].calls[c].expect)
                fail_msg("%s: call %zu", sequences[i].name, c + 1);
        }
    }
    limiter_free(l);
}

static void test_open_counts_do_not_age(void **state)
{
    struct clock clock = {.frozen_ns = 1};
    const struct limiter_config config = {{{0, {2, 0, 0}}}, 1};
    struct limiter *l = limiter_new(&config, &clock);
    struct addr a = ip("192.0.2.1");

    (void)state;
    assert_true(limiter_add(l, &a, 2));
    clock.frozen_ns = 1000000 * NS_PER_S;
    assert_false(limiter_add(l, &a, 1));
    limiter_sub(l, &a, 1);
    assert_true(limiter_add(l, &a, 1));
    limiter_sub(l, &a, 9);
    assert_true(limiter_add(l, &a, 2));
    assert_false(limiter_add(l, &a, 1));
    limiter_free(l);
}

static void test_local_sockets_are_not_limited(void **state)
{
    static const struct clock clock;
    const struct limiter_config config = {{{60, {1, 1, 1}}}, 1};
    struct limiter *l = limiter_new(&config, &clock);
    const struct addr none = {.ip_n = 0};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(limiter_add(l, &none, 1));
    limiter_sub(l, &none, 1);
    limiter_reset(l, &none);
    limiter_free(l);
}

/* A million addresses pass; the one that was heavy before them is still over its limit. */
static void test_full_table_keeps_the_heavy(void **state)
{
    const struct clock clock = {.frozen_ns = NS_PER_S};
    const struct limiter_config config = {{{60, {100, 0, 0}}}, 1};
    struct limiter *l = limiter_new(&config, &clock);
    struct addr heavy = ip("192.0.2.1"), a = {.ip_n = 16};

    (void)state;
    assert_true(limiter_add(l, &heavy, 100));
    for (uint32_t i = 0; i < 1000000; i++) {
        a.ip[2] = (uint8_t)(i >> 16);
        a.ip[4] = (uint8_t)(i >> 8);
        a.ip[6] = (uint8_t)i;
        assert_true(limiter_add(l, &a, 1));
    }
    assert_false(limiter_room(l, &heavy, 1));
    limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acceptance_rows_1_to_9),
        cmocka_unit_test(test_windows_and_classes),
        cmocka_unit_test(test_open_counts_do_not_age),
        cmocka_unit_test(test_local_sockets_are_not_limited),
        cmocka_unit_test(test_full_table_keeps_the_heavy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
