#include "sendmail/dead_letter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/secret.h"

static int write_all(int fd, struct slice octets)
{
    while (octets.n > 0) {
        ssize_t n = write(fd, octets.p, octets.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        octets = slice_from(octets, (size_t)n);
    }
    return 0;
}

/* Under a name of its own first; only what is complete gets the name that people look at. */
static int write_file(int directory, const char *name, struct slice note, struct slice message)
{
    char draft[80];

    (void)snprintf(draft, sizeof(draft), ".%s", name);
    _cleanup_fd_ int fd =
        openat(directory, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return -1;
    if (write_all(fd, note) == 0 && write_all(fd, message) == 0 && fsync(fd) == 0 &&
        renameat2(directory, draft, directory, name, RENAME_NOREPLACE) == 0)
        return fsync(directory);
    int saved = errno;

    (void)unlinkat(directory, draft, 0);
    errno = saved;
    return -1;
}

int dead_letter_write(const char *path, struct slice note, struct slice message, int64_t now_s,
                      char path_out[static DEAD_LETTER_PATH_MAX], struct err *err)
{
    struct clock_utc t = clock_utc_of(now_s);
    struct stat st;
    char name[64];

    (void)snprintf(name, sizeof(name), "%04d%02d%02dT%02d%02d%02dZ-%016" PRIx64 ".eml", t.year,
                   t.month, t.day, t.hour, t.minute, t.second, random_u64());
    if ((size_t)snprintf(path_out, DEAD_LETTER_PATH_MAX, "%s/%s", path, name) >=
        DEAD_LETTER_PATH_MAX)
        return err_set(err, ERR_LIMIT, "the name of the directory of dead letters is too long");
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", path);
    _cleanup_fd_ int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0 || fstat(directory, &st) < 0)
        return err_errno(err, errno, "cannot open %s", path);
    /* In a place that everybody may write to, somebody else may have made it first. */
    if (st.st_uid != geteuid() || (st.st_mode & 022) != 0)
        return err_set(err, ERR_DENIED, "%s belongs to somebody else, or others may write to it",
                       path);
    if (write_file(directory, name, note, message) < 0)
        return err_errno(err, errno, "cannot write %s", path_out);
    return 0;
}
