/* Records and descriptors over a pair, and what a hostile end can send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/channel.h"

static uint8_t buf[CHANNEL_RECORD_MAX];
static uint8_t big[CHANNEL_RECORD_MAX + 1];

static void pair(int fds[2])
{
    struct err err;

    assert_int_equal(channel_pair(fds, &err), 0);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Sends past the checks of channel_send. */
static void send_raw(int fd, size_t octets, size_t fds_n, size_t messages)
{
    uint8_t control[1024] = {0}; /* the descriptors: standard input, again and again */
    struct iovec iov = {big, octets};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fds_n) {
        msg.msg_control = control;
        msg.msg_controllen = CMSG_SPACE(fds_n * sizeof(int)) * messages;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        for (size_t m = 0; m < messages; m++, c = CMSG_NXTHDR(&msg, c)) {
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(fds_n * sizeof(int));
        }
    }
    assert_int_equal(sendmsg(fd, &msg, 0), (ssize_t)octets);
}

static void test_sizes(void **state)
{
    static const struct {
        size_t n, fds_n;
        int expect;
    } rows[] = {
        {1, 0, 0},
        {CHANNEL_RECORD_MAX - 1, 0, 0},
        {CHANNEL_RECORD_MAX, 0, 0},
        {CHANNEL_RECORD_MAX, 1, 0},
        {1, CHANNEL_FDS_MAX, 0},
        {0, 0, -ERR_LIMIT},
        {CHANNEL_RECORD_MAX + 1, 0, -ERR_LIMIT},
        {1, CHANNEL_FDS_MAX + 1, -ERR_LIMIT},
    };
    const int fds_sent[CHANNEL_FDS_MAX + 1] = {0};
    struct channel_record r;
    struct err err;
    int fds[2];

    (void)state;
    pair(fds);
    unsigned before = open_descriptors();

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(
            channel_send(fds[0], slice_of(big, rows[i].n), fds_sent, rows[i].fds_n, true, &err),
            rows[i].expect);
        if (rows[i].expect < 0)
            continue;
        assert_int_equal(channel_receive(fds[1], buf, &r, -1, &err), 0);
        assert_int_equal(r.n, rows[i].n);
        assert_int_equal(r.fds_n, rows[i].fds_n);
        for (size_t f = 0; f < r.fds_n; f++)
            assert_int_equal(fcntl(r.fds[f], F_GETFD), FD_CLOEXEC);
        channel_record_done(&r);
    }
    assert_int_equal(open_descriptors(), before);
    fd_close(fds[0]);
    fd_close(fds[1]);
}

static void test_hostile_records(void **state)
{
    static const struct {
        const char *name;
        size_t octets, fds_n, messages;
        int expect;
    } rows[] = {
        {"too long", CHANNEL_RECORD_MAX + 1, 0, 0, -ERR_INVALID},
        {"too long with descriptors", CHANNEL_RECORD_MAX + 1, 2, 1, -ERR_INVALID},
        {"one descriptor too many", 1, CHANNEL_FDS_MAX + 1, 1, -ERR_INVALID},
        {"many descriptors", 1, 100, 1, -ERR_INVALID},
        {"two lists that fit", 1, 2, 2, 0},
        {"empty", 0, 0, 0, -ERR_UNAVAILABLE},
        {"empty with descriptor", 0, 1, 1, -ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct channel_record r;
        struct err err;
        int fds[2];

        pair(fds);
        unsigned before = open_descriptors();

        send_raw(fds[0], rows[i].octets, rows[i].fds_n, rows[i].messages);
        int rc = channel_receive(fds[1], buf, &r, -1, &err);

        if (rc != rows[i].expect)
            fail_msg("%s: %d", rows[i].name, rc);
        if (rc == 0) {
            assert_int_equal(r.fds_n, rows[i].fds_n * rows[i].messages);
            channel_record_done(&r);
        }
        assert_int_equal(open_descriptors(), before);
        fd_close(fds[0]);
        fd_close(fds[1]);
    }
}

static void test_waiting(void **state)
{
    struct channel_record r;
    struct err err;
    int fds[2];

    (void)state;
    pair(fds);
    assert_int_equal(channel_receive(fds[1], buf, &r, 0, &err), -ERR_TIMEOUT);
    assert_int_equal(channel_receive(fds[1], buf, &r, 20, &err), -ERR_TIMEOUT);
    int rc = 0;
    unsigned sent = 0;

    for (; rc == 0 && sent < 10000; sent++)
        rc = channel_send(fds[0], slice_of(big, CHANNEL_RECORD_MAX), NULL, 0, false, &err);
    assert_int_equal(rc, -ERR_UNAVAILABLE);
    assert_true(sent > 1);
    fd_close(fds[0]);
    for (unsigned i = 0; i + 1 < sent; i++)
        assert_int_equal(channel_receive(fds[1], buf, &r, -1, &err), 0);
    assert_int_equal(channel_receive(fds[1], buf, &r, -1, &err), -ERR_UNAVAILABLE);
    assert_int_equal(channel_send(fds[1], SLICE("x"), NULL, 0, true, &err), -ERR_UNAVAILABLE);
    fd_close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_hostile_records),
        cmocka_unit_test(test_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
