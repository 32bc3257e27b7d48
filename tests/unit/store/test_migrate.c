#include "shard_fixture.h"

#include "store/migrate.h"
#include "store/schema.h"

static const struct migrate_step steps[] = {
    {1, "CREATE TABLE extra (a INTEGER); INSERT INTO extra VALUES (1);"},
    {2, "UPDATE extra SET a = a + 10;"},
    {3, "UPDATE extra SET a = nonsense;"},
    {0},
};

static const struct {
    const char *name;
    int from, to, rc;
    int64_t version_after;
} rows[] = {
    {"nothing to do", 1, 1, 0, 1},
    {"one step", 1, 2, 0, 2},
    {"two steps", 1, 3, 0, 3},
    {"a step fails: all are undone", 1, 4, -ERR_INTERNAL, 1},
    {"newer than known", 5, 2, -ERR_INVALID, 5},
    {"older than the oldest step", -3, 2, -ERR_INVALID, -3},
};

static struct db *database(const char *directory, int version)
{
    struct db *db = NULL;
    char path[128];
    struct err err;

    (void)snprintf(path, sizeof path, "%s/test.db", directory);
    assert_int_equal(db_open(path, DB_WRITER, &db, &err), 0);
    assert_int_equal(schema_prepare(db, "shard", &err), 0);
    assert_int_equal(migrate_version_set(db, version, &err), 0);
    return db;
}

static void runs_steps_in_one_transaction(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char directory[] = "/tmp/godwit-test-XXXXXX";
        int64_t version = 0;
        struct err err;
        struct db *db;
        int rc;

        assert_non_null(mkdtemp(directory));
        db = database(directory, rows[i].from);
        assert_int_equal(db_exec(db, "BEGIN IMMEDIATE", &err), 0);
        rc = migrate_run(db, steps, rows[i].to, &err);
        if (rc == 0)
            assert_int_equal(db_exec(db, "COMMIT", &err), 0);
        db_rollback(db);
        if (rc != rows[i].rc)
            print_error("%s\n", rows[i].name);
        assert_int_equal(rc, rows[i].rc);
        assert_int_equal(migrate_version_get(db, &version, &err), 0);
        assert_int_equal(version, rows[i].version_after);
        db_close(db);
        (void)nftw(directory, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}

static int newer_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    (void)w;
    return migrate_version_set(ctx->db, SCHEMA_VERSION + 1, err);
}

static void refuses_newer_data(void **state)
{
    struct write w = {.apply = newer_apply};
    struct shard_config config = {.schema_part = "shard"};
    struct fixture f;

    (void)state;
    fixture_init(&f);
    assert_int_equal(shard_write(f.shard, &w, &f.err), 0);
    shard_close(f.shard);
    f.shard = NULL;
    config.directory = f.directory;
    assert_int_equal(shard_open(&config, &f.env, &f.shard, &f.err), -ERR_INVALID);
    assert_non_null(strstr(f.err.text, "newer godwit"));
    fixture_done(&f);
}

/* Columns of all tables, as "table.column type default", sorted. */
static void columns(struct db *db, char *out, size_t size)
{
    struct db_row r;
    struct err err;

    assert_int_equal(
        db_query(db,
                 "SELECT group_concat(x, char(10)) FROM (SELECT m.name || '.' || c.name || ' ' ||"
                 " c.type || c.\"notnull\" || ifnull(c.dflt_value, '') AS x FROM sqlite_schema m,"
                 " pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid)",
                 &r, &err),
        0);
    assert_int_equal(db_step(&r, &err), 1);
    (void)snprintf(out, size, "%.*s", SLICE_FMT(db_blob(&r, 0)));
    db_done(&r);
}

/* Takes away what came with later versions. */
static int first_version_apply(struct write *w, struct write_ctx *ctx, struct err *err)
{
    (void)w;
    int rc = db_script(ctx->db,
                       "ALTER TABLE content DROP COLUMN wish_flags;"
                       "ALTER TABLE content DROP COLUMN dsn_ret;"
                       "ALTER TABLE content DROP COLUMN dsn_envid;"
                       "ALTER TABLE content DROP COLUMN dsn_notify;"
                       "ALTER TABLE content DROP COLUMN dsn_orcpt;"
                       "ALTER TABLE content DROP COLUMN hold_until_ns;"
                       "ALTER TABLE content DROP COLUMN extras;"
                       "ALTER TABLE account DROP COLUMN quota_inherited;"
                       "ALTER TABLE account DROP COLUMN keys_done;"
                       "DROP TABLE outgoing; DROP TABLE outgoing_recipient;",
                       err);

    return rc < 0 ? rc : migrate_version_set(ctx->db, 1, err);
}

