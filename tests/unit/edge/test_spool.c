/* A spool over a store that gives files: what is kept in memory, what goes into the file, limits.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "edge/edge.h"

static unsigned files_opened;
static bool store_gone;
static bool read_only;

/* Stands for the store: a file in memory for each SpoolOpen. */
int edge_call(struct edge *e, struct conn *c, Gw__Request *request, const int *fds, size_t fds_n,
              const Gw__Response **out, struct channel_record *fds_out, struct err *err)
{
    static const Gw__Response response = GW__RESPONSE__INIT;

    (void)e;
    (void)c;
    (void)fds;
    assert_int_equal(request->call_case, GW__REQUEST__CALL_SPOOL_OPEN);
    assert_int_equal(fds_n, 0);
    if (store_gone)
        return err_set(err, ERR_UNAVAILABLE, "gone");
    files_opened++;
    *fds_out = (struct channel_record){.fds_n = 1};
    fds_out->fds[0] =
        read_only ? open("/dev/null", O_RDONLY | O_CLOEXEC) : memfd_create("spool", MFD_CLOEXEC);
    *out = &response;
    return 0;
}

static uint8_t octet_at(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

/* Writes `total` octets in chunks and compares what comes out. */
static void write_and_compare(size_t total, size_t chunk)
{
    Gw__Content content = GW__CONTENT__INIT;
    _cleanup_free_ uint8_t *in = malloc(total + 1), *back = malloc(total + 1);
    struct spool s;
    struct err err;
    int fd;

    for (size_t i = 0; i < total; i++)
        in[i] = octet_at(i);
    spool_init(&s, total);
    for (size_t at = 0; at < total; at += chunk)
        assert_int_equal(
            spool_write(&s, NULL, NULL, slice_of(in + at, MIN(chunk, total - at)), &err), 0);
    assert_int_equal(spool_finish(&s, &content, &fd, &err), 0);
    assert_int_equal(s.size, total);
    if (fd < 0) {
        assert_false(content.from_spool);
        assert_true(slice_eq(rpc_slice(content.inline_), slice_of(in, total)));
    } else {
        assert_true(content.from_spool);
        assert_int_equal(content.spool_size, total);
        assert_int_equal(pread(fd, back, total + 1, 0), (ssize_t)total);
        assert_memory_equal(in, back, total);
    }
    spool_done(&s);
}

static void test_sizes_and_chunks(void **state)
{
    static const struct {
        size_t total, chunk;
        unsigned files;
    } rows[] = {
        {1, 1, 0},
        {EDGE_SPOOL_INLINE, 1000, 0},
        {EDGE_SPOOL_INLINE, EDGE_SPOOL_INLINE, 0},
        {EDGE_SPOOL_INLINE + 1, 1000, 1},
        {EDGE_SPOOL_INLINE + 1, EDGE_SPOOL_INLINE + 1, 1},
        {300000, 8192, 1},
        {300000, EDGE_SPOOL_INLINE / 2, 1},
        {300000, EDGE_SPOOL_INLINE / 2 + 1, 1},
        {300000, 65536, 1},
        {100000, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        files_opened = 0;
        write_and_compare(rows[i].total, rows[i].chunk);
        assert_int_equal(files_opened, rows[i].files);
    }
}

static void test_limit(void **state)
{
    struct spool s;
    struct err err;

    (void)state;
    spool_init(&s, 5);
    assert_int_equal(spool_write(&s, NULL, NULL, SLICE("1234"), &err), 0);
    assert_int_equal(spool_write(&s, NULL, NULL, SLICE("56"), &err), -ERR_LIMIT);
    assert_int_equal(spool_write(&s, NULL, NULL, SLICE("5"), &err), 0);
    assert_int_equal(spool_write(&s, NULL, NULL, SLICE("6"), &err), -ERR_LIMIT);
    assert_int_equal(s.size, 5);
    spool_done(&s);
}

static void test_failures(void **state)
{
    static uint8_t octets[EDGE_SPOOL_INLINE + 1];
    struct spool s;
    struct err err;

    (void)state;
    store_gone = true;
    spool_init(&s, UINT64_MAX);
    assert_int_equal(spool_write(&s, NULL, NULL, slice_of(octets, sizeof(octets)), &err),
                     -ERR_UNAVAILABLE);
    spool_done(&s);
    store_gone = false;
    read_only = true;
    spool_init(&s, UINT64_MAX);
    assert_int_equal(spool_write(&s, NULL, NULL, slice_of(octets, sizeof(octets)), &err), -ERR_IO);
    spool_done(&s);
    read_only = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_and_chunks),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
