/* Messages through the calls: append, read, flags, expunge, copy, move, bodies. */
#include "store_fixture.h"

#include <sys/stat.h>

#include "base/num.h"
#include "store/db.h"

static uint64_t mailbox_of(struct fixture *f, uint64_t s, const char *name)
{
    assert_int_equal(fixture_open_mailbox(f, s, name), 0);
    return f->response->mailbox_opened->mailbox->mailbox;
}

static int read_messages(struct fixture *f, uint64_t s, uint64_t mailbox, uint32_t first,
                         uint32_t last, uint32_t fields)
{
    Gw__MessageRead message = GW__MESSAGE_READ__INIT;
    uint32_t pair[] = {first, last};
    FIXTURE_REQUEST(request, MESSAGE_READ, message_read, &message, s);

    message.mailbox = mailbox;
    message.ranges = pair;
    message.n_ranges = 2;
    message.fields = fields;
    return fixture_ask(f, STORE_ACCESS, &request);
}

static int store_flags(struct fixture *f, uint64_t s, uint64_t mailbox, uint32_t last,
                       Gw__FlagsStore__Mode mode, uint32_t flags, const char *keyword,
                       uint64_t unchanged_since)
{
    Gw__FlagsStore message = GW__FLAGS_STORE__INIT;
    uint32_t pair[] = {1, last};
    ProtobufCBinaryData keywords[] = {fixture_text(keyword)};
    FIXTURE_REQUEST(request, FLAGS_STORE, flags_store, &message, s);

    message.mailbox = mailbox;
    message.ranges = pair;
    message.n_ranges = 2;
    message.mode = mode;
    message.flags = flags;
    message.keywords = keywords;
    message.n_keywords = keyword ? 1 : 0;
    message.has_unchanged_since = unchanged_since != UINT64_MAX;
    message.unchanged_since = unchanged_since;
    return fixture_ask(f, STORE_ACCESS, &request);
}

static void test_append_and_read(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    assert_int_equal(fixture_append(&f, s, "Inbox", "first", 1, "Blue"), 0);
    assert_int_equal(f.response->appended->uid_first, 1);
    assert_int_equal(fixture_append(&f, s, "Inbox", "second", 0, NULL), 0);
    assert_int_equal(f.response->appended->uid_last, 2);
    assert_int_equal(fixture_append(&f, s, "none", "x", 0, NULL), ERR_NOT_FOUND);
    assert_int_equal(fixture_append(&f, s, "Inbox", "x", 0, "$Junk"), ERR_INVALID);
    assert_int_equal(fixture_append(&f, s, "Inbox", "x", 1024, NULL), ERR_INVALID);
    uint64_t inbox = mailbox_of(&f, s, "Inbox");

    assert_int_equal(f.response->mailbox_opened->first_unseen_uid, 2);
    assert_int_equal(f.response->mailbox_opened->mailbox->unseen, 1);
    assert_int_equal(f.response->mailbox_opened->mailbox->size, 11);
    assert_int_equal(read_messages(&f, s, inbox, 1, 9, 4 | 2), 0);
    assert_int_equal(f.response->messages->n_rows, 2);
    const Gw__Message *m = f.response->messages->rows[0];

    assert_int_equal(m->size, 5);
    assert_int_equal(m->n_keywords, 1);
    assert_true(slice_eq(rpc_slice(m->keywords[0]), SLICE("blue")));
    assert_true(slice_eq(rpc_slice(m->envelope), SLICE("(envelope)")));
    assert_int_equal(f.response->messages->next_uid, 0);
    assert_int_equal(read_messages(&f, s, inbox, 2, 1, 0), ERR_INVALID);
    fixture_end(&f);
}

