#include "shard_fixture.h"

#include "base/num.h"

static struct db *memory(void)
{
    struct db *db = NULL;
    struct err err;

    assert_int_equal(db_open(":memory:", DB_WRITER, &db, &err), 0);
    assert_int_equal(
        db_script(db, "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB NOT NULL, w TEXT UNIQUE)",
                  &err),
        0);
    return db;
}

static void insert(struct db *db, int64_t k, struct slice v, struct slice w)
{
    struct err err;
    struct db_row r;

    assert_int_equal(db_query(db, "INSERT INTO t (k, v, w) VALUES (?1, ?2, ?3)", &r, &err), 0);
    db_bind_int(&r, 1, k);
    db_bind_blob(&r, 2, v);
    db_bind_text(&r, 3, w);
    assert_int_equal(db_run(&r, &err), 0);
}

static void keeps_octets_as_they_are(void **state)
{
    static const struct slice values[] = {
        {NULL, 0}, SLICE_INIT(""), SLICE_INIT("a\0b\xff"), SLICE_INIT("'; DROP TABLE t; --")};
    struct db *db = memory();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        struct err err;
        struct db_row r;
        uint8_t key = (uint8_t)('a' + i);

        insert(db, (int64_t)i, values[i], slice_of(&key, 1));
        assert_int_equal(db_query(db, "SELECT v FROM t WHERE k = ?1", &r, &err), 0);
        db_bind_int(&r, 1, (int64_t)i);
        assert_int_equal(db_step(&r, &err), 1);
        assert_true(slice_eq(db_blob(&r, 0), values[i]));
        assert_int_equal(db_step(&r, &err), 0);
        db_done(&r);
    }
    db_close(db);
}

static const struct {
    const char *name;
    const char *sql;
    int rc;
} failures[] = {
    {"primary key", "INSERT INTO t VALUES (1, x'', 'other')", -ERR_EXISTS},
    {"unique", "INSERT INTO t VALUES (2, x'', 'one')", -ERR_EXISTS},
    {"not null", "INSERT INTO t VALUES (3, NULL, 'x')", -ERR_EXISTS},
    {"syntax", "INSERT INTO nothing", -ERR_INTERNAL},
    {"no table", "DELETE FROM absent", -ERR_INTERNAL},
};

static void names_what_failed(void **state)
{
    struct db *db = memory();

    (void)state;
    insert(db, 1, SLICE("v"), SLICE("one"));
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        struct err err = {0};
        int rc = db_exec(db, failures[i].sql, &err);

        if (rc != failures[i].rc)
            print_error("%s\n", failures[i].name);
        assert_int_equal(rc, failures[i].rc);
        assert_non_null(strstr(err.detail, failures[i].sql));
        assert_null(strstr(err.text, "INSERT"));
    }
    db_close(db);
}

static void says_which_binding_failed(void **state)
{
    struct db *db = memory();
    struct err err;
    struct db_row r;

    (void)state;
    assert_int_equal(db_query(db, "SELECT ?1", &r, &err), 0);
    db_bind_int(&r, 7, 1);
    assert_true(db_step(&r, &err) < 0);
    db_done(&r);
    db_close(db);
}

/* The same text within its own loop, and afterwards with clean bindings. */
static void serves_a_statement_within_itself(void **state)
{
    static const char sql[] = "SELECT k FROM t WHERE k > ?1 ORDER BY k";
    struct db *db = memory();
    struct db_row outer, inner;
    unsigned pairs = 0;
    struct err err;

    (void)state;
    for (int64_t k = 1; k <= 5; k++) {
        uint8_t key = (uint8_t)k;

        insert(db, k, SLICE("v"), slice_of(&key, 1));
    }
    assert_int_equal(db_query(db, sql, &outer, &err), 0);
    db_bind_int(&outer, 1, 0);
    while (db_step(&outer, &err) == 1) {
        assert_int_equal(db_query(db, sql, &inner, &err), 0);
        db_bind_int(&inner, 1, db_int(&outer, 0));
        while (db_step(&inner, &err) == 1)
            pairs++;
        db_done(&inner);
    }
    db_done(&outer);
    assert_int_equal(pairs, 10);
    assert_int_equal(db_query(db, sql, &outer, &err), 0);
    /* Nothing is bound: no row is greater than NULL. */
    assert_int_equal(db_step(&outer, &err), 0);
    db_done(&outer);
    db_done(&outer);
    db_close(db);
}

static void keeps_more_statements_than_it_has_room_for(void **state)
{
    static char texts[300][32];
    struct db *db = memory();
    struct err err;

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
            struct db_row r;

            (void)snprintf(texts[i], sizeof texts[i], "SELECT %u", i);
            assert_int_equal(db_query(db, texts[i], &r, &err), 0);
            assert_int_equal(db_step(&r, &err), 1);
            assert_int_equal(db_int(&r, 0), i);
            db_done(&r);
        }
    }
    db_close(db);
}

static void knows_its_transaction(void **state)
{
    struct db *db = memory();
    struct err err;

    (void)state;
    assert_false(db_in_transaction(db));
    assert_int_equal(db_exec(db, "BEGIN", &err), 0);
    assert_true(db_in_transaction(db));
    insert(db, 1, SLICE("v"), SLICE("one"));
    assert_int_equal(db_changes(db), 1);
    db_rollback(db);
    assert_false(db_in_transaction(db));
    db_rollback(db);
    insert(db, 1, SLICE("v"), SLICE("one"));
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_octets_as_they_are),
        cmocka_unit_test(names_what_failed),
        cmocka_unit_test(says_which_binding_failed),
        cmocka_unit_test(serves_a_statement_within_itself),
        cmocka_unit_test(keeps_more_statements_than_it_has_room_for),
        cmocka_unit_test(knows_its_transaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
