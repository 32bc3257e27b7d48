#include "store/migrate.h"

#include <inttypes.h>
#include <string.h>

/* From version 4: quotas that are inherited, and sending limits. */
static const char shard_from_4[] =
    "ALTER TABLE account ADD COLUMN quota_inherited INTEGER NOT NULL DEFAULT 1;"
    "UPDATE account SET quota_inherited = quota_bytes = 0;"
    "CREATE TABLE outgoing (account_id INTEGER NOT NULL, sent_ns INTEGER NOT NULL, n "
    "INTEGER NOT NULL, recipients INTEGER NOT NULL, PRIMARY KEY (account_id, sent_ns, "
    "n)) WITHOUT ROWID;"
    "CREATE TABLE outgoing_recipient (account_id INTEGER NOT NULL, address TEXT NOT "
    "NULL, first_ns INTEGER NOT NULL, PRIMARY KEY (account_id, address)) WITHOUT "
    "ROWID;"
    "CREATE INDEX outgoing_recipient_first ON outgoing_recipient (account_id, "
    "first_ns);";

/* Sending limits; addresses with settings, and with an empty local part that is not the catch-all;
 * addresses of roles. */
static const char directory_from_4[] =
    "ALTER TABLE account ADD COLUMN messages_per_day INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE account ADD COLUMN recipients_per_day INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE address RENAME TO address_old;"
    "DROP INDEX address_account;"
    "CREATE TABLE address (domain TEXT NOT NULL, localpart TEXT NOT NULL, catchall "
    "INTEGER NOT NULL, account_id INTEGER NOT NULL, mailbox TEXT NOT NULL, refusal "
    "TEXT NOT NULL, auth_refusal TEXT NOT NULL, PRIMARY KEY (domain, localpart, "
    "catchall)) WITHOUT ROWID;"
    "CREATE INDEX address_account ON address (account_id);"
    "INSERT INTO address SELECT domain, localpart, localpart = '', account_id, "
    "mailbox, '', '' FROM address_old;"
    "DROP TABLE address_old;"
    "CREATE TABLE role_address (role TEXT NOT NULL, about TEXT NOT NULL, domain TEXT "
    "NOT NULL, localpart TEXT NOT NULL, account_id INTEGER NOT NULL, mailbox TEXT NOT "
    "NULL, PRIMARY KEY (role, about)) WITHOUT ROWID;"
    "CREATE INDEX role_address_address ON role_address (domain, localpart);"
    "CREATE INDEX role_address_account ON role_address (account_id);";