static void test_flags(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_append(&f, s, "Inbox", "text", i == 0 ? 1 : 0, NULL), 0);
    uint64_t inbox = mailbox_of(&f, s, "Inbox");

    assert_int_equal(
        store_flags(&f, s, inbox, 9, GW__FLAGS_STORE__MODE__MODE_ADD, 1, NULL, UINT64_MAX), 0);
    uint64_t modseq = f.response->flags_stored->modseq;

    /* The first one had the flag: it keeps its mod-sequence. */
    assert_int_equal(f.response->flags_stored->n_changed, 2);
    assert_int_equal(f.response->flags_stored->changed[0], 2);
    assert_int_equal(f.response->flags_stored->changed[1], 3);
    assert_int_equal(
        store_flags(&f, s, inbox, 9, GW__FLAGS_STORE__MODE__MODE_ADD, 1, NULL, UINT64_MAX), 0);
    assert_int_equal(f.response->flags_stored->modseq, 0);
    /* UNCHANGEDSINCE: only the first one is older. */
    assert_int_equal(
        store_flags(&f, s, inbox, 9, GW__FLAGS_STORE__MODE__MODE_ADD, 4, "New", modseq - 1), 0);
    assert_int_equal(f.response->flags_stored->changed[1], 1);
    assert_int_equal(f.response->flags_stored->modified[0], 2);
    assert_int_equal(f.response->flags_stored->modified[1], 3);
    assert_true(f.response->flags_stored->keywords_added);
    assert_int_equal(
        store_flags(&f, s, inbox, 9, GW__FLAGS_STORE__MODE__MODE_REMOVE, 4, "new", UINT64_MAX), 0);
    assert_int_equal(f.response->flags_stored->n_changed, 2);
    assert_int_equal(
        store_flags(&f, s, inbox, 9, GW__FLAGS_STORE__MODE__MODE_REPLACE, 8, NULL, UINT64_MAX), 0);
    mailbox_of(&f, s, "Inbox");
    assert_int_equal(f.response->mailbox_opened->mailbox->deleted, 3);
    assert_int_equal(f.response->mailbox_opened->mailbox->unseen, 3);
    assert_int_equal(f.response->mailbox_opened->mailbox->deleted_size, 12);
    assert_int_equal(f.response->mailbox_opened->mailbox->n_keywords, 1);
    fixture_end(&f);
}

static void test_expunge(void **state)
{
    struct fixture f;
    Gw__Expunge message = GW__EXPUNGE__INIT;
    uint32_t pair[] = {1, 2};

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);
    FIXTURE_REQUEST(request, EXPUNGE, expunge, &message, s);

    assert_int_equal(fixture_append(&f, s, "Inbox", "a", 8, NULL), 0);
    assert_int_equal(fixture_append(&f, s, "Inbox", "b", 0, NULL), 0);
    assert_int_equal(fixture_append(&f, s, "Inbox", "c", 8, NULL), 0);
    uint64_t modseq = f.response->appended->modseq;

    message.mailbox = mailbox_of(&f, s, "Inbox");
    message.ranges = pair;
    message.n_ranges = 2;
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
    assert_int_equal(f.response->expunged->n_ranges, 2);
    assert_int_equal(f.response->expunged->ranges[0], 1);
    assert_int_equal(f.response->expunged->ranges[1], 1);
    assert_int_equal(f.response->expunged->modseq, modseq + 1);
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
    assert_int_equal(f.response->expunged->n_ranges, 0);
    assert_int_equal(f.response->expunged->modseq, modseq + 1);
    assert_int_equal(fixture_changes(&f, s, modseq), 0);
    assert_int_equal(f.response->changes->n_rows, 1);
    assert_int_equal(f.response->changes->rows[0]->kind, GW__CHANGE__KIND__KIND_EXPUNGE);
    /* Still readable for those who show it. */
    assert_int_equal(read_messages(&f, s, message.mailbox, 1, 9, 4), 0);
    assert_int_equal(f.response->messages->n_rows, 3);
    assert_true(f.response->messages->rows[0]->expunged);
    assert_int_equal(fixture_changes(&f, s, modseq + 2), ERR_INVALID);
    fixture_end(&f);
}

static int copy(struct fixture *f, uint64_t s, uint64_t from, const char *to, bool move)
{
    Gw__Copy message = GW__COPY__INIT;
    uint32_t pairs[] = {1, 1, 3, 9};
    FIXTURE_REQUEST(request, COPY, copy, &message, s);

    message.mailbox = from;
    message.ranges = pairs;
    message.n_ranges = 4;
    message.to = fixture_text(to);
    message.move = move;
    return fixture_ask(f, STORE_ACCESS, &request);
}

/* Octets that count for the quota, and those of live messages. */
static void sizes_of(const struct fixture *f, int64_t *counted, int64_t *live)
{
    char path[128];
    struct db *db;
    struct db_row r;
    struct err err;

    (void)snprintf(path, sizeof(path), "%s/shard-00/shard.db", f->directory);
    assert_int_equal(db_open(path, DB_READ_ONLY, &db, &err), 0);
    assert_int_equal(
        db_query(db, "SELECT size_bytes, (SELECT sum(size_bytes) FROM mailbox) FROM account", &r,
                 &err),
        0);
    assert_int_equal(db_step(&r, &err), 1);
    *counted = db_int(&r, 0);
    *live = db_int(&r, 1);
    db_done(&r);
    db_close(db);
}

