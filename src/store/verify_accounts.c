/* The directory database, and that it agrees with the shards about who has an account where. The
 * databases are read one after the other: an account that is added or removed meanwhile may be
 * reported, and is not the next time. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/num.h"
#include "store/account_quota.h"
#include "store/directory.h"
#include "store/shard_private.h"
#include "store/verify_private.h"

static const struct verify_check checks[] = {
    {"account of address", "account %lld does not exist, but has %lld addresses",
     "remove the addresses, or restore the directory",
     "SELECT a.account_id, count(*), 0 FROM address a LEFT JOIN account c"
     " ON c.account_id = a.account_id WHERE c.account_id IS NULL GROUP BY a.account_id"},
    {"account of credential", "account %lld does not exist, but has %lld credentials",
     "restore the directory",
     "SELECT a.account_id, count(*), 0 FROM credential a LEFT JOIN account c"
     " ON c.account_id = a.account_id WHERE c.account_id IS NULL GROUP BY a.account_id"},
    {"credential of app password", "account %lld has %lld app passwords without credentials",
     "remove the app passwords and make new ones",
     "SELECT a.account_id, count(*), 0 FROM app_password a LEFT JOIN credential c ON"
     " c.account_id = a.account_id AND c.password_id = a.password_id AND c.kind = 'password'"
     " WHERE c.account_id IS NULL GROUP BY a.account_id"},
    {"app password of credential", "account %lld has %lld credentials that nobody can see",
     "set the password of the account again",
     "SELECT c.account_id, count(*), 0 FROM credential c LEFT JOIN app_password a ON"
     " a.account_id = c.account_id AND a.password_id = c.password_id"
     " WHERE c.password_id <> 0 AND a.account_id IS NULL GROUP BY c.account_id"},
    {"account of key", "account %lld does not exist, but has %lld TLS keys",
     "restore the directory",
     "SELECT a.account_id, count(*), 0 FROM tls_key a LEFT JOIN account c"
     " ON c.account_id = a.account_id WHERE c.account_id IS NULL GROUP BY a.account_id"},
    {"address of key", "account %lld has %lld TLS keys with addresses that are not its own",
     "they do not log in: remove them, or give them another address",
     "SELECT k.account_id, count(*), 0 FROM tls_key k WHERE k.account_id IS NOT coalesce("
     "(SELECT a.account_id FROM address a WHERE NOT a.catchall AND"
     " a.localpart || '@' || a.domain = k.address),"
     " (SELECT a.account_id FROM address a WHERE a.catchall"
     " AND substr(k.address, -length(a.domain) - 1) = '@' || a.domain)) GROUP BY k.account_id"},
    {"domain of address", "account %lld has %lld addresses in domains that are not ours",
     "add the domain, or remove the addresses",
     "SELECT a.account_id, count(*), 0 FROM address a LEFT JOIN domain d ON d.domain = a.domain"
     " WHERE d.domain IS NULL GROUP BY a.account_id"},
    {"member of alias", "%lld members of aliases have no account, and %lld no alias",
     "remove them from the alias, or restore the directory",
     "SELECT count(*) FILTER (WHERE a.domain IS NULL), count(*) FILTER (WHERE l.domain IS NULL), 0"
     " FROM alias_member m LEFT JOIN address a ON a.domain = m.member_domain AND"
     " a.localpart = m.member_localpart AND NOT a.catchall LEFT JOIN alias l ON l.domain = "
     "m.domain AND"
     " l.localpart = m.localpart WHERE a.domain IS NULL OR l.domain IS NULL GROUP BY m.domain"},
    {"size of alias", "%lld aliases have no member", "remove them: mail for them would be lost",
     "SELECT count(*), 0, 0 FROM alias l WHERE NOT EXISTS (SELECT 1 FROM alias_member m WHERE"
     " m.domain = l.domain AND m.localpart = l.localpart) HAVING count(*) > 0"},
    {"domain of alias", "%lld aliases are in domains that are not ours",
     "add the domain, or remove the aliases",
     "SELECT count(*), 0, 0 FROM alias l LEFT JOIN domain d ON d.domain = l.domain"
     " WHERE d.domain IS NULL HAVING count(*) > 0"},
    {"taken addresses", "%lld aliases are addresses of accounts, too, or get reports",
     "remove one of the two",
     "SELECT count(*), 0, 0 FROM alias l WHERE EXISTS (SELECT 1 FROM address a WHERE a.domain ="
     " l.domain AND a.localpart = l.localpart AND NOT a.catchall) OR EXISTS (SELECT 1 FROM"
     " role_address r WHERE r.domain = l.domain AND r.localpart = l.localpart)"
     " HAVING count(*) > 0"},
    {"account of role", "account %lld does not exist, but has %lld tasks",
     "give them to another account: config installation set, config domain set",
     "SELECT r.account_id, count(*), 0 FROM role_address r LEFT JOIN account a"
     " ON a.account_id = r.account_id WHERE a.account_id IS NULL GROUP BY r.account_id"},
    {"domain of role", "account %lld gets reports in %lld domains that are not ours",
     "add the domain, or set the address for reports again: config domain set",
     "SELECT r.account_id, count(*), 0 FROM role_address r WHERE (r.domain <> '' AND NOT EXISTS"
     " (SELECT 1 FROM domain d WHERE d.domain = r.domain)) OR (r.about <> '' AND NOT EXISTS"
     " (SELECT 1 FROM domain d WHERE d.domain = r.about)) GROUP BY r.account_id"},
    {"kind of role", "%lld tasks are of no kind that this version knows", "restore the directory",
     "SELECT count(*), 0, 0 FROM role_address WHERE NOT (role IN ('postmaster', 'host-tls') AND"
     " about = '' AND domain = '' OR role IN ('dmarc', 'tls') AND about <> '' AND domain <> '')"
     " HAVING count(*) > 0"},
    {"refusals", "account %lld has %lld addresses with a refusal that cannot be said",
     "set it again: config address set",
     "SELECT account_id, count(*), 0 FROM address WHERE refusal <> '' AND"
     " substr(refusal, 1, 4) NOT IN ('550 ', '421 ') GROUP BY account_id"},
    {"account ids", "account %lld is at or above the next id, %lld",
     "an id could be given twice: restore the directory",
     "SELECT account_id, next, 0 FROM account, (SELECT coalesce((SELECT CAST(value AS INTEGER)"
     " FROM meta WHERE key = 'account_next'), 1) AS next) WHERE account_id >= next"},
};

/* 1: there is such a row; 0: none. */
static int row_exists(struct db *db, const char *sql, int64_t a, int64_t b, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, sql, &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, a);
        db_bind_int(&r, 2, b);
        rc = db_step(&r, err);
    }
    db_done(&r);
    return rc;
}

