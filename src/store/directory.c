#include "store/directory.h"

#include "base/num.h"
#include "store/outgoing.h"

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

/* Ends a query that was stepped once; its text was copied to `a`. */
static int finish(struct db_row *r, struct arena *a, int rc, struct err *err)
{
    db_done(r);
    return rc >= 0 && arena_failed(a) ? no_memory(err) : rc;
}

int directory_domain(struct db *db, struct arena *a, struct slice domain,
                     struct directory_domain *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT disabled, localpart_case_sensitive, localpart_separators, "
                      "EXISTS (SELECT 1 FROM role_address r WHERE r.about = d.domain) "
                      "AND NOT EXISTS (SELECT 1 FROM role_address r WHERE r.domain = d.domain) "
                      "AND NOT EXISTS (SELECT 1 FROM address a WHERE a.domain = d.domain) "
                      "AND NOT EXISTS (SELECT 1 FROM alias l WHERE l.domain = d.domain) "
                      "FROM domain d WHERE d.domain = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, domain);
    rc = db_step(&r, err);
    if (rc == 1)
        *out = (struct directory_domain){domain, db_int(&r, 0) != 0, db_int(&r, 1) != 0,
                                         arena_copy(a, db_blob(&r, 2)), db_int(&r, 3) != 0};
    return finish(&r, a, rc, err);
}

static int account_row(struct db_row *r, struct arena *a, struct directory_account *out,
                       struct err *err)
{
    int rc = db_step(r, err);

    if (rc == 1)
        *out =
            (struct directory_account){db_int(r, 0), (unsigned)db_int(r, 1),
                                       arena_copy(a, db_blob(r, 2)), arena_copy(a, db_blob(r, 3))};
    return finish(r, a, rc, err);
}

int directory_account(struct db *db, struct arena *a, struct slice name,
                      struct directory_account *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(
        db, "SELECT account_id, shard, name, login_disabled FROM account WHERE name = ?1", &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, name);
    return account_row(&r, a, out, err);
}

int directory_account_by_id(struct db *db, struct arena *a, int64_t account_id,
                            struct directory_account *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT account_id, shard, name, login_disabled FROM account WHERE "
                      "account_id = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    return account_row(&r, a, out, err);
}

int directory_limits(struct db *db, int64_t account_id, struct outgoing_limits *out,
                     struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT messages_per_day, recipients_per_day FROM account WHERE account_id = "
                      "?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, account_id);
    rc = db_step(&r, err);
    if (rc == 1) {
        int64_t messages = db_int(&r, 0), recipients = db_int(&r, 1);

        out->messages_per_day = messages ? messages : OUTGOING_MESSAGES_PER_DAY;
        out->recipients_per_day = recipients ? recipients : OUTGOING_RECIPIENTS_PER_DAY;
    }
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the account is gone");
    return rc < 0 ? rc : 0;
}

