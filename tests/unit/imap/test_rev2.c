/* IMAP4rev2, UTF8=ACCEPT and BINARY in whole sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_edge.h"

struct fixture {
    struct fake_store *store;
    struct conn *c;
};

static void start(struct fixture *f)
{
    f->store = fake_store_new();
    f->c = fake_conn_new(f->store, true);
    fake_conn_say(f->c, SLICE("l LOGIN user@localhost secret\r\n"));
    (void)fake_conn_heard(f->c);
}

static void end(struct fixture *f)
{
    fake_conn_free(f->c);
    fake_store_free(f->store);
}

static void exchange(struct fixture *f, struct slice said, const char *want)
{
    fake_conn_say(f->c, said);
    const char *heard = fake_conn_heard(f->c);

    if (want)
        assert_string_equal(heard, want);
}
#define SAY(f, said, want) exchange((f), SLICE(said), (want))

static void append(struct fixture *f, struct slice message)
{
    char head[64];

    (void)snprintf(head, sizeof(head), "p APPEND inbox ~{%zu+}\r\n", message.n);
    fake_conn_say(f->c, slice_str(head));
    fake_conn_say(f->c, message);
    fake_conn_say(f->c, SLICE("\r\n"));
    assert_non_null(strstr(fake_conn_heard(f->c), "p OK [APPENDUID "));
}

#define UMLAUT "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n"

static void test_enable(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    append(&f, SLICE(UMLAUT));
    SAY(&f, "a CREATE &Jjo-\r\n", "* LIST (\\Subscribed) \"/\" &Jjo-\r\na OK done\r\n");
    SAY(&f, "s SELECT inbox\r\nb FETCH 1 ENVELOPE\r\n", NULL);
    SAY(&f, "b FETCH 1 ENVELOPE\r\n",
        "* 1 FETCH (UID 1 ENVELOPE (NIL \"=?utf-8?q?Gr=C3=BC=C3=9Fe?=\" NIL NIL NIL NIL NIL NIL "
        "NIL NIL))\r\nb OK done\r\n");
    SAY(&f, "c ENABLE bogus Imap4Rev2 imap4rev2 UTF8=ACCEPT\r\n",
        "* ENABLED Imap4Rev2 UTF8=ACCEPT\r\nc OK done\r\n");
    SAY(&f, "d FETCH 1 ENVELOPE\r\n",
        "* 1 FETCH (UID 1 ENVELOPE (NIL \"Gr\xc3\xbc\xc3\x9f"
        "e\" NIL NIL NIL NIL NIL NIL NIL "
        "NIL))\r\nd OK done\r\n");
    SAY(&f, "e SEARCH ALL\r\n", "* ESEARCH (TAG \"e\") ALL 1\r\ne OK done\r\n");
    SAY(&f, "f UID SEARCH RETURN (COUNT) ALL\r\n",
        "* ESEARCH (TAG \"f\") UID COUNT 1\r\nf OK done\r\n");
    SAY(&f, "g SEARCH SEEN\r\n", "* ESEARCH (TAG \"g\")\r\ng OK done\r\n");
    SAY(&f, "h LIST \"\" \"\xe2\x98\xba\"\r\n",
        "* LIST () \"/\" \"\xe2\x98\xba\"\r\nh OK done\r\n");
    SAY(&f, "i CREATE \"&Jjo-\"\r\n", "* LIST (\\Subscribed) \"/\" &Jjo-\r\ni OK done\r\n");
    SAY(&f, "j CREATE slash/\r\n",
        "* LIST (\\Subscribed) \"/\" slash (\"OLDNAME\" (slash/))\r\nj OK done\r\n");
    fake_conn_say(f.c, SLICE("k SELECT inbox\r\n"));
    const char *heard = fake_conn_heard(f.c);

    assert_null(strstr(heard, "RECENT"));
    assert_null(strstr(heard, "UNSEEN"));
    assert_non_null(strstr(heard, "* 1 EXISTS\r\n"));
    end(&f);
}

/* What others do to the list of mailboxes is told in full. */
static void test_list_news(void **state)
{
    struct fixture f;
    struct conn *other;

    (void)state;
    start(&f);
    other = fake_conn_new(f.store, true);
    SAY(&f, "a ENABLE IMAP4rev2\r\n", "* ENABLED IMAP4rev2\r\na OK done\r\n");
    fake_conn_say(other, SLICE("l LOGIN user@localhost secret\r\nc CREATE x\r\nd DELETE x\r\n"));
    SAY(&f, "b NOOP\r\n", "* LIST (\\NonExistent) \"/\" x\r\nb OK done\r\n");
    fake_conn_free(other);
    end(&f);
}

static void test_append_utf8(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    SAY(&f, "a APPEND inbox UTF8 (~{2+}\r\nx\n)\r\n", "a OK [APPENDUID 1 1] done\r\n");
    SAY(&f, "b APPEND inbox UTF8 (~{2+}\r\nx\n\r\n",
        "b BAD syntax error: expected the end of the command\r\n");
    SAY(&f, "c APPEND inbox ~{2+}\r\nx\n)\r\n",
        "c BAD syntax error: expected the end of the command\r\n");
    /* A literal8 is needed. */
    SAY(&f, "d APPEND inbox UTF8 ({2+}\r\nx\n)\r\n",
        "d BAD syntax error: expected mailbox, flags, date and a message\r\n");
    SAY(&f, "e STATUS inbox (MESSAGES)\r\n", "* STATUS Inbox (MESSAGES 1)\r\ne OK done\r\n");
    end(&f);
}

