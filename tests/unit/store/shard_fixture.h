/* A shard in a folder of its own, with accounts 1 to 4, for tests of src/store. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/account_create.h"
#include "store/deliver.h"
#include "store/shard.h"

#define FIXTURE_NOW_S INT64_C(1700000000)

struct fixture {
    char directory[64];
    struct clock clock;
    struct env env;
    struct shard *shard;
    struct err err;
};

struct fixture_write {
    struct write write;
    struct deliver *deliver;
    int64_t account_id, quota_bytes;
};

static inline int fixture_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void fixture_open(struct fixture *f)
{
    struct shard_config config = {.directory = f->directory, .schema_part = "shard", .readers = 2};
    int rc = shard_open(&config, &f->env, &f->shard, &f->err);

    if (rc < 0)
        print_error("%s: %s\n", f->err.text, f->err.detail);
    assert_int_equal(rc, 0);
}

static inline int fixture_account_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    struct fixture_write *fw = (struct fixture_write *)w;

    return account_create(ctx, fw->account_id, fw->quota_bytes, err);
}

static inline int fixture_deliver_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    return deliver_apply(ctx, ((struct fixture_write *)w)->deliver, err);
}

static inline void fixture_init(struct fixture *f)
{
    *f = (struct fixture){.directory = "/tmp/godwit-test-XXXXXX"};
    assert_non_null(mkdtemp(f->directory));
    f->clock.frozen_ns = FIXTURE_NOW_S * NS_PER_S;
    f->env.clock = &f->clock;
    fixture_open(f);
    for (int64_t i = 1; i <= 4; i++) {
        struct fixture_write w = {.write.apply = fixture_account_apply, .account_id = i};

        assert_int_equal(shard_write(f->shard, &w.write, &f->err), 0);
    }
}

static inline void fixture_done(struct fixture *f)
{
    shard_close(f->shard);
    (void)nftw(f->directory, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The first column of a statement with two numbers as parameters; -1 when there is no row. */
static inline int64_t fixture_number(struct fixture *f, const char *sql, int64_t a, int64_t b)
{
    struct db *db = shard_reader(f->shard, 0);
    int64_t value = -1;
    struct db_row r;
    int rc;

    assert_int_equal(db_query(db, sql, &r, &f->err), 0);
    db_bind_int(&r, 1, a);
    db_bind_int(&r, 2, b);
    r.bind_rc = 0; /* a statement may have fewer parameters */
    rc = db_step(&r, &f->err);
    assert_true(rc >= 0);
    if (rc == 1)
        value = db_int(&r, 0);
    db_done(&r);
    return value;
}

/* Delivers `octets` to the targets. */
static inline int fixture_deliver(struct fixture *f, struct slice octets, const Gw__Facts *facts,
                                  struct deliver_target *targets, size_t n)
{
    static const Gw__Facts none = GW__FACTS__INIT;
    struct body_packed packed = {0};
    struct deliver d = {.facts = facts != NULL ? facts : &none,
                        .received_ns = f->clock.frozen_ns,
                        .body = &packed,
                        .targets = targets,
                        .targets_n = n};
    struct fixture_write w = {.write.apply = fixture_deliver_apply, .deliver = &d};
    int rc = body_pack(octets, &packed, &f->err);

    assert_int_equal(rc, 0);
    rc = shard_write(f->shard, &w.write, &f->err);
    body_packed_done(&packed);
    return rc;
}
