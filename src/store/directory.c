#include "store/directory.h"

#include "base/num.h"

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
                      "SELECT disabled, localpart_case_sensitive, localpart_separators FROM domain "
                      "WHERE domain = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, domain);
    rc = db_step(&r, err);
    if (rc == 1)
        *out = (struct directory_domain){domain, db_int(&r, 0) != 0, db_int(&r, 1) != 0,
                                         arena_copy(a, db_blob(&r, 2))};
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

/* 1: the address has an account. */
static int find_address(struct db *db, struct arena *a, struct slice domain, struct slice localpart,
                        struct directory_target *out, struct err *err)
{
    struct db_row r;
    int rc =
        db_query(db, "SELECT account_id, mailbox FROM address WHERE domain = ?1 AND localpart = ?2",
                 &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, domain);
    db_bind_text(&r, 2, localpart);
    rc = db_step(&r, err);
    if (rc == 1) {
        out->where = DIRECTORY_LOCAL;
        out->account_id = db_int(&r, 0);
        out->mailbox = arena_copy(a, db_blob(&r, 1));
    }
    return finish(&r, a, rc, err);
}

static int find_alias(struct db *db, struct directory_target *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT 1 FROM alias WHERE domain = ?1 AND localpart = ?2", &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, out->domain);
    db_bind_text(&r, 2, out->localpart);
    rc = db_step(&r, err);
    if (rc == 1)
        out->where = DIRECTORY_ALIAS;
    db_done(&r);
    return rc;
}

/* RFC 5321 4.5.1: postmaster is always there. Who has no address of that name configured gets it
 * delivered to the first account. */
static int find_postmaster(struct db *db, struct directory_target *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT account_id FROM account ORDER BY account_id LIMIT 1", &r, err);

    if (rc < 0)
        return rc;
    rc = db_step(&r, err);
    if (rc == 1) {
        out->where = DIRECTORY_LOCAL;
        out->account_id = db_int(&r, 0);
        out->mailbox = SLICE("");
        out->stand_in = true;
    }
    db_done(&r);
    return rc;
}

static int set_canonical(struct arena *a, struct slice localpart, struct slice domain,
                         struct directory_target *out, struct err *err)
{
    out->localpart = localpart;
    out->domain = domain;
    out->canonical = arena_printf(a, "%.*s@%.*s", SLICE_FMT(localpart), SLICE_FMT(domain));
    return arena_failed(a) ? no_memory(err) : 0;
}

/* An address of a domain of ours: the first rule that finds something decides. */
static int resolve_local(struct db *db, struct arena *a, const struct directory_domain *domain,
                         struct slice localpart, enum directory_use use,
                         struct directory_target *out, struct err *err)
{
    struct slice canonical;
    int rc = address_localpart(a, localpart, domain->case_sensitive, domain->separators, &canonical,
                               err);

    if (rc == 0)
        rc = set_canonical(a, canonical, domain->domain, out, err);
    if (rc < 0)
        return rc;
    out->where = DIRECTORY_UNKNOWN;
    /* What remains of "+x" is empty, which is not the catch-all's row. */
    if (canonical.n > 0)
        rc = find_address(db, a, domain->domain, canonical, out, err);
    if (rc == 0)
        rc = find_alias(db, out, err);
    if (rc == 0)
        rc = find_address(db, a, domain->domain, SLICE(""), out, err);
    if (rc == 0 && use == DIRECTORY_RCPT && slice_eq_nocase(canonical, SLICE("postmaster")))
        rc = find_postmaster(db, out, err);
    return rc < 0 ? rc : 0;
}

int directory_resolve(struct db *db, struct arena *a, struct slice address, struct slice hostname,
                      enum directory_use use, struct directory_target *out, struct err *err)
{
    struct directory_target target = {.where = DIRECTORY_REMOTE};
    struct directory_domain domain;
    struct address parsed;
    int rc;

    if (slice_eq_nocase(address, SLICE("postmaster"))) {
        parsed = (struct address){SLICE("postmaster"), hostname};
    } else {
        rc = address_parse(a, address, /* catchall= */ false, &parsed, err);
        if (rc == -ERR_SYNTAX || rc == -ERR_LIMIT) {
            *out = target;
            return 0;
        }
        if (rc < 0)
            return rc;
    }
    target.given = parsed;
    rc = directory_domain(db, a, parsed.domain, &domain, err);
    if (rc == 1) {
        rc = resolve_local(db, a, &domain, parsed.localpart, use, &target, err);
        if (domain.disabled && use == DIRECTORY_RCPT)
            target.where = DIRECTORY_DISABLED;
    } else if (rc == 0 && use == DIRECTORY_RCPT && slice_eq(parsed.domain, hostname) &&
               slice_eq_nocase(parsed.localpart, SLICE("postmaster"))) {
        rc = set_canonical(a, SLICE("postmaster"), hostname, &target, err);
        target.where = DIRECTORY_UNKNOWN;
        if (rc == 0)
            rc = find_postmaster(db, &target, err);
    }
    if (rc < 0)
        return rc;
    *out = target;
    return 0;
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
            (struct address){arena_copy(a, db_blob(&r, 0)), arena_copy(a, db_blob(&r, 1))};
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
    int rc = address_parse(a, text, catchall, &parsed, err);

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
    out->domain = parsed.domain;
    return address_localpart(a, parsed.localpart, domain.case_sensitive, SLICE(""), &out->localpart,
                             err);
}

int directory_free(struct db *db, const struct address *address, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT 1 FROM alias WHERE domain = ?1 AND localpart = ?2 UNION ALL "
                      "SELECT 1 FROM address WHERE domain = ?1 AND localpart = ?2",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, address->domain);
    db_bind_text(&r, 2, address->localpart);
    rc = db_step(&r, err);
    db_done(&r);
    if (rc == 1)
        return err_set(err, ERR_EXISTS, "the address %.*s@%.*s is taken",
                       SLICE_FMT(address->localpart), SLICE_FMT(address->domain));
    return rc;
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