#define PARTS                                                                                      \
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: audio/basic\r\n"        \
    "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8AIQ==\r\n\r\n--b\r\n"                         \
    "Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n--b\r\n"                    \
    "Content-Transfer-Encoding: x-own\r\n\r\nxyz\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"   \
    "Subject: in\r\n\r\ninner\r\n--b--\r\n"

static void test_binary_parts(void **state)
{
    static const char nul[] = "* 1 FETCH (UID 1 FLAGS () BINARY[1] ~{7}\r\nhello\0!)\r\n"
                              "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\na OK done\r\n";
    struct fixture f;

    (void)state;
    start(&f);
    append(&f, SLICE(PARTS));
    SAY(&f, "s SELECT inbox\r\n", NULL);
    fake_conn_say(f.c, SLICE("a UID FETCH 1 BINARY[1]\r\n"));
    assert_memory_equal(fake_conn_heard(f.c), nul, sizeof(nul));
    SAY(&f, "b FETCH 1 (BINARY.PEEK[1]<1.4> BINARY.PEEK[2])\r\n",
        "* 1 FETCH (UID 1 BINARY[1] {4}\r\nello BINARY[2] {4}\r\na=bc)\r\nb OK done\r\n");
    SAY(&f, "c FETCH 1 (BINARY.SIZE[1] BINARY.SIZE[2] FLAGS)\r\n",
        "* 1 FETCH (UID 1 FLAGS (\\Seen) BINARY.SIZE[1] 7 BINARY.SIZE[2] 4)\r\nc OK done\r\n");
    SAY(&f, "d FETCH 1 BINARY[3]\r\n",
        "d NO [UNKNOWN-CTE] the part has an unknown transfer encoding\r\n");
    SAY(&f, "e FETCH 1 BINARY.SIZE[3]\r\n",
        "e NO [UNKNOWN-CTE] the part has an unknown transfer encoding\r\n");
    SAY(&f, "f FETCH 1 BINARY[4]\r\n", "f NO [CANNOT] the part consists of parts\r\n");
    SAY(&f, "g FETCH 1 BINARY.PEEK[4.1]<10000.1>\r\n",
        "* 1 FETCH (UID 1 BINARY[4.1] {0}\r\n)\r\ng OK done\r\n");
    SAY(&f, "h FETCH 1 BINARY.PEEK[4.1]\r\n",
        "* 1 FETCH (UID 1 BINARY[4.1] {5}\r\ninner)\r\nh OK done\r\n");
    SAY(&f, "i FETCH 1 BINARY[9]\r\n", "i NO [NONEXISTENT] the message has no such part\r\n");
    SAY(&f, "j FETCH 1 BINARY[TEXT]\r\n",
        "j BAD syntax error: expected the end of the part number\r\n");
    SAY(&f, "k FETCH 1 BINARY\r\n", "k BAD syntax error: expected a known item\r\n");
    SAY(&f, "l FETCH 1 BINARY.SIZE[1]<0.1>\r\n", "l BAD syntax error: expected CHANGEDSINCE\r\n");
    end(&f);
}

static void test_binary_whole(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    append(&f,
           SLICE("Subject: x\r\nContent-Transfer-Encoding: base64\r\nTo: y\r\n\r\naGVsbG8=\r\n"));
    append(&f, SLICE("Subject: x\r\n\r\nplain\r\n"));
    SAY(&f, "s SELECT inbox\r\n", NULL);
    SAY(&f, "a FETCH 1:2 (BINARY.PEEK[] BINARY.SIZE[])\r\n",
        "* 1 FETCH (UID 1 BINARY[] {26}\r\nSubject: x\r\nTo: y\r\n\r\nhello BINARY.SIZE[] 26)\r\n"
        "* 2 FETCH (UID 2 BINARY[] {21}\r\nSubject: x\r\n\r\nplain\r\n BINARY.SIZE[] 21)\r\n"
        "a OK done\r\n");
    SAY(&f, "b FETCH 1 BINARY.PEEK[]<22.2>\r\n",
        "* 1 FETCH (UID 1 BINARY[] {2}\r\nel)\r\nb OK done\r\n");
    end(&f);
}

/* RFC 9051 4.3: NUL stands in a literal8 only. */
static void test_nul_in_body(void **state)
{
    static const char message[] = "Subject: a\0b\r\n\r\nc\0d\r\n";
    struct fixture f;

    (void)state;
    start(&f);
    append(&f, slice_of(message, sizeof(message) - 1));
    SAY(&f, "s SELECT inbox\r\n", NULL);
    SAY(&f, "a FETCH 1 (BODY.PEEK[TEXT] BODY.PEEK[HEADER.FIELDS (Subject)])\r\n",
        "* 1 FETCH (UID 1 BODY[TEXT] {5}\r\nc\x80"
        "d\r\n BODY[HEADER.FIELDS (Subject)] {16}\r\n"
        "Subject: a\x80"
        "b\r\n\r\n)\r\na OK done\r\n");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enable),       cmocka_unit_test(test_list_news),
        cmocka_unit_test(test_append_utf8),  cmocka_unit_test(test_binary_parts),
        cmocka_unit_test(test_binary_whole), cmocka_unit_test(test_nul_in_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
