/* Verification of the directory and of what the shards know of it. */
#include "store_fixture.h"

#include "base/num.h"
#include "store/db.h"
#include "store/verify.h"

struct seen {
    char classes[512]; /* each once, with commas between */
};

static void note(void *owner, const char *class_name, const char *what, const char *advice)
{
    struct seen *s = owner;
    size_t n = strlen(s->classes);

    assert_true(strlen(what) > 0 && strlen(advice) > 0);
    if (strstr(s->classes, class_name) == NULL)
        (void)snprintf(s->classes + n, sizeof(s->classes) - n, "%s%s", n > 0 ? "," : "",
                       class_name);
}

static uint64_t verify(const struct fixture *f, struct seen *seen)
{
    struct verify_options options = {.problem = note, .owner = seen};
    struct verify_summary sum = {0};
    struct err err = {0};
    int rc;

    *seen = (struct seen){0};
    rc = verify_accounts(f->directory, &options, &sum, &err);
    if (rc < 0)
        print_error("%s: %s\n", err.text, err.detail);
    assert_int_equal(rc, 0);
    return sum.problems;
}

static void break_row(const struct fixture *f, const char *part, const char *sql)
{
    char path[128];
    struct db *db;
    struct err err;

    (void)snprintf(path, sizeof(path), "%s/%s/shard.db", f->directory, part);
    assert_int_equal(db_open(path, DB_WRITER, &db, &err), 0);
    assert_int_equal(db_script(db, sql, &err), 0);
    db_close(db);
}

static const struct {
    const char *part, *sql, *classes;
    uint64_t problems;
} rows[] = {
    {"directory", "DELETE FROM account WHERE name = 'ann'",
     "account of address,account of credential,shards", 3},
    {"directory", "UPDATE account SET shard = 1 WHERE name = 'ann'", "shards", 2},
    {"directory", "UPDATE account SET shard = 7 WHERE name = 'ann'", "shards", 2},
    {"directory", "DELETE FROM domain", "domain of address", 2},
    {"directory", "INSERT INTO alias_member VALUES ('example.org', 'all', 'example.org', 'ann')",
     "member of alias", 1},
    {"directory", "INSERT INTO alias VALUES ('example.org', 'all', 1, 0, 0)", "size of alias", 1},
    {"directory",
     "INSERT INTO address VALUES ('example.org', '', 1, 1, '', '', '');"
     "INSERT INTO alias VALUES ('example.org', 'all', 1, 0, 0);"
     "INSERT INTO alias_member VALUES ('example.org', 'all', 'example.org', '')",
     "member of alias", 1},
    {"directory", "INSERT INTO alias VALUES ('none.example', 'all', 1, 0, 0)",
     "size of alias,domain of alias", 2},
    {"directory", "INSERT INTO alias VALUES ('example.org', 'bob', 1, 0, 0)",
     "size of alias,taken addresses", 2},
    {"directory", "INSERT INTO role_address VALUES ('postmaster', '', '', 'postmaster', 9, '')",
     "account of role", 1},
    {"directory",
     "INSERT INTO role_address VALUES ('dmarc', 'example.org', 'x.example', 'r', 1, '')",
     "domain of role", 1},
    {"directory", "INSERT INTO role_address VALUES ('tls', 'x.example', 'example.org', 'r', 1, '')",
     "domain of role", 1},
    {"directory", "INSERT INTO role_address VALUES ('other', '', '', 'r', 1, '')", "kind of role",
     1},
    {"directory", "INSERT INTO role_address VALUES ('dmarc', '', '', 'r', 1, '')", "kind of role",
     1},
    {"directory", "UPDATE address SET refusal = '554 no' WHERE localpart = 'ann'", "refusals", 1},
    {"directory", "UPDATE account SET quota_bytes = 9 WHERE name = 'ann'", "shards", 1},
    {"directory", "INSERT INTO meta VALUES ('quota_bytes', '9')", "shards", 2},
    {"shard-01", "UPDATE account SET quota_bytes = 9", "shards", 1},
    {"shard-01", "UPDATE account SET quota_inherited = 0", "shards", 1},
    {"directory", "DELETE FROM meta WHERE key = 'account_next'", "account ids", 2},
    {"shard-00", "DELETE FROM account", "shards", 1},
    {"shard-01",
     "INSERT INTO account SELECT 99, modseq, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 FROM account",
     "shards", 1},
};

static void finds_each_disagreement(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fixture f;
        struct seen seen;

        fixture_start(&f, 2);
        (void)fixture_ann(&f);
        assert_int_equal(fixture_account(&f, GW__EDIT__EDIT_ADD, "bob", "bob@example.org"), 0);
        assert_int_equal(verify(&f, &seen), 0);
        assert_string_equal(seen.classes, "");
        break_row(&f, rows[i].part, rows[i].sql);
        assert_int_equal(verify(&f, &seen), rows[i].problems);
        assert_string_equal(seen.classes, rows[i].classes);
        fixture_end(&f);
    }
}

static void says_when_there_is_nothing(void **state)
{
    struct verify_options options = {.problem = note};
    struct verify_summary sum;
    struct err err;

    (void)state;
    assert_true(verify_accounts("/nonexistent/godwit", &options, &sum, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_each_disagreement),
        cmocka_unit_test(says_when_there_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