/* Both parts have one version: a step that concerns the other one is empty. */
static const struct migrate_step shard_steps[] = {
    {1, "ALTER TABLE content ADD COLUMN wish_flags INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE content ADD COLUMN dsn_ret INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE content ADD COLUMN dsn_envid BLOB NOT NULL DEFAULT x'';"
        "ALTER TABLE content ADD COLUMN dsn_notify INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE content ADD COLUMN dsn_orcpt BLOB NOT NULL DEFAULT x'';"
        "ALTER TABLE content ADD COLUMN hold_until_ns INTEGER NOT NULL DEFAULT 0;"},
    {2, "ALTER TABLE account ADD COLUMN keys_done INTEGER NOT NULL DEFAULT 0;"
        "UPDATE account SET keys_done = content_next - 1;"},
    {3, ""},
    {4, shard_from_4},
    {5, ""},
    {6, ""},
    {7, "ALTER TABLE content ADD COLUMN extras BLOB NOT NULL DEFAULT x'';"},
    {0},
};
static const struct migrate_step directory_steps[] = {
    {1, ""},
    {2, ""},
    {3, "CREATE TABLE web_session (token_hash BLOB NOT NULL PRIMARY KEY, csrf_hash BLOB NOT NULL, "
        "account_id INTEGER NOT NULL, address TEXT NOT NULL, expires_ns INTEGER NOT NULL) "
        "WITHOUT ROWID;"
        "CREATE INDEX web_session_account ON web_session (account_id, expires_ns);"},
    {4, directory_from_4},
    /* App passwords and attempts to log in. */
    {5, "ALTER TABLE credential RENAME TO credential_before;"
        "CREATE TABLE credential (account_id INTEGER NOT NULL, password_id INTEGER NOT "
        "NULL, kind TEXT NOT NULL, salt BLOB NOT NULL, parameter INTEGER NOT NULL, "
        "secret BLOB NOT NULL, changed_ns INTEGER NOT NULL, PRIMARY KEY (account_id, "
        "password_id, kind)) WITHOUT ROWID;"
        "INSERT INTO credential SELECT account_id, 0, kind, salt, parameter, secret, "
        "changed_ns FROM credential_before;"
        "DROP TABLE credential_before;"
        "CREATE TABLE app_password (account_id INTEGER NOT NULL, password_id INTEGER NOT "
        "NULL, name TEXT NOT NULL, scope INTEGER NOT NULL, created_ns INTEGER NOT NULL, "
        "expires_ns INTEGER NOT NULL, used_ns INTEGER NOT NULL, PRIMARY KEY (account_id, "
        "password_id)) WITHOUT ROWID;"
        "CREATE UNIQUE INDEX app_password_name ON app_password (account_id, name);"
        "CREATE TABLE login_attempt (account_id INTEGER NOT NULL, digest BLOB NOT NULL, "
        "address BLOB NOT NULL, protocol TEXT NOT NULL, mechanism TEXT NOT NULL, result "
        "TEXT NOT NULL, remote_ip BLOB NOT NULL, local_ip BLOB NOT NULL, tls BLOB NOT "
        "NULL, fingerprint BLOB NOT NULL, count INTEGER NOT NULL, first_ns INTEGER NOT "
        "NULL, last_ns INTEGER NOT NULL, PRIMARY KEY (account_id, digest));"
        "CREATE INDEX login_attempt_last ON login_attempt (last_ns, digest);"
        "CREATE INDEX login_attempt_of ON login_attempt (account_id, last_ns, digest);"
        "CREATE INDEX login_attempt_from ON login_attempt (account_id, result, "
        "remote_ip);"},
    {6, "CREATE TABLE tls_key (fingerprint BLOB NOT NULL PRIMARY KEY, account_id INTEGER NOT NULL, "
        "address TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, no_imap_preauth INTEGER "
        "NOT NULL, certificate BLOB NOT NULL, created_ns INTEGER NOT NULL, last_used_ns INTEGER "
        "NOT NULL) WITHOUT ROWID;"
        "CREATE INDEX tls_key_account ON tls_key (account_id, created_ns);"},
    {7, ""},
    {0},
};

const struct migrate_step *migrate_steps(const char *part)
{
    return strcmp(part, "shard") == 0 ? shard_steps : directory_steps;
}

int migrate_version_get(struct db *db, int64_t *out, struct err *err)
{
    struct db_row r;
    int rc = db_query(db, "SELECT value FROM meta WHERE key = 'schema_version'", &r, err);

    if (rc == 0)
        rc = db_step(&r, err);
    if (rc == 1)
        *out = db_int(&r, 0);
    db_done(&r);
    if (rc == 0)
        return err_set(err, ERR_DAMAGED, "the database has no schema version");
    return rc < 0 ? rc : 0;
}

int migrate_version_set(struct db *db, int64_t version, struct err *err)
{
    struct db_row r;
    int rc = db_query(db,
                      "INSERT INTO meta (key, value) VALUES ('schema_version', ?1)"
                      " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                      &r, err);

    if (rc < 0)
        return rc;
    db_bind_int(&r, 1, version);
    return db_run(&r, err);
}

static const struct migrate_step *step_from(const struct migrate_step *steps, int64_t version)
{
    for (; steps->version != 0; steps++) {
        if (steps->version == version)
            return steps;
    }
    return NULL;
}

int migrate_run(struct db *db, const struct migrate_step *steps, int to, struct err *err)
{
    int64_t from = 0;
    int rc = migrate_version_get(db, &from, err);

    if (rc < 0)
        return rc;
    if (from > to)
        return err_set(err, ERR_INVALID,
                       "the data was written by a newer godwit (schema %" PRId64
                       ", this one knows %d): use that version",
                       from, to);
    if (from == to)
        return 0;
    for (int64_t v = from; v < to; v++) {
        const struct migrate_step *step = step_from(steps, v);

        if (step == NULL)
            return err_set(err, ERR_INVALID,
                           "the data has schema %" PRId64 ", too old for this godwit", from);
        rc = db_script(db, step->sql, err);
        if (rc < 0) {
            (void)err_prefix(err, "migrate from schema %" PRId64, v);
            return rc;
        }
    }
    return migrate_version_set(db, to, err);
}
