/* libfaultinject: makes writes and syncs of a program fail on purpose, and records what a power cut
 * would take from it. Preload it into the real store, or link it into a test.
 *
 *   LD_PRELOAD=libfaultinject.so FAULTINJECT_PATH=/var/lib/godwit FAULTINJECT=sync:3:EIO godwit …
 *
 * FAULTINJECT_PATH     only files below this folder are concerned
 * FAULTINJECT_PROGRAM  only the program of this name is (the others keep away from what their
 *                      sandbox does not allow)
 * FAULTINJECT          the plan: KIND:NTH:ERROR[:COUNT]. KIND is write (write, pwrite, pwritev),
 *                      sync (fsync, fdatasync), truncate, open, rename, unlink, or any. From the
 *                      NTH such call on (1 is the next), COUNT calls fail (default 1; 0: all).
 *                      ERROR is EIO, ENOSPC, EDQUOT, EROFS, EMFILE, or short: half is written.
 *                      A write that is to fail with an error writes nothing.
 * FAULTINJECT_CONTROL  a file with a plan; read again before each call, so that a plan can change
 *                      while the program runs. An empty file: nothing fails.
 * FAULTINJECT_UNDO     a log outside of the folder. Before each change of a file what stood there
 *                      is recorded, after each sync that it is safe. After `kill -9`,
 *                      `faults-undo LOG` throws away all that was not synced.
 *
 * A failed sync counts as none. Writes through memory maps are not seen: SQLite's -shm files are
 * rebuilt when a database is opened. Calls go straight to the kernel, so that nothing is needed
 * from libc's own versions. */
#undef _FILE_OFFSET_BITS
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "faultinject.h"
#include "undo_log.h"

#define SHORT_WRITE (-1)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all that follows */
static char watched[PATH_MAX];
static char control[PATH_MAX];
static char plan_text[128];
static char plan_kind[16];
static unsigned long plan_nth, plan_count;
static int plan_error;
static unsigned long calls;
static unsigned struck;
static int undo_fd = -1;

/* ---- the plan ---- */

static int error_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } names[] = {{"EIO", EIO},     {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
                 {"EROFS", EROFS}, {"EMFILE", EMFILE}, {"short", SHORT_WRITE}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) == 0)
            return names[i].number;
    }
    return EIO;
}

static void plan_set(const char *text)
{
    char error[16] = "EIO";

    (void)snprintf(plan_text, sizeof plan_text, "%s", text);
    plan_kind[0] = '\0';
    plan_nth = 1;
    plan_count = 1;
    calls = 0;
    if (sscanf(text, "%15[a-z]:%lu:%15[A-Za-z]:%lu", plan_kind, &plan_nth, error, &plan_count) < 1)
        plan_kind[0] = '\0';
    plan_error = error_number(error);
}

