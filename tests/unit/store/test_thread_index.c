/* The index against a list that is searched from end to end, through batches that commit and that
 * fail, and after a crash. */
#include "shard_fixture.h"

#include "base/num.h"
#include "store/schema.h"
#include "store/thread_index.h"

#define ACCOUNTS 3
#define CONTENTS_MAX 40000
#define NAMES 997 /* Message-IDs that exist: fewer than contents, so that keys repeat */

struct model {
    struct db *db;
    struct thread_index *index;
    struct {
        int64_t account_id, content_id;
        unsigned name;
    } contents[CONTENTS_MAX];
    size_t n, n_committed;
    uint64_t seed;
};

static uint64_t random_number(struct model *m)
{
    m->seed ^= m->seed << 13;
    m->seed ^= m->seed >> 7;
    m->seed ^= m->seed << 17;
    return m->seed;
}

static struct slice name_text(unsigned name, char buf[32])
{
    (void)snprintf(buf, 32, "%u@example", name);
    return slice_str(buf);
}

static void must(int rc, const struct err *err)
{
    if (rc < 0)
        print_error("%s: %s\n", err->text, err->detail);
    assert_true(rc >= 0);
}

static void run(struct model *m, const char *sql)
{
    struct err err;

    must(db_script(m->db, sql, &err), &err);
}

static void model_start(struct model *m)
{
    struct err err;

    memset(m, 0, sizeof *m);
    m->seed = 88172645463325252u;
    must(db_open(":memory:", DB_WRITER, &m->db, &err), &err);
    must(schema_prepare(m->db, "shard", &err), &err);
    for (int i = 1; i <= ACCOUNTS; i++) {
        char sql[200];

        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO account VALUES (%d, 1, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1)", i);
        run(m, sql);
    }
    m->index = thread_index_new();
    assert_non_null(m->index);
}

static void model_end(struct model *m)
{
    thread_index_free(m->index);
    db_close(m->db);
}

/* A content row with only what matters here. */
static void add_content(struct model *m)
{
    int64_t account_id = 1 + (int64_t)(random_number(m) % ACCOUNTS);
    unsigned name = (unsigned)(random_number(m) % NAMES);
    int64_t content_id = (int64_t)m->n + 1;
    char buf[32], sql[1200];
    struct thread_keys keys = {.account_id = account_id,
                               .content_id = content_id,
                               .mailbox_orig_id = 1,
                               .message_id = name_text(name, buf),
                               .subject_base = SLICE("the same")};
    struct err err;

    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO content (account_id, content_id, refs, body_id, thread_id, parent_id,"
        " thread_flags, date_ns, received_ns, mailbox_orig_id, prefix, envelope, envelope_utf8,"
        " bodystructure, parts, preview, message_id, subject_base, facts_flags, from_localpart,"
        " from_domain, reverse_path, rcpt_to, remote_ip, ehlo, tls_version, tls_cipher,"
        " origin_flags, validation, dkim_domains, received_id, reason) VALUES (%d, %d, 1, 1, 1, 0,"
        " 0, 0, 0, 1, x'', x'', x'', x'', x'', x'', CAST('%s' AS BLOB), CAST('the same' AS BLOB),"
        " 0, x'', x'', x'', x'', x'', x'', 0, 0, 0, 0, x'', x'', x'');"
        "UPDATE account SET content_next = %d WHERE account_id = %d",
        (int)account_id, (int)content_id, buf, (int)content_id + 1, (int)account_id);
    run(m, sql);
    must(thread_index_add(m->index, &keys, &err), &err);
    m->contents[m->n].account_id = account_id;
    m->contents[m->n].content_id = content_id;
    m->contents[m->n++].name = name;
}

/* After a crash a content may be named twice. */
static void drop_repeated(struct thread_candidates *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        size_t j = 0;

        while (j < n && c->content_ids[j] != c->content_ids[i])
            j++;
        if (j == n)
            c->content_ids[n++] = c->content_ids[i];
    }
    c->n = n;
}

/* `found` has to be the first of what the list has, in the order asked for: all of it, unless there
 * was no room. */
static void check_found(struct model *m, struct thread_candidates *found, int64_t account_id,
                        unsigned name, bool any_name, bool newest_first)
{
    bool full = found->n == THREAD_CANDIDATES_MAX;
    size_t expected = 0;

    drop_repeated(found);
    for (size_t i = 0; i < m->n && expected < THREAD_CANDIDATES_MAX; i++) {
        size_t at = newest_first ? m->n - 1 - i : i;

        if (m->contents[at].account_id != account_id || (!any_name && m->contents[at].name != name))
            continue;
        if (full && expected == found->n)
            return;
        assert_true(expected < found->n);
        assert_int_equal(found->content_ids[expected], m->contents[at].content_id);
        expected++;
    }
    assert_int_equal(found->n, expected);
}