/* Each account that `list` gives in one database must be in the other. */
static int compare(struct verify *v, struct db *from, const char *list, struct db *in,
                   const char *exists, int64_t shard, const char *format, struct err *err)
{
    struct db_row r;
    int rc = db_query(from, list, &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, shard);
    while ((rc = db_step(&r, err)) == 1) {
        int64_t account_id = db_int(&r, 0);
        char text[160];

        rc = row_exists(in, exists, account_id, shard, err);
        if (rc < 0)
            break;
        if (rc == 1)
            continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        /* One of the two below. */
        (void)snprintf(text, sizeof text, format, (long long)account_id, (long long)shard);
#pragma GCC diagnostic pop
        verify_found(v, text, "start the server: it makes what is missing; or restore a backup");
    }
    db_done(&r);
    return rc;
}

static int shard_compare(struct verify *v, struct db *shard, int64_t n, struct err *err)
{
    int rc = compare(v, v->db, "SELECT account_id FROM account WHERE shard = ?1", shard,
                     "SELECT 1 FROM account WHERE account_id = ?1 AND ?2 >= 0", n,
                     "account %lld is not in its shard, %lld", err);

    if (rc < 0)
        return rc;
    return compare(v, shard, "SELECT account_id FROM account WHERE ?1 >= 0", v->db,
                   "SELECT 1 FROM account WHERE account_id = ?1 AND shard = ?2", n,
                   "account %lld has mail in shard %lld, but is not in the directory", err);
}