static void test_copy_and_move(void **state)
{
    struct fixture f;
    int64_t counted, live;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_append(&f, s, "Inbox", "text", 4, "k"), 0);
    uint64_t inbox = mailbox_of(&f, s, "Inbox");

    assert_int_equal(copy(&f, s, inbox, "Archive", false), 0);
    assert_int_equal(f.response->copied->n_from, 4);
    assert_int_equal(f.response->copied->from[2], 3);
    assert_int_equal(f.response->copied->from[3], 3);
    assert_int_equal(f.response->copied->n_to, 2);
    assert_int_equal(f.response->copied->to[1], 2);
    assert_int_equal(copy(&f, s, inbox, "inbox", false), ERR_INVALID);
    assert_int_equal(copy(&f, s, inbox, "none", true), ERR_NOT_FOUND);
    assert_int_equal(copy(&f, s, inbox, "Archive", true), 0);
    assert_int_equal(f.response->copied->to[0], 3);
    uint64_t archive = mailbox_of(&f, s, "Archive");

    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 4);
    assert_int_equal(f.response->mailbox_opened->mailbox->n_keywords, 1);
    mailbox_of(&f, s, "Inbox");
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 1);
    /* Copies share their content. */
    assert_int_equal(read_messages(&f, s, archive, 1, 9, 128), 0);
    assert_int_equal(f.response->messages->rows[0]->email_id,
                     f.response->messages->rows[2]->email_id);
    assert_int_equal(copy(&f, s, archive, "Sent", true), 0);
    assert_int_equal(copy(&f, s, archive, "Sent", true), 0);
    assert_int_equal(f.response->copied->n_from, 0);
    /* What was moved counts once. */
    sizes_of(&f, &counted, &live);
    assert_true(live > 0);
    assert_int_equal(counted, live);
    fixture_end(&f);
}

/* What many keywords take does not add up over the messages of one request. */
static void test_many_keywords(void **state)
{
    Gw__Copy message = GW__COPY__INIT;
    uint32_t all[] = {1, 150};
    char keyword[121];
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    for (int i = 0; i < 150; i++)
        assert_int_equal(fixture_append(&f, s, "Inbox", "text", 0, NULL), 0);
    uint64_t inbox = mailbox_of(&f, s, "Inbox");

    for (int i = 0; i < 30; i++) {
        (void)snprintf(keyword, sizeof(keyword), "%0120d", i);
        assert_int_equal(
            store_flags(&f, s, inbox, 150, GW__FLAGS_STORE__MODE__MODE_ADD, 0, keyword, UINT64_MAX),
            0);
        assert_int_equal(f.response->flags_stored->next_uid, 0);
    }
    FIXTURE_REQUEST(request, COPY, copy, &message, s);
    message.mailbox = inbox;
    message.ranges = all;
    message.n_ranges = 2;
    message.to = fixture_text("Archive");
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
    assert_int_equal(f.response->copied->to[1], 150);
    mailbox_of(&f, s, "Archive");
    assert_int_equal(f.response->mailbox_opened->mailbox->n_keywords, 30);
    fixture_end(&f);
}

/* A request for very many messages is answered in parts, so that others get their turn. */
static void test_many_messages(void **state)
{
    Gw__Copy message = GW__COPY__INIT;
    Gw__Expunge expunge = GW__EXPUNGE__INIT;
    uint32_t all[] = {1, UINT32_MAX - 1}, count = 100;
    struct fixture f;

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(fixture_append(&f, s, "Inbox", "text", 0, NULL), 0);
    uint64_t inbox = mailbox_of(&f, s, "Inbox"), archive = mailbox_of(&f, s, "Archive");

    FIXTURE_REQUEST(request, COPY, copy, &message, s);
    message.ranges = all;
    message.n_ranges = 2;
    for (unsigned i = 0; count <= 10000; i++) {
        message.mailbox = i % 2 == 0 ? inbox : archive;
        message.to = i % 2 == 0 ? fixture_text("Archive") : fixture_text("Inbox");
        assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
        (void)mailbox_of(&f, s, "Archive");
        count = f.response->mailbox_opened->mailbox->messages;
    }
    assert_int_equal(store_flags(&f, s, archive, UINT32_MAX - 1, GW__FLAGS_STORE__MODE__MODE_ADD, 8,
                                 NULL, UINT64_MAX),
                     0);
    assert_int_equal(f.response->flags_stored->next_uid, 10001);
    assert_int_equal(store_flags(&f, s, archive, UINT32_MAX - 1, GW__FLAGS_STORE__MODE__MODE_ADD, 8,
                                 NULL, UINT64_MAX),
                     0);
    assert_int_equal(f.response->flags_stored->next_uid, 0);
    FIXTURE_REQUEST(removal, EXPUNGE, expunge, &expunge, s);
    expunge.mailbox = archive;
    expunge.ranges = all;
    expunge.n_ranges = 2;
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &removal), 0);
    assert_true(f.response->expunged->next_uid > 10000);
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &removal), 0);
    assert_int_equal(f.response->expunged->next_uid, 0);
    mailbox_of(&f, s, "Archive");
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 0);
    fixture_end(&f);
}

