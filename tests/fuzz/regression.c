/* Runs a fuzz target over files instead of random input, so that its seeds and every input that
 * once broke it are ordinary tests.
 *
 *   fuzz_NAME_regression DIRECTORY...
 *
 * Each regular file in the directories is one input; a directory that does not exist has none. The
 * target stops the process when a law is broken; the name of the file has been printed by then. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool run_file(int dir, const char *name)
{
    _cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0) {
        (void)fprintf(stderr, "%s: %s\n", name, strerror(errno));
        return false;
    }
    if (!S_ISREG(st.st_mode))
        return true;
    /* Exactly as large as the input, so that the sanitizer sees one octet too many. */
    _cleanup_free_ uint8_t *data = malloc(st.st_size ? (size_t)st.st_size : 1);
    size_t n = 0;

    if (!data)
        return false;
    while (n < (size_t)st.st_size) {
        ssize_t got = read(fd, data + n, (size_t)st.st_size - n);

        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    (void)printf("%s\n", name);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, n);
    return true;
}

/* The number of inputs, or -1. */
static int run_directory(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int count = 0;

    if (!dir)
        return errno == ENOENT ? 0 : -1;
    while (count >= 0 && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        count = run_file(dirfd(dir), entry->d_name) ? count + 1 : -1;
    }
    (void)closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        int more = run_directory(argv[i]);

        if (more < 0) {
            (void)fprintf(stderr, "cannot read %s\n", argv[i]);
            return 1;
        }
        count += more;
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    if (count == 0)
        (void)fprintf(stderr, "there is no input: put seeds into tests/fuzz/corpus/\n");
    return count == 0;
}