static void steps_lead_to_the_schema(void **state)
{
    struct write w = {.apply = first_version_apply};
    static char fresh[16384], old[16384], now[16384];
    struct fixture f;

    (void)state;
    fixture_init(&f);
    columns(shard_reader(f.shard, 0), fresh, sizeof fresh);
    assert_int_equal(shard_write(f.shard, &w, &f.err), 0);
    columns(shard_reader(f.shard, 0), old, sizeof old);
    assert_string_not_equal(fresh, old);
    shard_close(f.shard);
    fixture_open(&f);
    columns(shard_reader(f.shard, 0), now, sizeof now);
    assert_string_equal(fresh, now);
    fixture_done(&f);
}

static int64_t number(struct db *db, const char *sql)
{
    struct db_row r;
    struct err err;

    assert_int_equal(db_query(db, sql, &r, &err), 0);
    assert_int_equal(db_step(&r, &err), 1);
    int64_t n = db_int(&r, 0);

    db_done(&r);
    return n;
}

/* The directory: an address without a local part was the catch-all. */
static void steps_lead_to_the_directory(void **state)
{
    static const char first_version[] =
        "DROP TABLE role_address;"
        "DROP TABLE web_session;"
        "DROP TABLE tls_key;"
        "DROP TABLE app_password;"
        "DROP TABLE login_attempt;"
        "DROP TABLE credential;"
        "CREATE TABLE credential (account_id INTEGER NOT NULL, kind TEXT NOT NULL, salt BLOB NOT "
        "NULL, parameter INTEGER NOT NULL, secret BLOB NOT NULL, changed_ns INTEGER NOT NULL, "
        "PRIMARY KEY (account_id, kind)) WITHOUT ROWID;"
        "INSERT INTO credential VALUES (7, 'password', x'00', 15, x'01', 3);"
        "ALTER TABLE account DROP COLUMN messages_per_day;"
        "ALTER TABLE account DROP COLUMN recipients_per_day;"
        "DROP TABLE address;"
        "CREATE TABLE address (domain TEXT NOT NULL, localpart TEXT NOT NULL, account_id INTEGER "
        "NOT NULL, mailbox TEXT NOT NULL, PRIMARY KEY (domain, localpart)) WITHOUT ROWID;"
        "CREATE INDEX address_account ON address (account_id);"
        "INSERT INTO address VALUES ('d', '', 1, ''), ('d', 'ann', 2, 'Box');"
        "UPDATE meta SET value = 1 WHERE key = 'schema_version';";
    static char fresh[16384], now[16384];
    char directory[] = "/tmp/godwit-test-XXXXXX", path[128];
    struct db *db = NULL;
    struct err err;

    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/test.db", directory);
    assert_int_equal(db_open(path, DB_WRITER, &db, &err), 0);
    assert_int_equal(schema_prepare(db, "directory", &err), 0);
    columns(db, fresh, sizeof fresh);
    assert_int_equal(db_script(db, first_version, &err), 0);
    assert_int_equal(schema_prepare(db, "directory", &err), 0);
    columns(db, now, sizeof now);
    assert_string_equal(fresh, now);
    assert_int_equal(number(db, "SELECT account_id FROM address WHERE catchall"), 1);
    assert_int_equal(number(db, "SELECT account_id FROM address WHERE NOT catchall AND localpart "
                                "= 'ann' AND mailbox = 'Box'"),
                     2);
    assert_int_equal(number(db, "SELECT account_id FROM credential WHERE password_id = 0 AND kind "
                                "= 'password' AND parameter = 15 AND secret = x'01'"),
                     7);
    db_close(db);
    (void)nftw(directory, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void knows_the_parts(void **state)
{
    char *text = schema_part("directory");

    (void)state;
    assert_non_null(text);
    assert_non_null(strstr(text, "CREATE TABLE domain"));
    assert_null(strstr(text, "CREATE TABLE message"));
    free(text);
    assert_null(schema_part("none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_steps_in_one_transaction),
        cmocka_unit_test(refuses_newer_data),
        cmocka_unit_test(steps_lead_to_the_schema),
        cmocka_unit_test(steps_lead_to_the_directory),
        cmocka_unit_test(knows_the_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