static void check_name(struct model *m)
{
    int64_t account_id = 1 + (int64_t)(random_number(m) % ACCOUNTS);
    unsigned name = (unsigned)(random_number(m) % NAMES);
    struct thread_candidates found;
    char buf[32];
    struct err err;

    must(
        thread_index_by_message_id(m->index, m->db, account_id, name_text(name, buf), &found, &err),
        &err);
    check_found(m, &found, account_id, name, /* any_name= */ false, /* newest_first= */ false);
}

static void check_subject(struct model *m)
{
    int64_t account_id = 1 + (int64_t)(random_number(m) % ACCOUNTS);
    struct thread_candidates found;
    struct err err;

    must(thread_index_by_subject(m->index, m->db, account_id, 1, SLICE("the same"), &found, &err),
         &err);
    check_found(m, &found, account_id, 0, /* any_name= */ true, /* newest_first= */ true);
}

/* Some contents, one of them in a write that fails; now and then the whole batch fails. */
static void batch(struct model *m)
{
    size_t count = random_number(m) % 40;
    struct err err;

    run(m, "BEGIN");
    for (size_t i = 0; i < count && m->n + 2 < CONTENTS_MAX; i++)
        add_content(m);
    size_t mark = thread_index_mark(m->index), n = m->n;

    run(m, "SAVEPOINT one");
    add_content(m);
    check_name(m);
    thread_index_undo(m->index, mark);
    m->n = n;
    run(m, "ROLLBACK TO one; RELEASE one");
    must(thread_index_drain(m->index, m->db, &err), &err);
    check_name(m);
    if (random_number(m) % 16 == 0) {
        run(m, "ROLLBACK");
        thread_index_abandon(m->index);
        m->n = m->n_committed;
    } else {
        run(m, "COMMIT");
        thread_index_committed(m->index);
        m->n_committed = m->n;
    }
    check_name(m);
    check_subject(m);
}

static int64_t number(struct model *m, const char *sql)
{
    struct db_row r;
    struct err err;

    must(db_query(m->db, sql, &r, &err), &err);
    assert_int_equal(db_step(&r, &err), 1);
    int64_t value = db_int(&r, 0);

    db_done(&r);
    return value;
}

static void crash(struct model *m)
{
    struct err err;

    thread_index_free(m->index);
    m->index = thread_index_new();
    assert_non_null(m->index);
    must(thread_index_load(m->index, m->db, &err), &err);
    assert_int_equal(number(m, "SELECT count(*) FROM account WHERE keys_done >= content_next"), 0);
}

static void finds_what_a_list_finds(void **state)
{
    static struct model m;

    (void)state;
    model_start(&m);
    for (int i = 0; i < 1200; i++) {
        batch(&m);
        if (random_number(&m) % 50 == 0)
            crash(&m);
    }
    /* It has been through more than one generation, and keys did reach the table. */
    assert_true(2 * m.n > 3 * THREAD_INDEX_GATHER);
    assert_true(number(&m, "SELECT count(*) FROM thread_key") >= THREAD_INDEX_GATHER);
    model_end(&m);
}

static void puts_all_away(void **state)
{
    static struct model m;
    struct err err;

    (void)state;
    model_start(&m);
    for (int i = 0; i < 20; i++)
        batch(&m);
    run(&m, "BEGIN");
    must(thread_index_drain_all(m.index, m.db, &err), &err);
    run(&m, "COMMIT");
    assert_int_equal(number(&m, "SELECT count(*) FROM thread_key"), 2 * (int64_t)m.n);
    assert_int_equal(number(&m, "SELECT count(*) FROM account WHERE keys_done < content_next - 1"),
                     0);
    crash(&m);
    assert_int_equal(thread_index_mark(m.index), 0);
    for (int i = 0; i < 100; i++)
        check_name(&m);
    model_end(&m);
}

static void forgets_what_is_gone(void **state)
{
    static struct model m;
    struct err err;

    (void)state;
    model_start(&m);
    run(&m, "BEGIN");
    for (int i = 0; i < 10; i++)
        add_content(&m);
    run(&m, "DELETE FROM content WHERE content_id <= 4; COMMIT");
    thread_index_committed(m.index);
    run(&m, "BEGIN");
    must(thread_index_drain_all(m.index, m.db, &err), &err);
    run(&m, "COMMIT");
    assert_int_equal(number(&m, "SELECT count(*) FROM thread_key"), 12);
    assert_int_equal(number(&m, "SELECT min(content_id) FROM thread_key"), 5);

    char buf[32];
    const struct thread_keys keys = {.account_id = m.contents[4].account_id,
                                     .content_id = 5,
                                     .mailbox_orig_id = 1,
                                     .message_id = name_text(m.contents[4].name, buf),
                                     .subject_base = SLICE("the same")};

    must(thread_keys_remove(m.db, &keys, &err), &err);
    assert_int_equal(number(&m, "SELECT count(*) FROM thread_key"), 10);
    model_end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_list_finds),
        cmocka_unit_test(puts_all_away),
        cmocka_unit_test(forgets_what_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
