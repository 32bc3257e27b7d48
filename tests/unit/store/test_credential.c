/* Passwords, keywords, sets of UIDs, sessions and events by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/unicode.h"
#include "rpc/call.h"
#include "store/credential.h"
#include "store/events.h"
#include "store/keywords.h"
#include "store/sessions.h"
#include "store/uidset.h"

static void test_opaque_string(void **state)
{
    static const struct {
        const char *name, *in, *out;
        int kind;
    } rows[] = {
        /* RFC 8265 4.3, table 4 */
        {"spaces", "correct horse battery staple", "correct horse battery staple", 0},
        {"case", "Correct Horse Battery Staple", "Correct Horse Battery Staple", 0},
        {"letters", "\xcf\x80\xc3\x9f\xc3\xa5", "\xcf\x80\xc3\x9f\xc3\xa5", 0},
        {"symbol", "Jack of \xe2\x99\xa6s", "Jack of \xe2\x99\xa6s", 0},
        {"ogham space",
         "foo\xe1\x9a\x80"
         "bar",
         "foo bar", 0},
        {"empty", "", NULL, ERR_INVALID},
        {"tab", "my cat is a \tby", NULL, ERR_INVALID},
        /* others */
        {"decomposed", "e\xcc\x81", "\xc3\xa9", 0},
        {"zero width", "a\xe2\x80\x8b", NULL, ERR_INVALID},
        {"not UTF-8", "\xff", NULL, ERR_SYNTAX},
    };
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct slice out;
        int rc = unicode_opaque_string(&a, slice_str(rows[i].in), &out, &err);

        if (rc != -rows[i].kind || (rc == 0 && !slice_eq(out, slice_str(rows[i].out))))
            fail_msg("%s: %d", rows[i].name, rc);
    }
    arena_done(&a);
}

static void test_password(void **state)
{
    struct credential made[CREDENTIAL_KINDS] = {
        [1] = {.parameter = 4096}, [2] = {.parameter = 8192}};
    struct credential stored;
    struct credential_cache *cache = credential_cache_new();
    struct err err;
    bool match;

    (void)state;
    assert_int_equal(credential_derive(SLICE("1234567"), false, made, &err), -ERR_INVALID);
    assert_int_equal(credential_derive(SLICE("12345678"), false, made, &err), 0);
    assert_int_equal(made[1].secret_n, 64);
    assert_int_equal(made[2].secret_n, 40);
    assert_int_equal(made[3].secret_n, 32);
    stored = made[0];
    assert_int_equal(credential_check(&stored, SLICE("12345678"), &match, &err), 0);
    assert_true(match);
    assert_int_equal(credential_check(&stored, SLICE("12345679"), &match, &err), 0);
    assert_false(match);
    assert_int_equal(credential_check(&(struct credential){0}, SLICE("12345678"), &match, &err), 0);
    assert_false(match);
    assert_false(credential_cache_has(cache, 1, &stored, SLICE("12345678")));
    credential_cache_put(cache, 1, &stored, SLICE("12345678"));
    assert_true(credential_cache_has(cache, 1, &stored, SLICE("12345678")));
    assert_false(credential_cache_has(cache, 1, &stored, SLICE("12345679")));
    assert_false(credential_cache_has(cache, 2, &stored, SLICE("12345678")));
    stored.secret[0] ^= 1;
    assert_false(credential_cache_has(cache, 1, &stored, SLICE("12345678")));
    credential_cache_free(cache);
}

static void test_keywords(void **state)
{
    static const struct {
        const char *x, *y, *both, *without;
    } rows[] = {
        {"", "", "", ""},          {"a", "", "a", "a"},
        {"", "a", "a", ""},        {"a c", "b", "a b c", "a c"},
        {"a b", "a b", "a b", ""}, {"a ab", "a", "a ab", "ab"},
    };
    struct arena a;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct slice x = slice_str(rows[i].x), y = slice_str(rows[i].y), out;

        assert_int_equal(keywords_union(&a, x, y, &out, &err), 0);
        assert_true(slice_eq(out, slice_str(rows[i].both)));
        assert_int_equal(keywords_without(&a, x, y, &out, &err), 0);
        assert_true(slice_eq(out, slice_str(rows[i].without)));
    }
    ProtobufCBinaryData good[] = {rpc_bytes(SLICE("Zed")), rpc_bytes(SLICE("$label1")),
                                  rpc_bytes(SLICE("zed"))};
    struct slice out;

    assert_int_equal(keywords_from_request(&a, good, 3, &out, &err), 0);
    assert_true(slice_eq(out, SLICE("$label1 zed")));
    static const struct slice bad[] = {SLICE_INIT(""), SLICE_INIT("a b"), SLICE_INIT("a\\"),
                                       SLICE_INIT("$NotJunk"), SLICE_INIT("\xc3\xa9")};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        ProtobufCBinaryData one = rpc_bytes(bad[i]);

        assert_int_equal(keywords_from_request(&a, &one, 1, &out, &err), -ERR_INVALID);
    }
    arena_done(&a);
}