static void control_read(void)
{
    char text[sizeof plan_text] = "";
    int fd = (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
    long n = fd < 0 ? -1 : syscall(SYS_read, fd, text, sizeof text - 1);

    if (fd >= 0)
        (void)syscall(SYS_close, fd);
    text[n > 0 ? n : 0] = '\0';
    if (n >= 0 && strcmp(text, plan_text) != 0)
        plan_set(text);
}

/* 0: the call goes through; else an error number or SHORT_WRITE. With the mutex held. */
static int verdict(const char *kind)
{
    if (control[0] != '\0')
        control_read();
    if (plan_kind[0] == '\0' || (strcmp(plan_kind, "any") != 0 && strcmp(plan_kind, kind) != 0))
        return 0;
    calls++;
    if (calls < plan_nth || (plan_count != 0 && calls >= plan_nth + plan_count))
        return 0;
    struck++;
    return plan_error;
}

/* ---- paths ---- */

static bool is_watched(const char *path)
{
    size_t n = strlen(watched);

    return n > 0 && strncmp(path, watched, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool path_of_fd(int fd, char path[PATH_MAX])
{
    char link[32];
    long n;

    if (watched[0] == '\0')
        return false;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
    return n > 0 && is_watched(path);
}

/* Absolute, where `name` is relative to `dir_fd`. */
static bool path_of_name(int dir_fd, const char *name, char path[PATH_MAX])
{
    char dir[PATH_MAX] = "";

    if (watched[0] == '\0')
        return false;
    if (name[0] == '/') {
        (void)snprintf(path, PATH_MAX, "%s", name);
    } else {
        if (dir_fd == AT_FDCWD) {
            if (getcwd(dir, sizeof dir) == NULL)
                return false;
        } else if (!path_of_fd(dir_fd, dir)) {
            return false;
        }
        if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
            return false;
    }
    return is_watched(path);
}

/* ---- the undo log ---- */

static void log_record(enum undo_kind kind, const char *path, uint64_t offset, uint64_t size,
                       const void *data, uint64_t data_n)
{
    struct undo_record r = {.magic = UNDO_MAGIC,
                            .kind = kind,
                            .offset = offset,
                            .size = size,
                            .path_n = (uint32_t)strlen(path),
                            .data_n = data_n};
    struct iovec iov[] = {{&r, sizeof r},
                          {(void *)(uintptr_t)path, r.path_n},
                          {(void *)(uintptr_t)data, (size_t)data_n}};

    if (undo_fd >= 0 && syscall(SYS_writev, undo_fd, iov, 3) < 0)
        abort(); /* an incomplete log proves nothing */
}

/* What stands at offset, before n octets are written there (or the file is cut to offset). */
static void log_write(int fd, const char *path, uint64_t offset, uint64_t n)
{
    struct stat st;
    uint8_t *old = NULL;
    long got = 0;

    if (undo_fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    if (offset < (uint64_t)st.st_size && n > 0) {
        int reader = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

        if (n > (uint64_t)st.st_size - offset)
            n = (uint64_t)st.st_size - offset;
        old = malloc((size_t)n);
        if (old == NULL || reader < 0)
            abort();
        got = syscall(SYS_pread64, reader, old, (size_t)n, offset);
        (void)syscall(SYS_close, reader);
    }
    log_record(UNDO_WRITE, path, offset, (uint64_t)st.st_size, old, got > 0 ? (uint64_t)got : 0);
    free(old);
}

static void log_unlink(const char *path)
{
    struct stat st;
    uint8_t *old;
    long got;
    int fd = undo_fd < 0 ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        old = malloc((size_t)st.st_size + 1);
        if (old == NULL)
            abort();
        got = syscall(SYS_pread64, fd, old, (size_t)st.st_size, 0);
        log_record(UNDO_UNLINK, path, 0, (uint64_t)st.st_size, old, got > 0 ? (uint64_t)got : 0);
        free(old);
    }
    (void)syscall(SYS_close, fd);
}

/* ---- setting up ---- */

void faultinject_configure(const char *path, const char *undo_log)
{
    if (realpath(path, watched) == NULL)
        (void)snprintf(watched, sizeof watched, "%s", path);
    if (undo_log != NULL)
        undo_fd = (int)syscall(SYS_openat, AT_FDCWD, undo_log,
                               O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

unsigned faultinject_plan(const char *plan)
{
    unsigned n;

    (void)pthread_mutex_lock(&mutex);
    n = struck;
    struck = 0;
    plan_set(plan);
    (void)pthread_mutex_unlock(&mutex);
    return n;
}

__attribute__((constructor)) static void setup(void)
{
    const char *path = getenv("FAULTINJECT_PATH"), *plan = getenv("FAULTINJECT");
    const char *file = getenv("FAULTINJECT_CONTROL"), *program = getenv("FAULTINJECT_PROGRAM");

    if (path == NULL || (program != NULL && strcmp(program, program_invocation_short_name) != 0))
        return;
    faultinject_configure(path, getenv("FAULTINJECT_UNDO"));
    if (file != NULL)
        (void)snprintf(control, sizeof control, "%s", file);
    if (plan != NULL)
        plan_set(plan);
}

/* ---- the calls ---- */

/* The call that the program has made: its sandbox may allow no other. */
static ssize_t kernel_write(int fd, const struct iovec *iov, int n, off_t offset)
{
    if (n == 1 && offset < 0)
        return syscall(SYS_write, fd, iov->iov_base, iov->iov_len);
    if (n == 1)
        return syscall(SYS_pwrite64, fd, iov->iov_base, iov->iov_len, offset);
    return offset < 0 ? syscall(SYS_writev, fd, iov, n)
                      : syscall(SYS_pwritev, fd, iov, n, offset, 0);
}

/* Writes all vectors at offset, or at the file's own when offset is -1. */
static ssize_t do_write(int fd, const struct iovec *iov, int n, off_t offset)
{
    char path[PATH_MAX];
    size_t total = 0;
    ssize_t rc;
    int fail;

    if (!path_of_fd(fd, path))
        return kernel_write(fd, iov, n, offset);
    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    (void)pthread_mutex_lock(&mutex);
    fail = verdict("write");
    if (fail == 0 || fail == SHORT_WRITE) {
        off_t at = offset < 0 ? (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) : offset;

        log_write(fd, path, at < 0 ? 0 : (uint64_t)at, total);
    }
    if (fail == SHORT_WRITE && total > 1) {
        struct iovec half = {iov[0].iov_base, iov[0].iov_len > 1 ? iov[0].iov_len / 2 : 1};

        rc = kernel_write(fd, &half, 1, offset);
    } else if (fail > 0) {
        errno = fail;
        rc = -1;
    } else {
        rc = kernel_write(fd, iov, n, offset);
    }
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

ssize_t write(int fd, const void *p, size_t n)
{
    struct iovec iov = {(void *)(uintptr_t)p, n};

    return do_write(fd, &iov, 1, -1);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t offset)
{
    struct iovec iov = {(void *)(uintptr_t)p, n};

    return do_write(fd, &iov, 1, offset);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t offset)
{
    return pwrite(fd, p, n, offset);
}

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    return do_write(fd, iov, n, offset);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int n, off64_t offset)
{
    return do_write(fd, iov, n, offset);
}

static int do_sync(int fd, long number)
{
    char path[PATH_MAX];
    int rc, fail;

    if (!path_of_fd(fd, path))
        return (int)syscall(number, fd);
    (void)pthread_mutex_lock(&mutex);
    fail = verdict("sync");
    if (fail == 0) {
        rc = (int)syscall(number, fd);
        if (rc == 0)
            log_record(UNDO_SYNC, path, 0, 0, NULL, 0);
    } else {
        errno = fail > 0 ? fail : EIO;
        rc = -1;
    }
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

int fsync(int fd)
{
    return do_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return do_sync(fd, SYS_fdatasync);
}

int ftruncate(int fd, off_t size)
{
    char path[PATH_MAX];
    int rc, fail;

    if (!path_of_fd(fd, path))
        return (int)syscall(SYS_ftruncate, fd, size);
    (void)pthread_mutex_lock(&mutex);
    fail = verdict("truncate");
    if (fail == 0) {
        log_write(fd, path, (uint64_t)size, UINT64_MAX);
        rc = (int)syscall(SYS_ftruncate, fd, size);
    } else {
        errno = fail > 0 ? fail : EIO;
        rc = -1;
    }
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

int ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, size);
}

static int do_open(int dir_fd, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    int rc, fail;

    if (!path_of_name(dir_fd, name, path))
        return (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    (void)pthread_mutex_lock(&mutex);
    fail = verdict("open");
    if (fail == 0) {
        bool there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;

        if (there && (flags & O_TRUNC) != 0)
            log_unlink(path);
        if (!there && (flags & O_CREAT) != 0)
            log_record(UNDO_CREATE, path, 0, 0, NULL, 0);
        rc = (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    } else {
        errno = fail > 0 ? fail : EIO;
        rc = -1;
    }
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

#define OPEN_MODE(flags)                                                                           \
    ({                                                                                             \
        mode_t mode_ = 0;                                                                          \
        if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {                                              \
            va_list args_;                                                                         \
            va_start(args_, flags);                                                                \
            mode_ = va_arg(args_, mode_t);                                                         \
            va_end(args_);                                                                         \
        }                                                                                          \
        mode_;                                                                                     \
    })

int open(const char *name, int flags, ...)
{
    return do_open(AT_FDCWD, name, flags, OPEN_MODE(flags));
}

int open64(const char *name, int flags, ...)
{
    return do_open(AT_FDCWD, name, flags, OPEN_MODE(flags));
}

int openat(int dir_fd, const char *name, int flags, ...)
{
    return do_open(dir_fd, name, flags, OPEN_MODE(flags));
}

int openat64(int dir_fd, const char *name, int flags, ...)
{
    return do_open(dir_fd, name, flags, OPEN_MODE(flags));
}

int unlinkat(int dir_fd, const char *name, int flags)
{
    char path[PATH_MAX];
    int rc, fail;

    if (!path_of_name(dir_fd, name, path))
        return (int)syscall(SYS_unlinkat, dir_fd, name, flags);
    (void)pthread_mutex_lock(&mutex);
    fail = verdict("unlink");
    if (fail == 0) {
        log_unlink(path);
        rc = (int)syscall(SYS_unlinkat, dir_fd, name, flags);
    } else {
        errno = fail > 0 ? fail : EIO;
        rc = -1;
    }
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int rename(const char *from, const char *to)
{
    char path[PATH_MAX], target[PATH_MAX];
    bool ours = path_of_name(AT_FDCWD, from, path);
    int rc, fail;

    ours = path_of_name(AT_FDCWD, to, target) || ours;
    if (!ours)
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    (void)pthread_mutex_lock(&mutex);
    fail = verdict("rename");
    if (fail == 0) {
        log_unlink(target);
        log_record(UNDO_RENAME, path, 0, 0, target, strlen(target));
        rc = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    } else {
        errno = fail > 0 ? fail : EIO;
        rc = -1;
    }
    (void)pthread_mutex_unlock(&mutex);
    return rc;
}
