#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/num.h"
#include "fake_edge.h"
#include "imap/session.h"

/* One exchange: what the client says, and all that the server answers. `who` is the connection. */
struct step {
    int who;
    const char *say;
    const char *heard; /* NULL: not looked at */
};

struct row {
    const char *name;
    bool closed; /* connection 0, at the end */
    struct step steps[16];
};

#define M1                                                                                         \
    "From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 7 Feb "     \
    "1994 21:52:25 -0800\r\n\r\nHello Joe\r\n"
#define M1_N "118"
#define LOGIN "l LOGIN user@localhost secret\r\n"
#define APPEND_M1 "p APPEND inbox {" M1_N "+}\r\n" M1 "\r\n"
#define LOGGED_IN                                                                                  \
    {                                                                                              \
        0, LOGIN, NULL                                                                             \
    }
#define ONE                                                                                        \
    {                                                                                              \
        0, APPEND_M1, NULL                                                                         \
    }
#define SELECT                                                                                     \
    {                                                                                              \
        0, "s SELECT inbox\r\n", NULL                                                              \
    }

static const struct row rows[] = {
    {"capability and noop before login",
     false,
     {{0, "a NOOP\r\nb LIST \"\" *\r\n", "a OK done\r\nb NO log in first\r\n"}}},
    {"not IMAP", true, {{0, "GET / HTTP/1.1\r\n", "* BYE this is an IMAP server\r\n"}}},
    {"unknown after known",
     false,
     {{0, "a NOOP\r\nb BOGUS\r\nc\r\n",
       "a OK done\r\nb BAD unknown command\r\nc BAD expected tag and command\r\n"}}},
    {"wrong password",
     false,
     {{0, "a LOGIN user@localhost wrong\r\n",
       "a NO [AUTHENTICATIONFAILED] wrong address or password\r\n"}}},
    {"disabled",
     false,
     {{0, "a LOGIN off@localhost secret\r\n", "a NO closed, ask the office\r\n"},
      {0, "b SELECT inbox\r\n", "b NO log in first\r\n"},
      {0, "c LOGIN off@localhost wrong\r\n",
       "c NO [AUTHENTICATIONFAILED] wrong address or password\r\n"}}},
    {"too many arguments",
     false,
     {{0, "a LOGIN u p x\r\n", "a BAD syntax error: expected the end of the command\r\n"}}},
    {"plain in one step",
     false,
     {{0, "a AUTHENTICATE PLAIN AHVzZXJAbG9jYWxob3N0AHNlY3JldA==\r\n", NULL},
      {0, "b NAMESPACE\r\n", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nb OK done\r\n"}}},
    {"plain in two steps",
     false,
     {{0, "a AUTHENTICATE PLAIN\r\n", "+ \r\n"},
      {0, "*\r\n", "a BAD cancelled\r\n"},
      {0, "b AUTHENTICATE PLAIN\r\n", "+ \r\n"},
      {0, "%%%\r\n", "b BAD not base64, or a response before its challenge\r\n"},
      {0, "c AUTHENTICATE PLAIN YQB1c2VyQGxvY2FsaG9zdABzZWNyZXQ=\r\n",
       "c NO [AUTHORIZATIONFAILED] acting for somebody else is not possible\r\n"},
      {0, "d AUTHENTICATE SCRAM\r\n", "d NO unknown mechanism\r\n"}}},
    {"literals in a command",
     false,
     {{0, "a LOGIN {14}\r\n", "+ go on\r\n"},
      {0, "user@localhost {6+}\r\nsecret\r\n", NULL},
      {0, "b CREATE {5+}\r\na b/c\r\n",
       "* LIST (\\Subscribed) \"/\" \"a b\"\r\n* LIST (\\Subscribed) \"/\" \"a b/c\"\r\n"
       "b OK done\r\n"}}},
    {"literal too large",
     true,
     {LOGGED_IN,
      {0, "a CREATE {102401}\r\n", "a BAD [TOOBIG] literal too large\r\n"},
      {0, "b CREATE {102401+}\r\n",
       "* BYE [ALERT] literal too large\r\nb BAD [TOOBIG] literal too large\r\n"}}},
    {"select",
     false,
     {LOGGED_IN,
      ONE,
      {0, "a SELECT INBOX\r\n",
       "* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $Forwarded $Junk $NotJunk "
       "$Phishing $MDNSent)\r\n* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted "
       "\\Draft $Forwarded $Junk $NotJunk $Phishing $MDNSent \\*)] flags that are kept\r\n"
       "* 0 RECENT\r\n* 1 EXISTS\r\n* OK [UNSEEN 1] first unseen message\r\n"
       "* OK [UIDVALIDITY 1] UIDs are valid\r\n* OK [UIDNEXT 2] predicted next UID\r\n"
       "* LIST (\\Subscribed) \"/\" Inbox\r\n* OK [HIGHESTMODSEQ 4] highest\r\n"
       "a OK [READ-WRITE] selected\r\n"},
      {0, "b EXAMINE gone\r\n",
       "* OK [CLOSED] previous mailbox closed\r\nb NO [NONEXISTENT] no: notfound\r\n"},
      {0, "c FETCH 1 FLAGS\r\n", "c NO no mailbox is selected\r\n"}}},
    {"fetch plain items",
     false,
     {LOGGED_IN,
      {0, "p APPEND inbox (\\Seen Work) \" 7-Feb-1994 21:52:25 -0800\" {" M1_N "+}\r\n" M1 "\r\n",
       "p OK [APPENDUID 1 1] done\r\n"},
      SELECT,
      {0, "a FETCH 1 FAST\r\n",
       "* 1 FETCH (UID 1 INTERNALDATE \" 7-Feb-1994 21:52:25 -0800\" RFC822.SIZE " M1_N
       " FLAGS (\\Seen work))\r\na OK done\r\n"},
      {0, "b FETCH 2 FLAGS\r\n", "b BAD no message has that number\r\n"},
      {0, "c UID FETCH 2 FLAGS\r\n", "c OK done\r\n"},
      {0, "d FETCH 1 (FLAGS\r\n", "d BAD syntax error: expected the end of the items\r\n"}}},
    {"fetch octets",
     false,
     {LOGGED_IN,
      ONE,
      SELECT,
      {0, "a FETCH 1 BODY.PEEK[HEADER.FIELDS (from)]\r\n",
       "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (from)] {31}\r\nFrom: Ann "
       "<ann@example.org>\r\n\r\n)\r\na OK done\r\n"},
      {0, "b FETCH 1 BODY.PEEK[1]<6.100>\r\n",
       "* 1 FETCH (UID 1 BODY[1]<6> {5}\r\nJoe\r\n)\r\nb OK done\r\n"},
      {0, "c UID FETCH 1 BODY[TEXT]<0.5>\r\n",
       "* 1 FETCH (UID 1 FLAGS () BODY[TEXT]<0> {5}\r\nHello)\r\n"
       "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\nc OK done\r\n"},
      {0, "d FETCH 1 RFC822\r\n", "* 1 FETCH (UID 1 RFC822 {" M1_N "}\r\n" M1 ")\r\nd OK done\r\n"},
      {0, "e FETCH 1 BODY[2]\r\n", "e NO [NONEXISTENT] the message has no such part\r\n"},
      {0, "f FETCH 1 BODY.PEEK[]<9223372036854775807.1>\r\n",
       "* 1 FETCH (UID 1 BODY[]<9223372036854775807> {0}\r\n)\r\nf OK done\r\n"},
      {0, "g FETCH 1 BODY[1.MIME.]\r\n", "g BAD syntax error: expected the end of the section\r\n"},
      {0, "h FETCH 1 BODY[1.HEADER]\r\n", "h NO [NONEXISTENT] the part is no message\r\n"}}},
    {"store",
     false,
     {LOGGED_IN,
      ONE,
      ONE,
      SELECT,
      {0, "a STORE 1:2 +FLAGS (\\Deleted)\r\n",
       "* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\n* 2 FETCH (UID 2 FLAGS (\\Deleted))\r\n"
       "a OK done\r\n"},
      {0, "b STORE 1 FLAGS.SILENT ()\r\nc NOOP\r\n", "b OK done\r\nc OK done\r\n"},
      {0, "d UID STORE 1:2 (UNCHANGEDSINCE 6) +FLAGS \\Seen\r\n",
       "* OK [HIGHESTMODSEQ 7] CONDSTORE is on\r\n"
       "* 1 FETCH (UID 1 FLAGS () MODSEQ (7))\r\n"
       "* 2 FETCH (UID 2 FLAGS (\\Seen \\Deleted) MODSEQ (8))\r\n"
       "d OK [MODIFIED 1] done\r\n"},
      {0, "e STORE 1 FLAGS (\\Bogus)\r\n", "e BAD syntax error: expected a known system flag\r\n"},
      {0, "f EXPUNGE\r\n", "* 2 EXPUNGE\r\nf OK [HIGHESTMODSEQ 9] done\r\n"},
      {0, "g FETCH 1 (FLAGS) (CHANGEDSINCE 7)\r\n", "g OK done\r\n"},
      {0, "h FETCH 1 (FLAGS) (CHANGEDSINCE 6)\r\n",
       "* 1 FETCH (UID 1 FLAGS () MODSEQ (7))\r\nh OK done\r\n"}}},
    {"read-only",
     false,
     {LOGGED_IN,
      ONE,
      {0, "s EXAMINE inbox\r\n", NULL},
      {0, "a STORE 1 FLAGS ()\r\nb EXPUNGE\r\n",
       "a NO the mailbox is selected read-only\r\nb NO the mailbox is selected read-only\r\n"},
      {0, "c FETCH 1 BODY[]<0.1>\r\n", "* 1 FETCH (UID 1 BODY[]<0> {1}\r\nF)\r\nc OK done\r\n"}}},
    {"news from another session",
     false,
     {LOGGED_IN,
      {1, LOGIN, NULL},
      ONE,
      ONE,
      SELECT,
      {1, "s SELECT inbox\r\n", NULL},
      {1, APPEND_M1, "* 3 EXISTS\r\np OK [APPENDUID 1 3] done\r\n"},
      {1, "a STORE 1 FLAGS.SILENT (\\Deleted)\r\nb EXPUNGE\r\n",
       "a OK done\r\n* 1 EXPUNGE\r\nb OK done\r\n"},
      {0, "a FETCH 1 (UID)\r\n", "* 1 FETCH (UID 1)\r\na OK [EXPUNGEISSUED] done\r\n"},
      {0, "b COPY 1 Trash\r\n",
       "* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 2 FETCH (UID 3 FLAGS ())\r\n"
       "b NO [EXPUNGEISSUED] some of the messages no longer exist\r\n"},
      {0, "c NOOP\r\n", "c OK done\r\n"}}},
    {"copy and move",
     false,
     {LOGGED_IN,
      ONE,
      ONE,
      SELECT,
      {0, "a COPY 1:2 Trash\r\n", "a OK [COPYUID 2 1:2 1:2] done\r\n"},
      {0, "b UID MOVE 2 Trash\r\n", "* OK [COPYUID 2 2 3] moved\r\n* 2 EXPUNGE\r\nb OK done\r\n"},
      {0, "c COPY 1 nowhere\r\n", "c NO [TRYCREATE] no: notfound\r\n"},
      {0, "d UID COPY 99 Trash\r\n", "d OK done\r\n"},
      {0, "e MOVE 1 Inbox\r\n", "e NO [CANNOT] no: invalid\r\n"}}},
    {"search",
     false,
     {LOGGED_IN,
      ONE,
      ONE,
      SELECT,
      {0, "a SEARCH ALL\r\n", "* SEARCH 1 2\r\na OK done\r\n"},
      {0, "b SEARCH SUBJECT \"GR\xc3\x9c\xc3\x9f\"\r\n", "* SEARCH 1 2\r\nb OK done\r\n"},
      {0, "c UID SEARCH RETURN (MIN COUNT) BODY joe NOT TEXT bogus\r\n",
       "* ESEARCH (TAG \"c\") UID MIN 1 COUNT 2\r\nc OK done\r\n"},
      {0, "d SEARCH 4\r\n", "* SEARCH\r\nd OK done\r\n"},
      {0, "e SEARCH CHARSET x ALL\r\n", "e NO [BADCHARSET (US-ASCII UTF-8)] unknown charset\r\n"},
      {0, "f SEARCH SENTON 7-Feb-1994 OR SEEN UNSEEN (LARGER 1 SMALLER 1000)\r\n",
       "* SEARCH 1 2\r\nf OK done\r\n"},
      {0, "g SEARCH RETURN (SAVE) 2\r\nh FETCH $ UID\r\n",
       "g OK done\r\n* 2 FETCH (UID 2)\r\nh OK done\r\n"},
      {0, "i SEARCH MODSEQ 5\r\n",
       "* OK [HIGHESTMODSEQ 5] CONDSTORE is on\r\n* SEARCH 2 (MODSEQ 5)\r\ni OK done\r\n"},
      {0, "j SEARCH BOGUS\r\n", "j BAD syntax error: expected a search key\r\n"},
      {0, "k SEARCH RETURN () NOT ALL\r\n", "* ESEARCH (TAG \"k\")\r\nk OK done\r\n"}}},
    {"idle",
     false,
     {LOGGED_IN,
      SELECT,
      {1, LOGIN, NULL},
      {0, "a IDLE\r\n", "+ idling\r\n"},
      {1, APPEND_M1, "p OK [APPENDUID 1 1] done\r\n"},
      {0, NULL, "* 1 EXISTS\r\n* 1 FETCH (UID 1 FLAGS ())\r\n"},
      {0, "done\r\n", "a OK done\r\n"}}},
    {"idle broken",
     true,
     {LOGGED_IN, {0, "a IDLE\r\nb NOOP\r\n", "+ idling\r\na BAD expected DONE\r\n"}}},
    {"list",
     false,
     {LOGGED_IN,
      {0, "a LIST \"\" \"\"\r\n", "* LIST (\\Noselect) \"/\" \"\"\r\na OK done\r\n"},
      {0, "b LIST \"\" %\r\n",
       "* LIST () \"/\" Inbox\r\n* LIST (\\Trash) \"/\" Trash\r\nb OK done\r\n"},
      {0, "c LIST (SPECIAL-USE) \"\" * RETURN (CHILDREN STATUS (MESSAGES UIDNEXT))\r\n",
       "* LIST (\\HasNoChildren \\Trash) \"/\" Trash\r\n"
       "* STATUS Trash (MESSAGES 0 UIDNEXT 1)\r\nc OK done\r\n"},
      {0, "d LIST (RECURSIVEMATCH) \"\" *\r\n",
       "d BAD syntax error: expected SUBSCRIBED with RECURSIVEMATCH\r\n"},
      {0, "e CREATE \"&Jjo-/x\"\r\n",
       "* LIST (\\Subscribed) \"/\" &Jjo-\r\n* LIST (\\Subscribed) \"/\" &Jjo-/x\r\ne OK done\r\n"},
      {0, "f LIST \"&Jjo-\" (x y)\r\n", "* LIST () \"/\" &Jjo-/x\r\nf OK done\r\n"},
      {0, "g UNSUBSCRIBE &Jjo-\r\nh LSUB \"\" %\r\n",
       "g OK done\r\n* LSUB () \"/\" Inbox\r\n* LSUB () \"/\" Trash\r\n"
       "* LSUB (\\NoSelect) \"/\" &Jjo-\r\nh OK done\r\n"},
      {0, "i LIST (SUBSCRIBED RECURSIVEMATCH) \"\" %\r\n",
       "* LIST (\\Subscribed) \"/\" Inbox\r\n* LIST (\\Subscribed \\Trash) \"/\" Trash\r\n"
       "* LIST () \"/\" &Jjo- (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\ni OK done\r\n"}}},
    {"mailboxes of another session",
     false,
     {LOGGED_IN,
      {1, LOGIN, NULL},
      {1, "a CREATE x\r\n", "* LIST (\\Subscribed) \"/\" x\r\na OK done\r\n"},
      {0, "a NOOP\r\n", "* LIST (\\Subscribed) \"/\" x\r\na OK done\r\n"},
      {0, "s SELECT x\r\n", NULL},
      {1, "b DELETE x\r\n", "b OK done\r\n"},
      {0, "b NOOP\r\nc FETCH 1 FLAGS\r\nd CLOSE\r\n",
       "b OK done\r\nc NO [NONEXISTENT] the selected mailbox was deleted\r\nd OK done\r\n"}}},
    {"append refused",
     false,
     {LOGGED_IN,
      {0, "a APPEND gone {5}\r\n", "a NO [TRYCREATE] no: notfound\r\n"},
      {0, "b APPEND gone {5+}\r\nhello\r\n", "b NO [TRYCREATE] no: notfound\r\n"},
      {0, "c APPEND inbox {0+}\r\n\r\n", "c NO [CANNOT] the message is empty\r\n"},
      {0, "d APPEND inbox {1000001}\r\n", "d NO [TOOBIG] message too large\r\n"},
      {0, "e APPEND inbox \"x\"\r\n",
       "e BAD syntax error: expected mailbox, flags, date and a message\r\n"},
      {0, "f APPEND {5}\r\n", "+ go on\r\n"},
      {0, "inbox {3}\r\n", "+ go on\r\n"},
      {0, "a\nb\r\n", "f OK [APPENDUID 1 1] done\r\n"},
      {0, "g STATUS inbox (SIZE MESSAGES)\r\n",
       "* STATUS Inbox (MESSAGES 1 SIZE 4)\r\ng OK done\r\n"}}},
    {"enable and id",
     false,
     {LOGGED_IN,
      {0, "a ENABLE condstore bogus\r\n", "* ENABLED condstore\r\na OK done\r\n"},
      {0, "b ID (\"a\" \"b\" \"A\" NIL)\r\n", "b BAD syntax error: expected each field once\r\n"},
      {0, "c ID NIL\r\n",
       "* ID (\"name\" \"godwit\" \"version\" \"" GODWIT_VERSION "\")\r\nc OK done\r\n"}}},
    {"logout",
     true,
     {{0, "a LOGOUT x\r\nb LOGOUT\r\nc NOOP\r\n",
       "a BAD syntax error: expected the end of the command\r\n* BYE until next time\r\n"
       "b OK done\r\n"}}},
};

static bool run_row(const struct row *row)
{
    bool ok = true;
    struct fake_store *store = fake_store_new();
    struct conn *c[2] = {fake_conn_new(store, true), fake_conn_new(store, true)};

    (void)fake_conn_heard(c[0]);
    (void)fake_conn_heard(c[1]);
    for (size_t i = 0; i < ARRAY_SIZE(row->steps) && (row->steps[i].say || row->steps[i].heard);
         i++) {
        const struct step *step = &row->steps[i];

        if (step->say)
            fake_conn_say(c[step->who], slice_str(step->say));
        else
            fake_conn_wake(c[step->who], EDGE_WAKE_CHANGES);
        const char *heard = fake_conn_heard(c[step->who]);

        if (step->heard && strcmp(heard, step->heard) != 0) {
            print_error("%s, step %zu:\nsaid  %s\nheard %s\nwant  %s\n", row->name, i,
                        step->say ? step->say : "(wake)", heard, step->heard);
            ok = false;
        }
    }
    ok = ok && c[0]->closed == row->closed;
    fake_conn_free(c[0]);
    fake_conn_free(c[1]);
    fake_store_free(store);
    return ok;
}

static void test_conversations(void **state)
{
    bool ok = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ok = run_row(&rows[i]) && ok;
    assert_true(ok);
}

/* Nothing depends on how octets are cut into segments. */
static void test_octet_by_octet(void **state)
{
    static const char said[] = LOGIN APPEND_M1 "s SELECT inbox\r\na FETCH 1 BODY[]\r\n";
    struct fake_store *store[2] = {fake_store_new(), fake_store_new()};
    struct conn *whole = fake_conn_new(store[0], true), *cut = fake_conn_new(store[1], true);

    (void)state;
    fake_conn_say(whole, slice_of(said, sizeof(said) - 1));
    for (size_t i = 0; i < sizeof(said) - 1; i++)
        fake_conn_say(cut, slice_of(said + i, 1));
    const char *want = fake_conn_heard(whole);

    assert_non_null(strstr(want, "Hello Joe\r\n)\r\na OK"));
    assert_string_equal(fake_conn_heard(cut), want);
    fake_conn_free(whole);
    fake_conn_free(cut);
    fake_store_free(store[0]);
    fake_store_free(store[1]);
}

/* Answers of the store that are full are gone on with; a copy is of all messages or of none. */
static void test_full_answers(void **state)
{
    struct fake_store *store = fake_store_new();
    struct conn *c = fake_conn_new(store, true), *other = fake_conn_new(store, true);

    (void)state;
    fake_store_page(store, 2);
    fake_conn_say(c, SLICE(LOGIN "p CREATE b\r\n"));
    for (int i = 0; i < 5; i++)
        fake_conn_say(c, SLICE(APPEND_M1));
    fake_conn_say(c, SLICE("s SELECT inbox\r\n"));
    fake_conn_say(other, SLICE(LOGIN "s SELECT inbox\r\n"));
    (void)fake_conn_heard(c);
    fake_conn_say(c, SLICE("a STORE 1:* +FLAGS.SILENT \\Deleted\r\nb SEARCH DELETED\r\n"));
    assert_string_equal(fake_conn_heard(c), "a OK done\r\n* SEARCH 1 2 3 4 5\r\nb OK done\r\n");
    fake_conn_say(c, SLICE("c COPY 1:* b\r\n"));
    assert_string_equal(fake_conn_heard(c), "c OK [COPYUID 3 1:5 1:5] done\r\n");
    fake_conn_say(c, SLICE("d FETCH 1:* BODY[TEXT]\r\ne UID SEARCH UNSEEN\r\n"));
    assert_non_null(strstr(fake_conn_heard(c), "* SEARCH\r\n"));
    fake_conn_say(other, SLICE("x EXPUNGE\r\n"));
    fake_conn_say(c, SLICE("f COPY 1:* b\r\n"));
    assert_non_null(strstr(fake_conn_heard(c), "f NO [EXPUNGEISSUED] "));
    fake_conn_say(c, SLICE("g STATUS b (MESSAGES)\r\nh UID MOVE 1:* b\r\n"));
    assert_string_equal(fake_conn_heard(c), "* STATUS b (MESSAGES 5)\r\ng OK done\r\n"
                                            "h OK done\r\n");
    fake_conn_free(c);
    fake_conn_free(other);
    fake_store_free(store);
}

static void test_passwords_need_tls(void **state)
{
    struct fake_store *store = fake_store_new();
    struct conn *c = fake_conn_new(store, false);

    (void)state;
    assert_non_null(strstr(fake_conn_heard(c), "AUTH=CRAM-MD5 LOGINDISABLED]"));
    fake_conn_say(c, SLICE(LOGIN));
    assert_non_null(strstr(fake_conn_heard(c), "l NO [PRIVACYREQUIRED] "));
    fake_conn_say(c, SLICE("a STARTTLS\r\n"));
    assert_string_equal(fake_conn_heard(c), "a OK begin TLS now\r\n");
    fake_conn_say(c, SLICE("b STARTTLS\r\n"));
    assert_string_equal(fake_conn_heard(c), "b BAD TLS is on already\r\n");
    fake_conn_say(c, SLICE(LOGIN));
    assert_non_null(strstr(fake_conn_heard(c), "l OK [CAPABILITY IMAP4rev2 IMAP4rev1 "));
    assert_true(c->watching);
    fake_conn_free(c);
    fake_store_free(store);
}

static void test_failed_logins_wait(void **state)
{
    struct fake_store *store = fake_store_new();
    struct conn *c = fake_conn_new(store, true);

    (void)state;
    for (unsigned i = 1; i <= 5; i++) {
        fake_conn_say(c, SLICE("a LOGIN x y\r\n"));
        assert_int_equal(c->delay_s, i > 3 ? i - 3 : 0);
        assert_int_equal(c->slow, i >= 3);
    }
    fake_conn_free(c);
    fake_store_free(store);
}

static void test_lines_and_depth_are_bounded(void **state)
{
    static char deep[20000];
    struct fake_store *store = fake_store_new();
    struct conn *c = fake_conn_new(store, true);

    (void)state;
    fake_conn_say(c, SLICE(LOGIN "s SELECT inbox\r\n"));
    (void)fake_conn_heard(c);
    memcpy(deep, "a SEARCH ", 9);
    memset(deep + 9, '(', 16000);
    memcpy(deep + 16009, "\r\n", 2);
    fake_conn_say(c, slice_of(deep, 16011));
    assert_non_null(strstr(fake_conn_heard(c), "a BAD syntax error: expected a search less deep"));
    assert_false(c->closed);
    memset(deep, '(', sizeof(deep));
    fake_conn_say(c, slice_of(deep, sizeof(deep)));
    assert_true(c->closed);
    fake_conn_free(c);
    fake_store_free(store);
}

/* A long message that has no room is refused before it is sent. */
static void test_quota_before_message(void **state)
{
    static char octets[50000];
    struct fake_store *store = fake_store_new();
    struct conn *c = fake_conn_new(store, true);

    (void)state;
    memset(octets, 'x', sizeof(octets));
    fake_conn_say(c, SLICE(LOGIN));
    (void)fake_conn_heard(c);
    fake_store_quota(store, 49999);
    fake_conn_say(c, SLICE("a APPEND inbox {50000}\r\nb APPEND inbox {50000+}\r\n"));
    fake_conn_say(c, slice_of(octets, sizeof(octets)));
    fake_conn_say(c, SLICE("\r\nc APPEND inbox {49999}\r\n"));
    assert_string_equal(fake_conn_heard(c),
                        "a NO [OVERQUOTA] the account is over its quota\r\n"
                        "b NO [OVERQUOTA] the account is over its quota\r\n+ go on\r\n");
    fake_conn_free(c);
    fake_store_free(store);
}

/* Strangers cannot make us hold much. */
static void test_commands_before_login(void **state)
{
    static char octets[IMAP_LOGIN_MAX];
    struct fake_store *store = fake_store_new();
    struct conn *c = fake_conn_new(store, true);
    char line[64];

    (void)state;
    memset(octets, 'x', sizeof(octets));
    fake_conn_say(c, SLICE("n NOOP\r\n"));
    (void)fake_conn_heard(c);
    /* "a LOGIN {32752}" and its line end are held, too. */
    (void)snprintf(line, sizeof(line), "a LOGIN {%u}\r\n", IMAP_LOGIN_MAX - 17);
    fake_conn_say(c, slice_str(line));
    assert_string_equal(fake_conn_heard(c), "+ go on\r\n");
    fake_conn_say(c, slice_of(octets, IMAP_LOGIN_MAX - 17));
    fake_conn_say(c, SLICE(" {1}\r\n"));
    assert_string_equal(fake_conn_heard(c), "a BAD [TOOBIG] literal too large\r\n");
    (void)snprintf(line, sizeof(line), "b LOGIN {%u}\r\n", IMAP_LOGIN_MAX - 16);
    fake_conn_say(c, slice_str(line));
    assert_string_equal(fake_conn_heard(c), "b BAD [TOOBIG] literal too large\r\n");
    fake_conn_say(c, SLICE("c LOGIN {4294967296}\r\nd NOOP\r\n"));
    assert_string_equal(fake_conn_heard(c), "c BAD [TOOBIG] literal too large\r\nd OK done\r\n");
    fake_conn_free(c);
    fake_store_free(store);
}

static void test_store_failures(void **state)
{
    static const struct {
        enum err_kind kind;
        const char *code;
    } kinds[] = {{ERR_QUOTA, "[OVERQUOTA]"},     {ERR_FULL, "[UNAVAILABLE]"},
                 {ERR_IO, "[UNAVAILABLE]"},      {ERR_UNAVAILABLE, "[UNAVAILABLE]"},
                 {ERR_DAMAGED, "[CORRUPTION]"},  {ERR_INTERNAL, "[SERVERBUG]"},
                 {ERR_EXISTS, "[ALREADYEXISTS]"}};
    struct fake_store *store = fake_store_new();
    struct conn *c = fake_conn_new(store, true);

    (void)state;
    fake_conn_say(c, SLICE(LOGIN));
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        (void)fake_conn_heard(c);
        fake_store_fail(store, kinds[i].kind);
        fake_conn_say(c, SLICE("a STATUS inbox (MESSAGES)\r\n"));
        assert_non_null(strstr(fake_conn_heard(c), kinds[i].code));
    }
    fake_conn_wake(c, EDGE_WAKE_LOST);
    assert_non_null(strstr(fake_conn_heard(c), "* BYE [UNAVAILABLE]"));
    assert_true(c->closed);
    fake_conn_free(c);
    fake_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversations),
        cmocka_unit_test(test_octet_by_octet),
        cmocka_unit_test(test_full_answers),
        cmocka_unit_test(test_passwords_need_tls),
        cmocka_unit_test(test_failed_logins_wait),
        cmocka_unit_test(test_lines_and_depth_are_bounded),
        cmocka_unit_test(test_quota_before_message),
        cmocka_unit_test(test_commands_before_login),
        cmocka_unit_test(test_store_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
