/* Takes back what was not synced, newest first. A change of a file is safe when a sync of the file
 * stands behind it in the log; a name, when a sync of its folder does. */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faultinject.h"
#include "undo_log.h"

#define SYNCED_MAX 1024

struct entry {
    struct undo_record r;
    char *path;
    uint8_t *data;
};

struct undo {
    struct entry *v;
    size_t n, cap;
    const char *synced[SYNCED_MAX]; /* files and folders behind whose sync we are, going back */
    size_t synced_n;
};

static bool entry_read(FILE *log, struct entry *e)
{
    if (fread(&e->r, sizeof e->r, 1, log) != 1 || e->r.magic != UNDO_MAGIC)
        return false;
    e->path = calloc(1, e->r.path_n + 1u);
    e->data = calloc(1, (size_t)e->r.data_n + 1);
    if (e->path == NULL || e->data == NULL)
        abort();
    /* A record that was cut short belongs to a change that was not made. */
    return fread(e->path, 1, e->r.path_n, log) == e->r.path_n &&
           fread(e->data, 1, (size_t)e->r.data_n, log) == e->r.data_n;
}

static bool undo_load(const char *path, struct undo *u)
{
    FILE *log = fopen(path, "rbe");

    if (log == NULL)
        return false;
    for (;;) {
        struct entry e = {0};

        if (!entry_read(log, &e)) {
            free(e.path);
            free(e.data);
            break;
        }
        if (u->n == u->cap) {
            u->cap = u->cap * 2 + 64;
            u->v = reallocarray(u->v, u->cap, sizeof *u->v);
            if (u->v == NULL)
                abort();
        }
        u->v[u->n++] = e;
    }
    (void)fclose(log);
    return true;
}

static bool is_synced(const struct undo *u, const char *path)
{
    for (size_t i = 0; i < u->synced_n; i++) {
        if (strcmp(u->synced[i], path) == 0)
            return true;
    }
    return false;
}

static void note_synced(struct undo *u, const char *path)
{
    if (is_synced(u, path))
        return;
    if (u->synced_n == SYNCED_MAX)
        abort();
    u->synced[u->synced_n++] = path;
}

static bool is_folder_synced(const struct undo *u, const char *path)
{
    char folder[PATH_MAX];
    char *slash;

    (void)snprintf(folder, sizeof folder, "%s", path);
    slash = strrchr(folder, '/');
    if (slash != NULL)
        *slash = '\0';
    return is_synced(u, folder);
}

static int put_back(const struct entry *e, int flags)
{
    int fd = open(e->path, O_WRONLY | O_CLOEXEC | flags, 0600);
    int rc = 0;

    if (fd < 0)
        return flags == 0 ? 0 : -1; /* the file itself is gone: nothing to restore */
    if (e->r.data_n > 0 && pwrite(fd, e->data, (size_t)e->r.data_n, (off_t)e->r.offset) < 0)
        rc = -1;
    if (ftruncate(fd, (off_t)e->r.size) < 0)
        rc = -1;
    (void)close(fd);
    return rc;
}

static int entry_undo(struct undo *u, size_t i)
{
    const struct entry *e = &u->v[i];

    switch (e->r.kind) {
    case UNDO_WRITE:
        return is_synced(u, e->path) ? 0 : put_back(e, 0);
    case UNDO_CREATE:
        if (!is_folder_synced(u, e->path))
            (void)unlink(e->path);
        return 0;
    case UNDO_UNLINK:
        return is_folder_synced(u, e->path) ? 0 : put_back(e, O_CREAT);
    case UNDO_RENAME:
        return is_folder_synced(u, e->path) ? 0 : rename((const char *)e->data, e->path);
    default:
        note_synced(u, e->path);
        return 0;
    }
}

int faultundo_apply(const char *undo_log)
{
    struct undo u = {0};
    int rc = 0;

    if (!undo_load(undo_log, &u))
        return -1;
    for (size_t i = u.n; i-- > 0;) {
        if (entry_undo(&u, i) < 0) {
            perror(u.v[i].path);
            rc = -1;
        }
    }
    for (size_t i = 0; i < u.n; i++) {
        free(u.v[i].path);
        free(u.v[i].data);
    }
    free(u.v);
    return rc;
}
