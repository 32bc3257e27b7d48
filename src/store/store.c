#include "store/store_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "base/secret.h"
#include "store/account_create.h"
#include "store/account_quota.h"
#include "store/address.h"
#include "store/directory.h"
#include "store/login.h"

#define PATH_BYTES 4096

static int make_directory(const char *path, struct err *err)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make the directory %s", path);
    return 0;
}

static int open_part(struct store *s, const struct store_config *config, const char *name,
                     const char *schema_part, struct shard **out, struct err *err)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", config->directory, name);

    if (n < 0 || (size_t)n >= sizeof(path))
        return err_set(err, ERR_LIMIT, "the path of the data directory is too long");
    int rc = make_directory(path, err);

    if (rc < 0)
        return rc;
    struct shard_config shard = {
        .directory = path,
        .schema_part = schema_part,
        .readers = config->threads,
        .commit_wait_us = config->commit_wait_us,
    };

    rc = shard_open(&shard, s->env, out, err);
    return rc < 0 ? err_prefix(err, "open %s", path) : 0;
}

/* Accounts know their shard by number: none may be left out. */
static int check_shards(const struct store *s, struct err *err)
{
    struct db_row r;
    int rc = db_query(shard_reader(s->directory, 0), "SELECT MAX(shard) FROM account", &r, err);

    if (rc == 0)
        rc = db_step(&r, err);
    int64_t last = rc == 1 ? db_int(&r, 0) : 0;

    db_done(&r);
    if (rc < 0)
        return rc;
    if (last >= (int64_t)s->shards_n)
        return err_set(err, ERR_INVALID,
                       "accounts are in shard %lld, but only %u shards are configured",
                       (long long)last, s->shards_n);
    return 0;
}

struct repair {
    struct write write;
    int64_t account_id;
    struct account_quota quota;
    bool there;
};

static int repair_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    const struct repair *repair = (struct repair *)w;
    int rc = repair->there ? 0 : account_create(ctx, repair->account_id, 0, err);

    return rc == 0 ? account_quota_write(ctx, repair->account_id, &repair->quota, err) : rc;
}

static int repair_account(struct shard *shard, struct repair *repair, struct err *err)
{
    bool same = false;
    int rc =
        account_quota_same(shard_reader(shard, 0), repair->account_id, &repair->quota, &same, err);

    repair->there = rc == 1;
    return rc < 0 || same ? MIN(rc, 0) : shard_write(shard, &repair->write, err);
}

/* The directory is changed first, the shard after it: what a crash left without mailboxes gets
 * them, and quotas are those of the directory. */
static int repair_accounts(struct store *s, struct err *err)
{
    struct db *db = shard_reader(s->directory, 0);
    int64_t installation = 0;
    struct db_row r;
    int rc = directory_quota(db, &installation, err);

    if (rc == 0)
        rc = db_query(db, "SELECT account_id, shard, quota_bytes FROM account", &r, err);
    if (rc < 0)
        return rc;
    while ((rc = db_step(&r, err)) == 1) {
        struct repair repair = {.write = {.apply = repair_apply},
                                .account_id = db_int(&r, 0),
                                .quota = account_quota(db_int(&r, 2), installation)};

        rc = repair_account(s->shards[db_int(&r, 1)], &repair, err);
        if (rc < 0)
            break;
    }
    db_done(&r);
    return rc;
}

static int open_parts(struct store *s, const struct store_config *config, struct err *err)
{
    int rc = make_directory(config->directory, err);

    if (rc < 0)
        return rc;
    s->directory_fd = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->directory_fd < 0)
        return err_errno(err, errno, "cannot open the directory %s", config->directory);
    rc = open_part(s, config, "directory", "directory", &s->directory, err);
    while (rc == 0 && s->shards_n < config->shards) {
        char name[32];

        (void)snprintf(name, sizeof(name), "shard-%02u", s->shards_n);
        rc = open_part(s, config, name, "shard", &s->shards[s->shards_n], err);
        if (rc == 0)
            s->shards_n++;
    }
    if (rc == 0)
        rc = check_shards(s, err);
    return rc == 0 ? repair_accounts(s, err) : rc;
}

static int set_hostname(struct store *s, struct slice hostname, struct err *err)
{
    struct slice canonical = SLICE("");
    struct arena a;
    int rc = 0;

    arena_init(&a, 64 * 1024);
    if (hostname.n > 0)
        rc = address_domain(&a, hostname, &canonical, err);
    if (rc == 0) {
        s->hostname = strndup((const char *)canonical.p, canonical.n);
        if (!s->hostname)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    arena_done(&a);
    return rc;
}

static int open_all(struct store *s, const struct store_config *config, struct err *err)
{
    int rc = set_hostname(s, config->hostname, err);

    if (rc == 0)
        rc = open_parts(s, config, err);
    if (rc < 0)
        return rc;
    s->sessions = sessions_new();
    s->events = events_new();
    s->credentials = credential_cache_new();
    s->challenges = challenges_new();
    s->slowdown = slowdown_new();
    if (!s->sessions || !s->events || !s->credentials || !s->challenges || !s->slowdown)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = login_key_open(s, err);
    if (rc == 0)
        rc = attempts_new(s, &s->attempts, err);
    return rc < 0 ? rc : workers_new(MAX(config->threads / 2, 1u), &s->workers, err);
}

int store_open(const struct store_config *config, const struct env *env, struct store **out,
               struct err *err)
{
    if (config->shards == 0 || config->shards > STORE_SHARDS_MAX || config->threads == 0)
        return err_set(err, ERR_INVALID, "1 to %d shards, and threads, are needed",
                       STORE_SHARDS_MAX);
    struct store *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->env = env;
    s->threads = config->threads;
    s->directory_fd = -1;
    int rc = open_all(s, config, err);

    if (rc < 0) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    /* Workers submit to the directory, whose writes may end sessions: in this order. */
    workers_free(s->workers);
    attempts_free(s->attempts);
    if (s->directory)
        shard_close(s->directory);
    for (uint32_t i = 0; i < s->shards_n; i++)
        shard_close(s->shards[i]);
    sessions_free(s->sessions);
    events_free(s->events);
    credential_cache_free(s->credentials);
    challenges_free(s->challenges);
    slowdown_free(s->slowdown);
    wipe(s->login_key, sizeof(s->login_key));
    (void)fd_close(s->directory_fd);
    free(s->hostname);
    free(s);
}

static void group_session_ended(void *owner, uint32_t group, int64_t account_id, uint32_t watches)
{
    struct store *s = owner;

    events_unwatch(s->events, group, account_id, watches);
}

void store_group_end(struct store *s, uint32_t group)
{
    sessions_end_group(s->sessions, group, group_session_ended, s);
}

static void account_session_ended(void *owner, uint32_t group, int64_t account_id, uint32_t watches)
{
    struct store *s = owner;

    events_unwatch(s->events, group, account_id, watches);
    events_session_ended(s->events, group, account_id);
}

void store_end_account_sessions(struct store *s, int64_t account_id)
{
    sessions_end_account(s->sessions, account_id, account_session_ended, s);
}
