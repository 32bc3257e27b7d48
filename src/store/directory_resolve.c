/* The table in directory.h, from top to bottom. */
#include "store/directory.h"

#include "base/unicode.h"

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

static bool is_postmaster(struct slice localpart)
{
    return slice_eq(localpart, SLICE("postmaster"));
}

int directory_localpart_fold(struct arena *a, const struct directory_domain *domain,
                             struct slice in, struct slice *out, struct err *err)
{
    if (!domain->case_sensitive)
        return unicode_lower(a, in, out, err);
    *out = in;
    return 0;
}

static int set_canonical(struct arena *a, struct slice localpart, struct slice domain,
                         struct directory_target *out, struct err *err)
{
    out->localpart = localpart;
    out->domain = domain;
    out->canonical = arena_printf(a, "%.*s@%.*s", SLICE_FMT(localpart), SLICE_FMT(domain));
    return arena_failed(a) ? no_memory(err) : 0;
}

/* Account and mailbox are the first two columns. */
static void take_destination(struct db_row *r, struct arena *a, struct directory_target *out)
{
    out->where = DIRECTORY_LOCAL;
    out->account_id = db_int(r, 0);
    out->mailbox = arena_copy(a, db_blob(r, 1));
}

/* RFC 5321 4.5.1: postmaster is always there. */
static int find_postmaster(struct db *db, struct arena *a, struct directory_target *out,
                           struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT account_id, mailbox, 0 AS n FROM role_address WHERE role = "
                      "'postmaster' UNION ALL SELECT account_id, '', account_id FROM account "
                      "ORDER BY n LIMIT 1",
                      &r, err);

    if (rc < 0)
        return rc;
    rc = db_step(&r, err);
    if (rc == 1)
        take_destination(&r, a, out);
    db_done(&r);
    return rc;
}

/* RFC 8460 3: the address in the TLSRPT record of the host name. */
static int find_host_reports(struct db *db, struct arena *a, struct slice localpart,
                             struct directory_target *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT account_id, mailbox FROM role_address WHERE role = 'host-tls' AND "
                      "localpart = ?1",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, localpart);
    rc = db_step(&r, err);
    if (rc == 1) {
        take_destination(&r, a, out);
        out->tls_reports = true;
    }
    db_done(&r);
    return rc;
}

/* Report addresses that the local part equals, or begins with: the longest first, since they may
 * have separators of their own in them. */
static int find_reports(struct db *db, struct arena *a, const struct directory_domain *domain,
                        struct slice localpart, struct directory_target *out, struct err *err)
{
    struct slice found = {NULL, 0};
    struct db_row r;
    int rc = db_query(db,
                      "SELECT account_id, mailbox, localpart, role FROM role_address WHERE domain "
                      "= ?1 AND substr(?2, 1, length(localpart)) = localpart ORDER BY "
                      "length(localpart) DESC",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, domain->domain);
    db_bind_text(&r, 2, localpart);
    while ((rc = db_step(&r, err)) == 1) {
        struct slice row = db_blob(&r, 2), rest = slice_from(localpart, row.n);

        if (found.n > 0 && !slice_eq(found, row))
            break;
        if (found.n == 0 && rest.n > 0 && !address_starts_with_separator(rest, domain->separators))
            continue;
        if (found.n == 0) {
            found = slice_sub(localpart, 0, row.n);
            take_destination(&r, a, out);
        }
        *(slice_eq(db_blob(&r, 3), SLICE("dmarc")) ? &out->dmarc_reports : &out->tls_reports) =
            true;
    }
    db_done(&r);
    if (rc < 0 || found.n == 0)
        return rc < 0 ? rc : 0;
    rc = set_canonical(a, found, domain->domain, out, err);
    return rc < 0 ? rc : 1;
}