static void test_uidset(void **state)
{
    static const uint32_t pairs[] = {5, 6, 1, 1, 7, UINT32_MAX};
    struct ranges r;
    struct arena a;
    struct slice blob;
    uint32_t *back;
    size_t n;
    struct err err;

    (void)state;
    arena_init(&a, 1 << 20);
    assert_int_equal(uidset_from_pairs(pairs, 6, &r, &err), 0);
    assert_int_equal(r.n, 2);
    assert_int_equal(uidset_to_blob(&a, &r, &blob, &err), 0);
    assert_int_equal(blob.n, 16);
    assert_int_equal(uidset_blob_to_pairs(&a, blob, &back, &n, &err), 0);
    assert_int_equal(n, 4);
    assert_int_equal(back[2], 5);
    assert_int_equal(back[3], UINT32_MAX);
    ranges_done(&r);
    assert_int_equal(uidset_from_pairs(pairs, 1, &r, &err), -ERR_INVALID);
    assert_int_equal(uidset_from_pairs((uint32_t[]){0, 1}, 2, &r, &err), -ERR_INVALID);
    assert_int_equal(uidset_from_pairs((uint32_t[]){2, 1}, 2, &r, &err), -ERR_INVALID);
    assert_int_equal(uidset_blob_to_pairs(&a, SLICE("1234"), &back, &n, &err), -ERR_DAMAGED);
    arena_done(&a);
}

static void count_ended(void *owner, uint32_t group, int64_t account_id, uint32_t watches)
{
    (void)group;
    (void)account_id;
    *(uint32_t *)owner += 1 + 100 * watches;
}

static void test_sessions(void **state)
{
    struct sessions *s = sessions_new();
    struct session one = {11, 0}, two = {22, 1}, got;
    uint64_t a, b, c;
    uint32_t ended = 0;
    struct err err;
    uint64_t epoch = sessions_epoch(s);

    (void)state;
    assert_int_equal(sessions_add(s, 1, &one, epoch, &a, &err), 0);
    assert_int_equal(sessions_add(s, 1, &two, epoch, &b, &err), 0);
    assert_int_equal(sessions_add(s, 2, &one, epoch, &c, &err), 0);
    assert_true(sessions_get(s, 1, a, &got));
    assert_int_equal(got.account_id, 11);
    assert_false(sessions_get(s, 2, a, &got));
    assert_false(sessions_watch(s, 2, a, true));
    assert_false(sessions_watch(s, 1, a, false));
    assert_true(sessions_watch(s, 1, a, true));
    sessions_end(s, 2, a, count_ended, &ended);
    assert_int_equal(ended, 0);
    sessions_end_account(s, 11, count_ended, &ended);
    assert_int_equal(ended, 102);
    assert_false(sessions_get(s, 1, a, &got));
    assert_true(sessions_get(s, 1, b, &got));
    assert_int_equal(sessions_add(s, 1, &one, epoch, &a, &err), -ERR_UNAVAILABLE);
    sessions_end_group(s, 1, count_ended, &ended);
    assert_int_equal(ended, 103);
    sessions_free(s);
}

static void ring(void *owner)
{
    ++*(int *)owner;
}

static void test_events(void **state)
{
    struct store_events *e = events_new();
    struct store_event event;
    struct err err;
    int rings = 0;

    (void)state;
    assert_false(events_watch(e, 1, 11));
    assert_int_equal(events_group_add(e, 1, ring, &rings, &err), 0);
    assert_int_equal(events_group_add(e, 1, ring, &rings, &err), -ERR_EXISTS);
    events_publish(e, 11, 5);
    assert_false(events_take(e, 1, &event));
    assert_true(events_watch(e, 1, 11));
    assert_true(events_watch(e, 1, 11));
    events_publish(e, 11, 6);
    events_publish(e, 11, 7);
    events_publish(e, 12, 8);
    assert_int_equal(rings, 2);
    assert_true(events_take(e, 1, &event));
    assert_int_equal(event.account_id, 11);
    assert_int_equal(event.modseq, 7);
    events_publish(e, 11, 9);
    events_return(e, 1, &event);
    assert_true(events_take(e, 1, &event));
    assert_int_equal(event.modseq, 9);
    assert_false(events_take(e, 1, &event));
    events_unwatch(e, 1, 11, 2);
    events_publish(e, 11, 10);
    assert_false(events_take(e, 1, &event));
    events_session_ended(e, 1, 33);
    assert_true(events_take(e, 1, &event));
    assert_true(event.session_ended);
    events_group_remove(e, 1);
    assert_false(events_watch(e, 1, 11));
    events_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opaque_string), cmocka_unit_test(test_password),
        cmocka_unit_test(test_keywords),      cmocka_unit_test(test_uidset),
        cmocka_unit_test(test_sessions),      cmocka_unit_test(test_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