/* What the shard holds against is what the directory says; a change under way is not a fault. */
static int quotas_compare(struct verify *v, struct db *shard, int64_t n, struct err *err)
{
    int64_t installation = 0;
    struct db_row r;
    int rc = directory_quota(v->db, &installation, err);

    if (rc == 0)
        rc = db_query(v->db, "SELECT account_id, quota_bytes FROM account WHERE shard = ?1", &r,
                      err);
    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, n);
    while ((rc = db_step(&r, err)) == 1) {
        const struct account_quota quota = account_quota(db_int(&r, 1), installation);
        int64_t account_id = db_int(&r, 0);
        bool same = true;
        char text[160];

        rc = account_quota_same(shard, account_id, &quota, &same, err);
        if (rc < 0)
            break;
        (void)snprintf(text, sizeof text, "account %lld has another quota in its shard",
                       (long long)account_id);
        if (rc == 1 && !same)
            verify_found(v, text, "restart the server: it sets what the directory says");
    }
    db_done(&r);
    return rc;
}

/* The next shard that accounts are in: 1, 0: none. */
static int next_shard(struct verify *v, int64_t from, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(v->db, "SELECT shard FROM account WHERE shard >= ?1 ORDER BY shard LIMIT 1",
                      &r, err);

    if (rc == 0) {
        db_bind_int(&r, 1, from);
        rc = db_step(&r, err);
    }
    if (rc == 1)
        *out = db_int(&r, 0);
    db_done(&r);
    return rc;
}

static bool shard_path(const char *directory, int64_t n, char path[static 4096])
{
    (void)snprintf(path, 4096, "%s/shard-%02" PRId64 "/%s", directory, n, SHARD_DB_NAME);
    return access(path, R_OK) == 0;
}

static void shard_check(struct verify *v, const char *directory, int64_t n)
{
    struct err err = {0};
    struct db *shard = NULL;
    char path[4096];
    int rc;

    if (!shard_path(directory, n, path)) {
        (void)err_set(&err, ERR_NOT_FOUND, "shard %" PRId64 " is not there", n);
        verify_found_err(v, &err, "restore the shard from a backup");
        return;
    }
    rc = db_open(path, DB_READ_ONLY, &shard, &err);
    if (rc == 0)
        rc = shard_compare(v, shard, n, &err);
    if (rc == 0)
        rc = quotas_compare(v, shard, n, &err);
    if (rc < 0)
        verify_found_err(v, &err, "the database is damaged: restore it from a backup");
    db_close(shard);
}

/* Those that accounts are in, and those that are there. */
static void shards_check(struct verify *v, const char *directory)
{
    struct err err = {0};
    char path[4096];
    int64_t n = 0, wanted = 0;
    int rc;

    verify_class_begin(v, "shards");
    for (; (rc = next_shard(v, n, &wanted, &err)) == 1 || shard_path(directory, n, path); n++) {
        if (rc == 1 && wanted > n && !shard_path(directory, n, path))
            n = wanted;
        shard_check(v, directory, n);
    }
    if (rc < 0)
        verify_found_err(v, &err, "the database is damaged: restore it from a backup");
    verify_class_end(v, (uint64_t)n);
}

int verify_accounts(const char *directory, const struct verify_options *options,
                    struct verify_summary *out, struct err *err)
{
    char path[4096];
    struct verify v = {.options = options, .path = path};
    int rc;

    (void)snprintf(path, sizeof path, "%s/directory", directory);
    rc = verify_open(&v, err);
    if (rc == 0) {
        verify_database(&v);
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
            verify_check_run(&v, &checks[i]);
        shards_check(&v, directory);
        *out = v.sum;
    } else {
        (void)err_prefix(err, "verify %s", path);
    }
    db_close(v.db);
    return rc;
}
