#include "supervisor/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define ANCHORS_MAX (6u * 1024)

int files_text_read(const char *path, struct builder *out, struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, errno, "%s cannot be opened", path);
    for (;;) {
        uint8_t *p = build_reserve(out, 1024);

        if (!p)
            return err_set(err, ERR_LIMIT, "%s is longer than %zu octets", path, out->max);
        ssize_t n = read(fd, p, 1024);

        if (n < 0)
            return err_errno(err, errno, "%s cannot be read", path);
        if (n == 0)
            return 0;
        build_advance(out, (size_t)n);
    }
}

int files_anchors_read(const struct config *config, struct builder *out, struct err *err)
{
    const struct config_dns *dns = &config->dns;
    int rc = 0;

    build_init(out, ANCHORS_MAX);
    if (dns->lookups)
        rc = files_text_read(dns->trust_anchor, out, err);
    if (dns->lookups && rc == 0 && slice_trim(build_slice(out)).n == 0)
        rc = err_set(err, ERR_INVALID, "%s is empty", dns->trust_anchor);
    if (dns->lookups && rc == 0 && dns->zone_anchors.n > 0)
        build_byte(out, '\n');
    for (size_t i = 0; dns->lookups && i < dns->zone_anchors.n && rc == 0; i++)
        build_printf(out, "%s\n", dns->zone_anchors.item[i]);
    if (rc == 0 && !build_ok(out))
        rc = err_set(err, ERR_LIMIT, "the trust anchors are longer than %u octets", ANCHORS_MAX);
    if (rc < 0) {
        build_done(out);
        return err_prefix(err, "dns.trust_anchor");
    }
    return 0;
}

int files_user_find(const struct config *config, struct files_user *out, struct err *err)
{
    *out = (struct files_user){0};
    if (geteuid() != 0)
        return 0;
    errno = 0;
    const struct passwd *pw = getpwnam(config->user);

    if (!pw)
        return err_set(err, ERR_NOT_FOUND,
                       "there is no user '%s': add it, or name another one with `user`",
                       config->user);
    if (pw->pw_uid == 0 || pw->pw_gid == 0)
        return err_set(err, ERR_INVALID, "the user '%s' is root: the server needs its own user",
                       config->user);
    *out = (struct files_user){pw->pw_uid, pw->pw_gid};
    return 0;
}

static int make_directory(const char *path, const struct files_user *user, struct err *err)
{
    struct stat st;

    if (mkdir(path, 0700) == 0) {
        if (user->uid && chown(path, user->uid, user->gid) < 0)
            return err_errno(err, errno, "cannot give %s to its user", path);
    } else if (errno != EEXIST) {
        return err_errno(err, errno, "cannot make the data directory %s", path);
    }
    if (stat(path, &st) < 0)
        return err_errno(err, errno, "data directory %s", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is not a directory", path);
    if (user->uid && st.st_uid != user->uid)
        return err_set(err, ERR_DENIED,
                       "the data directory %s does not belong to the server's user", path);
    return 0;
}

static int take_lock(const char *directory, int directory_fd, int *out, struct err *err)
{
    _cleanup_fd_ int fd =
        openat(directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_errno(err, errno, "%s/lock cannot be opened", directory);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? err_set(err, ERR_UNAVAILABLE, "another server works on %s", directory)
                   : err_errno(err, errno, "%s/lock cannot be locked", directory);
    *out = TAKE_FD(fd);
    return 0;
}

static int read_id_key(const char *directory, int directory_fd, uint8_t *out, struct err *err)
{
    _cleanup_fd_ int fd =
        openat(directory_fd, "id.key", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_errno(err, errno, "%s/id.key cannot be opened", directory);
    if (read(fd, out, FILES_ID_KEY_BYTES) == FILES_ID_KEY_BYTES)
        return 0;
    random_bytes(out, FILES_ID_KEY_BYTES);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, out, FILES_ID_KEY_BYTES, 0) != FILES_ID_KEY_BYTES ||
        fsync(fd) < 0)
        return err_errno(err, errno, "%s/id.key cannot be written", directory);
    return 0;
}

int files_data_open(const struct config *config, const struct files_user *user, int *lock_fd_out,
                    uint8_t id_key_out[static FILES_ID_KEY_BYTES], struct err *err)
{
    const char *directory = config->data_directory;
    int rc = make_directory(directory, user, err);

    if (rc < 0)
        return rc;
    _cleanup_fd_ int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory_fd < 0)
        return err_errno(err, errno, "data directory %s", directory);
    _cleanup_fd_ int lock_fd = -1;

    rc = take_lock(directory, directory_fd, &lock_fd, err);
    if (rc == 0)
        rc = read_id_key(directory, directory_fd, id_key_out, err);
    if (rc == 0)
        *lock_fd_out = TAKE_FD(lock_fd);
    return rc;
}