/* 1: an account has the address, or the catch-all. */
static int find_address(struct db *db, struct arena *a, bool catchall, struct directory_target *out,
                        struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "SELECT account_id, mailbox, refusal, auth_refusal FROM address WHERE domain "
                      "= ?1 AND localpart = ?2 AND catchall = ?3",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_text(&r, 1, out->domain);
    db_bind_text(&r, 2, catchall ? SLICE("") : out->localpart);
    db_bind_int(&r, 3, catchall);
    rc = db_step(&r, err);
    if (rc == 1) {
        take_destination(&r, a, out);
        out->refusal = arena_copy(a, db_blob(&r, 2));
        out->auth_refusal = arena_copy(a, db_blob(&r, 3));
    }
    db_done(&r);
    return rc;
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

/* Rules 5 to 10. */
static int resolve_local(struct db *db, struct arena *a, const struct directory_domain *domain,
                         struct slice localpart, enum directory_use use,
                         struct directory_target *out, struct err *err)
{
    struct slice folded, canonical;
    int rc = directory_localpart_fold(a, domain, localpart, &folded, err);

    out->where = DIRECTORY_UNKNOWN;
    if (rc == 0)
        rc = find_reports(db, a, domain, folded, out, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    canonical = address_cut(folded, domain->separators);
    rc = set_canonical(a, canonical, domain->domain, out, err);
    if (rc == 0)
        rc = find_address(db, a, /* catchall= */ false, out, err);
    if (rc == 0)
        rc = find_alias(db, out, err);
    if (rc == 0)
        rc = find_address(db, a, /* catchall= */ true, out, err);
    if (rc == 0 && use == DIRECTORY_RCPT && is_postmaster(canonical))
        rc = find_postmaster(db, a, out, err);
    return rc < 0 ? rc : 0;
}

/* Rules 1 and 2. 1: one of them decided. */
static int resolve_host(struct db *db, struct arena *a, enum directory_use use,
                        struct directory_target *out, struct err *err)
{
    int rc = set_canonical(a, out->given.localpart, out->given.domain, out, err);

    if (rc < 0)
        return rc;
    if (is_postmaster(out->localpart)) {
        out->where = DIRECTORY_UNKNOWN;
        if (use == DIRECTORY_RCPT)
            rc = find_postmaster(db, a, out, err);
        return rc < 0 ? rc : 1;
    }
    rc = unicode_lower(a, out->localpart, &out->localpart, err);
    if (rc == 0)
        rc = set_canonical(a, out->localpart, out->domain, out, err);
    return rc == 0 ? find_host_reports(db, a, out->localpart, out, err) : rc;
}

static int resolve(struct db *db, struct arena *a, struct slice hostname, enum directory_use use,
                   struct directory_target *out, struct err *err)
{
    struct directory_domain domain;
    int rc = 0;

    if (slice_eq(out->given.domain, hostname))
        rc = resolve_host(db, a, use, out, err);
    if (rc != 0)
        return rc;
    rc = directory_domain(db, a, out->given.domain, &domain, err);
    if (rc < 0 || rc == 0 || domain.reports_only) {
        *out = (struct directory_target){.where = DIRECTORY_REMOTE, .given = out->given};
        return rc < 0 ? rc : 0;
    }
    rc = resolve_local(db, a, &domain, out->given.localpart, use, out, err);
    if (domain.disabled && use != DIRECTORY_LOGIN)
        out->where = DIRECTORY_DISABLED;
    return rc;
}

int directory_resolve(struct db *db, struct arena *a, struct slice address, struct slice hostname,
                      enum directory_use use, struct directory_target *out, struct err *err)
{
    struct directory_target target = {.where = DIRECTORY_REMOTE};
    int rc = 0;

    if (slice_eq_nocase(address, SLICE("postmaster")))
        target.given = (struct address){SLICE("postmaster"), hostname, false};
    else if (use == DIRECTORY_LOGIN)
        rc = address_parse_typed(a, address, &target.given, err);
    else
        rc = address_parse(a, address, &target.given, err);
    if (rc == 0 && !target.given.catchall)
        rc = resolve(db, a, hostname, use, &target, err);
    if (rc < 0 && rc != -ERR_SYNTAX && rc != -ERR_LIMIT)
        return rc;
    if (arena_failed(a))
        return no_memory(err);
    if (rc < 0)
        target = (struct directory_target){.where = DIRECTORY_REMOTE};
    *out = target;
    return 0;
}
