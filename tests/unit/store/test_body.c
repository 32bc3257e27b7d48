#include "shard_fixture.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "store/body.h"

/* Octets that zstd cannot shrink, the same each time. */
static uint8_t *noise(size_t n)
{
    uint8_t *p = malloc(n + 1);
    uint32_t x = 12345;

    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        p[i] = (uint8_t)(x >> 24);
    }
    return p;
}

static const struct {
    const char *name;
    size_t n;
    bool random;
    int codec;
} sizes[] = {
    {"empty", 0, false, BODY_CODEC_PLAIN},
    {"one octet", 1, false, BODY_CODEC_PLAIN},
    {"small text", 3000, false, BODY_CODEC_ZSTD},
    {"noise below the inline limit", BODY_INLINE_MAX, true, BODY_CODEC_PLAIN},
    {"noise above the inline limit", BODY_INLINE_MAX + 1, true, BODY_CODEC_PLAIN},
    {"large noise", 3000000, true, BODY_CODEC_PLAIN},
};

static int64_t last_body(struct fixture *f)
{
    return fixture_number(f, "SELECT max(body_id) FROM body", 0, 0);
}

static void reads_what_was_stored(void **state)
{
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        _cleanup_free_ uint8_t *octets = noise(sizes[i].n);
        _cleanup_free_ uint8_t *back = NULL;
        struct deliver_target t = {.account_id = 1};
        uint64_t n = 0;

        if (!sizes[i].random)
            memset(octets, 'a', sizes[i].n);
        assert_int_equal(fixture_deliver(&f, slice_of(octets, sizes[i].n), NULL, &t, 1), 0);
        assert_int_equal(t.kind, ERR_NONE);
        assert_int_equal(
            body_read(f.shard, shard_reader(f.shard, 1), last_body(&f), &back, &n, &f.err), 0);
        assert_int_equal(n, sizes[i].n);
        assert_memory_equal(back, octets, n);
        assert_int_equal(
            fixture_number(&f, "SELECT codec FROM body WHERE body_id = ?1", last_body(&f), 0),
            sizes[i].codec);
        assert_int_equal(fixture_number(&f, "SELECT segment_id > 0 FROM body WHERE body_id = ?1",
                                        last_body(&f), 0),
                         sizes[i].random && sizes[i].n > BODY_INLINE_MAX);
    }
    fixture_done(&f);
}

static void packs_descriptors_alike(void **state)
{
    static const size_t lengths[] = {0, 1, 1 << 20, (1 << 20) + 1, 3000000};
    _cleanup_free_ uint8_t *octets = noise(3000000);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        struct body_packed a = {0}, b = {0}, c = {0};
        struct err err = {0};
        _cleanup_fd_ int fd = memfd_create("body", MFD_CLOEXEC);

        assert_int_equal(write(fd, octets, lengths[i]), lengths[i]);
        assert_int_equal(body_pack(slice_of(octets, lengths[i]), &a, &err), 0);
        assert_int_equal(body_pack_fd(fd, lengths[i], &b, &err), 0);
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.checksum, b.checksum, sizeof a.checksum);
        assert_int_equal(body_pack_fd(fd, lengths[i] + 1, &c, &err), -ERR_INVALID);
        body_packed_done(&a);
        body_packed_done(&b);
    }
}

static void refuses_what_is_no_file(void **state)
{
    struct body_packed b = {0};
    struct err err = {0};
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(body_pack_fd(fds[0], 1, &b, &err), -ERR_INVALID);
    assert_int_equal(body_pack_fd(STDIN_FILENO + 1000, 1, &b, &err), -ERR_IO);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void damage_stays_with_its_body(void **state)
{
    _cleanup_free_ uint8_t *octets = noise(20000);
    _cleanup_free_ uint8_t *back = NULL;
    struct deliver_target t = {.account_id = 1};
    struct fixture f;
    char path[128];
    uint64_t n = 0;
    int fd;

    (void)state;
    fixture_init(&f);
    assert_int_equal(fixture_deliver(&f, slice_of(octets, 10000), NULL, &t, 1), 0);
    assert_int_equal(fixture_deliver(&f, slice_of(octets + 10000, 10000), NULL, &t, 1), 0);
    (void)snprintf(path, sizeof path, "%s/segments/00000001.seg", f.directory);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "?", 1, 5000), 1);
    (void)close(fd);
    assert_int_equal(
        body_read(f.shard, shard_reader(f.shard, 1), last_body(&f) - 1, &back, &n, &f.err),
        -ERR_DAMAGED);
    assert_non_null(strstr(f.err.detail, "segment 1 offset 0"));
    assert_int_equal(body_read(f.shard, shard_reader(f.shard, 1), last_body(&f), &back, &n, &f.err),
                     0);
    assert_memory_equal(back, octets + 10000, 10000);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_stored),
        cmocka_unit_test(packs_descriptors_alike),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(damage_stays_with_its_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