int directory_quota(struct db *db, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc =
        db_query(db, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'quota_bytes'", &r, err);

    if (rc < 0)
        return rc;
    rc = db_step(&r, err);
    if (rc >= 0)
        *out = rc == 1 ? db_int(&r, 0) : 0;
    db_done(&r);
    return rc < 0 ? rc : 0;
}

/* At most `n`: who joined since they were counted is read the next time. */
static int read_members(struct db *db, struct arena *a, const struct address *self, size_t n,
                        struct directory_alias *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT member_localpart, member_domain FROM alias_member WHERE domain = ?1 "
                      "AND localpart = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, self->domain);
    db_bind_text(&r, 2, self->localpart);
    while (out->members_n < n && (rc = db_step(&r, err)) == 1)
        out->members[out->members_n++] =
            (struct address){arena_copy(a, db_blob(&r, 0)), arena_copy(a, db_blob(&r, 1)), false};
    return finish(&r, a, rc < 0 ? rc : 0, err);
}

int directory_alias(struct db *db, struct arena *a, const struct address *self,
                    struct directory_alias *out, struct err *err)
{
    size_t n = 0;
    struct db_row r;
    int rc = db_query(db,
                      "SELECT post_public, list_members, allow_msg_from, (SELECT count(*) FROM "
                      "alias_member m WHERE m.domain = ?1 AND m.localpart = ?2) FROM alias WHERE "
                      "domain = ?1 AND localpart = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, self->domain);
    db_bind_text(&r, 2, self->localpart);
    rc = db_step(&r, err);
    if (rc == 1) {
        *out = (struct directory_alias){.post_public = db_int(&r, 0) != 0,
                                        .list_members = db_int(&r, 1) != 0,
                                        .allow_msg_from = db_int(&r, 2) != 0};
        n = (size_t)db_int(&r, 3);
    }
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no alias %.*s@%.*s",
                       SLICE_FMT(self->localpart), SLICE_FMT(self->domain));
    if (rc < 0)
        return rc;
    n = MIN(n, DIRECTORY_MEMBERS_MAX);
    out->members = ARENA_ARRAY(a, n + 1, struct address);
    if (!out->members)
        return no_memory(err);
    return read_members(db, a, self, n, out, err);
}

/* ---- for administration ---- */

int directory_own_address(struct db *db, struct arena *a, struct slice text, bool catchall,
                          struct address *out, struct err *err)
{
    struct directory_domain domain;
    struct address parsed;
    int rc = address_parse_typed(a, text, &parsed, err);

    if (rc == 0 && parsed.catchall && !catchall)
        return err_set(err, ERR_SYNTAX, "this must be an address, not a catch-all");
    if (rc < 0)
        return rc;
    rc = directory_domain(db, a, parsed.domain, &domain, err);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "the domain %.*s is not configured; add it first",
                       SLICE_FMT(parsed.domain));
    if (rc < 0)
        return rc;
    if (address_has_separator(parsed.localpart, domain.separators))
        return err_set(err, ERR_INVALID,
                       "an address cannot have the domain's separator in it: mail for what stands "
                       "before it is delivered there");
    rc = directory_localpart_fold(a, &domain, parsed.localpart, &parsed.localpart, err);
    if (rc == 0)
        *out = parsed;
    return rc;
}

int directory_free(struct db *db, struct arena *a, const struct address *address, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT 1 FROM alias WHERE domain = ?1 AND localpart = ?2 AND NOT ?3 "
                      "UNION ALL SELECT 1 FROM role_address WHERE domain = ?1 AND localpart = ?2 "
                      "AND NOT ?3 UNION ALL "
                      "SELECT 1 FROM address WHERE domain = ?1 AND localpart = ?2 AND catchall = "
                      "?3",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, address->domain);
    db_bind_text(&r, 2, address->localpart);
    db_bind_int(&r, 3, address->catchall);
    rc = db_step(&r, err);
    db_done(&r);
    if (rc == 1)
        return err_set(err, ERR_EXISTS, "the address %.*s is taken",
                       SLICE_FMT(address_text(a, address)));
    return rc;
}

int directory_address_exists(struct db *db, const struct address *address, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT 1 FROM address WHERE domain = ?1 AND localpart = ?2 AND catchall = "
                      "?3",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, address->domain);
    db_bind_text(&r, 2, address->localpart);
    db_bind_int(&r, 3, address->catchall);
    rc = db_step(&r, err);
    db_done(&r);
    return rc;
}

int directory_need_domain(struct db *db, struct arena *a, struct slice name, struct slice *out,
                          struct err *err)
{
    struct directory_domain domain;
    int rc = address_domain(a, name, out, err);

    if (rc < 0)
        return rc;
    rc = directory_domain(db, a, *out, &domain, err);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no domain %.*s", SLICE_FMT(*out));
    return rc < 0 ? rc : 0;
}

int directory_need_account(struct db *db, struct arena *a, struct slice name,
                           struct directory_account *out, struct err *err)
{
    int rc = directory_account(db, a, name, out, err);

    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no account of that name");
    return rc < 0 ? rc : 0;
}

int directory_run(struct db *db, const char *sql, const struct slice *texts, size_t n,
                  struct err *err)
{
    struct db_row r;
    int rc = db_query(db, sql, &r, err);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n; i++)
        db_bind_text(&r, (int)i + 1, texts[i]);
    return db_run(&r, err);
}