/* All of the messages, or nothing. */
static void test_copy_whole(void **state)
{
    struct fixture f;
    Gw__Copy message = GW__COPY__INIT;
    Gw__Expunge expunge = GW__EXPUNGE__INIT;
    uint32_t pairs[] = {1, 3}, first[] = {1, 1};

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);

    for (int i = 0; i < 3; i++)
        assert_int_equal(fixture_append(&f, s, "Inbox", "text", 4, "k"), 0);
    FIXTURE_REQUEST(request, COPY, copy, &message, s);
    message.mailbox = mailbox_of(&f, s, "Inbox");
    message.ranges = pairs;
    message.n_ranges = 2;
    message.to = fixture_text("Archive");
    message.whole = true;
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
    assert_false(f.response->copied->gone);
    assert_int_equal(f.response->copied->n_from, 2);
    assert_int_equal(store_flags(&f, s, message.mailbox, 1, GW__FLAGS_STORE__MODE__MODE_ADD, 8,
                                 NULL, UINT64_MAX),
                     0);
    FIXTURE_REQUEST(remove, EXPUNGE, expunge, &expunge, s);
    expunge.mailbox = message.mailbox;
    expunge.ranges = first;
    expunge.n_ranges = 2;
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &remove), 0);
    for (int move = 0; move < 2; move++) {
        message.move = move;
        assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), 0);
        assert_true(f.response->copied->gone);
        assert_int_equal(f.response->copied->n_from, 0);
    }
    mailbox_of(&f, s, "Archive");
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 3);
    mailbox_of(&f, s, "Inbox");
    assert_int_equal(f.response->mailbox_opened->mailbox->messages, 2);
    fixture_end(&f);
}

static int read_body(struct fixture *f, uint64_t s, uint64_t mailbox, uint32_t uid, uint64_t offset,
                     uint64_t length)
{
    Gw__BodyRead message = GW__BODY_READ__INIT;
    FIXTURE_REQUEST(request, BODY_READ, body_read, &message, s);

    message.mailbox = mailbox;
    message.uid = uid;
    message.offset = offset;
    message.length = length;
    return fixture_ask(f, STORE_ACCESS, &request);
}

static void test_body(void **state)
{
    struct fixture f;
    static char big[100001];
    uint8_t back[16];

    (void)state;
    fixture_start(&f, 1);
    uint64_t s = fixture_ann(&f);
    Gw__Append message = GW__APPEND__INIT;
    Gw__AppendMessage one = GW__APPEND_MESSAGE__INIT, *messages[] = {&one};
    Gw__Content content = GW__CONTENT__INIT;
    Gw__Facts facts = GW__FACTS__INIT;
    Gw__SpoolOpen spool = GW__SPOOL_OPEN__INIT;
    FIXTURE_REQUEST(open_request, SPOOL_OPEN, spool_open, &spool, 0);
    FIXTURE_REQUEST(request, APPEND, append, &message, s);

    memset(big, 'x', sizeof(big) - 1);
    big[99999] = 'y';
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &open_request), 0);
    int fd = TAKE_FD(f.fd);

    assert_int_equal(write(fd, big, sizeof(big) - 1), sizeof(big) - 1);
    content.from_spool = true;
    content.spool_size = sizeof(big) - 1;
    content.facts = &facts;
    one.content = &content;
    message.mailbox = fixture_text("Inbox");
    message.messages = messages;
    message.n_messages = 1;
    /* Without the descriptor, with a wrong size, and as it should be. */
    assert_int_equal(fixture_ask(&f, STORE_ACCESS, &request), ERR_INVALID);
    content.spool_size = sizeof(big);
    assert_int_equal(fixture_ask_fds(&f, STORE_ACCESS, &request, &(int){dup(fd)}, 1), ERR_INVALID);
    content.spool_size = sizeof(big) - 1;
    assert_int_equal(fixture_ask_fds(&f, STORE_ACCESS, &request, &fd, 1), 0);
    uint64_t inbox = mailbox_of(&f, s, "Inbox");

    assert_int_equal(read_body(&f, s, inbox, 1, 99998, 100), 0);
    assert_int_equal(f.response->body->size, 100000);
    assert_true(slice_eq(rpc_slice(f.response->body->data), SLICE("xy")));
    assert_int_equal(read_body(&f, s, inbox, 1, 0, 100000), 0);
    assert_true(f.response->body->in_descriptor);
    assert_int_equal(pread(f.fd, back, sizeof(back), 99990), 10);
    assert_int_equal(back[9], 'y');
    assert_int_equal(write(f.fd, "z", 1), -1);
    assert_int_equal(read_body(&f, s, inbox, 2, 0, 1), ERR_NOT_FOUND);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_read), cmocka_unit_test(test_flags),
        cmocka_unit_test(test_expunge),         cmocka_unit_test(test_copy_and_move),
        cmocka_unit_test(test_many_keywords),   cmocka_unit_test(test_many_messages),
        cmocka_unit_test(test_copy_whole),      cmocka_unit_test(test_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
