/* The session, for the files of this folder: its state, how to answer, and one function per
 * command. */
#pragma once

#include "base/env.h"
#include "base/log.h"
#include "edge/edge.h"
#include "edge/login.h"
#include "mail/auth_results.h"
#include "net/limiter.h"
#include "smtp/data_reader.h"
#include "smtp/parameters.h"
#include "smtp/reply.h"
#include "smtp/transaction.h"

#define SMTP_BAD_COMMANDS_MAX 20 /* in a row */
#define SMTP_BAD_TRANSACTIONS_MAX 10
#define SMTP_LOOKUP_TIMEOUT_S 60 /* for everything that one command asks the DNS */
#define SMTP_UNKNOWN_DELAY_S 5
#define SMTP_UNKNOWN_FREE 10 /* recipients that do not exist; more make the connection slow */

struct smtp_content; /* the content of a message on its way, content.c */

struct smtp_client; /* the client that a filter speaks for, cmd_xclient.c */

/* Of BDAT: its octets that have not come yet. */
struct smtp_chunk {
    uint64_t left;
    uint64_t size;
    bool last;
    bool refused; /* `refusal` is said at its end, and the octets go nowhere */
    struct smtp_reply refusal;
};

/* What input is taken for. */
enum smtp_mode { SMTP_MODE_COMMAND, SMTP_MODE_AUTH, SMTP_MODE_DATA, SMTP_MODE_CHUNK };

/* The command that runs. */
struct smtp_measured {
    const char *verb; /* NULL: none */
    int64_t since_ns;
    uint16_t code;
    char ecode[8];
};

/* Kept small: this is what an idle connection costs. Buffers exist only in `content` and `tx`. */
struct smtp_session {
    const struct edge_listener *listener;
    struct conn *conn;
    enum smtp_mode mode;
    bool submission; /* submission or submissions */
    bool greeted;    /* EHLO or HELO succeeded */
    bool extended;   /* it was EHLO */
    bool spoke;      /* a command was read */
    bool stopping;
    bool watching;
    unsigned unknown;      /* recipients refused because they do not exist */
    unsigned bad_commands; /* in a row */
    unsigned bad_transactions;
    unsigned good_transactions;
    int64_t line_since_ns; /* when the incomplete line in the input began; 0: there is none */
    struct slice peer;     /* the name given with EHLO; on the heap */
    char id[24];           /* said to the peer; empty until it is needed */
    uint64_t store_session;
    uint64_t account;
    struct slice
        login; /* address of the account that logged in, canonical; on the heap; empty: nobody */
    struct smtp_measured measured;
    struct login auth;
    bool sasl_done;                 /* AUTH has succeeded: once a connection */
    struct smtp_data_reader reader; /* in mode DATA */
    struct smtp_chunk chunk;        /* in mode CHUNK */
    struct smtp_client *told;       /* by XCLIENT; NULL: nothing */
    struct smtp_content *content;
    struct smtp_transaction tx;
};
_Static_assert(sizeof(struct smtp_session) <= 512, "an idle session has grown");

/* What follows a command. */
enum smtp_next {
    SMTP_HOLD,  /* the reply may wait for those of other commands that are here already (RFC
                   2920 3.2) */
    SMTP_FLUSH, /* the reply goes out now */
    SMTP_TLS,
    SMTP_CLOSE,
    SMTP_ABORT,
};

typedef enum smtp_next smtp_command_run(struct smtp_session *s, struct slice args);

/* ---- session.c ---- */

const struct edge_settings *smtp_settings(const struct smtp_session *s);
static inline bool smtp_logged_in(const struct smtp_session *s)
{
    return s->login.n > 0;
}
/* The client: the peer, or whom XCLIENT named. */
const struct addr *smtp_remote(const struct smtp_session *s);
/* Octets that a local part may have. */
size_t smtp_localpart_max(const struct smtp_session *s);
/* RFC 3461. */
bool smtp_dsn_offered(const struct smtp_session *s);
/* White space behind a command is tolerated (RFC 5321 4.1.1). */
bool smtp_trailing_space(const struct smtp_session *s);
/* What MAIL and RCPT may say here and now. */
struct smtp_parameter_rules smtp_parameter_rules(const struct smtp_session *s);
/* The id of this session as the peer is told. */
struct slice smtp_session_id(struct smtp_session *s);
/* The first reply of a connection. */
void smtp_greet(struct smtp_session *s);
/* The peer as it was at the start: after STARTTLS (RFC 3207 4.2). */
void smtp_session_restart(struct smtp_session *s);
/* The connection is the answer's, in place of whose it was. A failure leaves it fit to be closed
 * only. */
int smtp_log_in(struct smtp_session *s, const struct login_answer *answer,
                struct err *err) WARN_UNUSED;
bool smtp_session_set_text(struct slice *field, struct slice value);
/* How long the peer may take from now on (RFC 5321 4.5.3.2.7, 4.5.3.2.5). */
void smtp_wait_for_command(struct smtp_session *s);
void smtp_wait_for_content(struct smtp_session *s);
/* The transaction ends, however. */
void smtp_session_reset(struct smtp_session *s);
/* Asks the store what an address is; 0 with a resolution, or an error. */
int smtp_resolve(struct smtp_session *s, struct slice address, Gw__Resolve__Use use,
                 const Gw__Resolution **out, struct err *err) WARN_UNUSED;
void smtp_log_failure(struct smtp_session *s, const char *what, const struct err *err);

/* ---- measure.c ---- */

void smtp_measure_begin(struct smtp_session *s, const char *verb);
void smtp_measure_reply(struct smtp_session *s, unsigned code, const char *ecode);
/* No effect when no command has begun. */
void smtp_measure_end(struct smtp_session *s);
/* What a message came to. */
void smtp_measure_message(struct smtp_session *s, const struct smtp_reply *reply);

/* ---- answer.c ---- */

/* Writes the reply. SMTP_HOLD for success, SMTP_FLUSH for errors, which get the session's id and
 * are counted. */
enum smtp_next smtp_answer(struct smtp_session *s, const struct smtp_reply *reply);
enum smtp_next smtp_say(struct smtp_session *s, unsigned code, const char *ecode,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
/* 501 5.5.2; tells those who are logged in where. */
enum smtp_next smtp_say_syntax(struct smtp_session *s, const struct cursor *c);
/* What to say about an error of the store, or our own. */
struct smtp_reply smtp_reply_of_err(const struct err *err);
/* The reply, and then the connection ends. */
enum smtp_next smtp_say_and_close(struct smtp_session *s, unsigned code, const char *ecode,
                                  const char *text);

/* ---- commands.c ---- */

/* What the state says about DATA and BDAT. Code 0: they may run. */
struct smtp_reply smtp_content_allowed(const struct smtp_session *s);
/* Finds the verb and its rules, and runs it when the state allows it. */
enum smtp_next smtp_command_dispatch(struct smtp_session *s, struct slice line);

smtp_command_run smtp_cmd_auth, smtp_cmd_bdat, smtp_cmd_data, smtp_cmd_ehlo, smtp_cmd_expn,
    smtp_cmd_helo, smtp_cmd_help, smtp_cmd_mail, smtp_cmd_noop, smtp_cmd_quit, smtp_cmd_rcpt,
    smtp_cmd_rset, smtp_cmd_starttls, smtp_cmd_vrfy, smtp_cmd_xclient;

/* ---- lookup.c: what port 25 asks the DNS; nothing where no names are looked up ---- */

/* A reply with code 0 when all is well, or cannot be known now. */
struct smtp_reply smtp_check_client_name(struct smtp_session *s, struct slice name);
/* Whether mail could be sent back to the domain. A reply with code 0 when it could. */
struct smtp_reply smtp_check_sender_domain(struct smtp_session *s, struct slice domain);
/* The judgement of a message will ask for the name of the client's address: begins that. */
void smtp_expect_reverse_name(const struct smtp_session *s);

/* ---- cmd_auth.c ---- */

enum smtp_next smtp_auth_continue(struct smtp_session *s, struct slice line);

/* ---- content.c: the octets of a message, whichever command brings them (DATA, BDAT) ----
 *
 *   start, take or take_lines as often as octets come (bounds after each), end
 *
 * What fails on the way is said at the end, so that the end is always found. */

#define SMTP_BAD_LINES                                                                             \
    SMTP_REPLY(500, "5.5.2", "bare CR or LF, or NUL, in the message: could be smuggling")

/* Begins the content of the transaction, with a spool that has room for its declared size. False:
 * *reply_out is to be said in place of going on. */
bool smtp_content_start(struct smtp_session *s, struct smtp_reply *reply_out);
void smtp_content_free(struct smtp_content *c);
/* The next octets, cut anywhere; dots are undone, line ends are right. */
void smtp_content_take(struct smtp_session *s, struct slice octets);
/* The same for octets whose line ends are not checked yet: a bare CR or LF, or a NUL, refuses the
 * message. */
void smtp_content_take_lines(struct smtp_session *s, struct slice octets);
/* The message is refused with this, whatever follows. The first time counts. The text is a
 * literal. */
void smtp_content_refuse(struct smtp_session *s, struct smtp_reply reply);
/* What has failed so far; NULL: nothing. */
const struct smtp_reply *smtp_content_failure(const struct smtp_session *s);
/* Past twice the largest size, or too late, the end is not waited for: the reply was given, and
 * content and transaction are gone. Otherwise SMTP_HOLD. */
enum smtp_next smtp_content_bounds(struct smtp_session *s);
/* All has come: decides, answers, and is back in the mode of commands without a transaction. */
enum smtp_next smtp_content_end(struct smtp_session *s);

/* ---- cmd_bdat.c ---- */

/* Input in mode CHUNK, as smtp_data_input. */
enum smtp_next smtp_chunk_input(struct smtp_session *s, struct slice in, size_t *used_out);

/* ---- cmd_xclient.c ---- */

/* The peer is believed about who the client is. */
bool smtp_xclient_allowed(const struct smtp_session *s);
const struct addr *smtp_client_addr(const struct smtp_client *c); /* NULL: not told */
struct slice smtp_client_name(const struct smtp_client *c);       /* of HELO; empty: not told */
void smtp_client_free(struct smtp_client *c);

/* ---- wishes.c ---- */

/* What the transaction asked for, as the store keeps it; borrows from it. */
void smtp_wishes(const struct smtp_transaction *tx, Gw__Wishes *out);

/* ---- data.c ---- */

/* Input in mode DATA. SMTP_HOLD: wants more; else the message has ended and was answered. */
enum smtp_next smtp_data_input(struct smtp_session *s, struct slice in, size_t *used_out);

/* ---- judging and delivering a complete message ---- */

struct smtp_message {
    struct arena *arena; /* of the message: large */
    struct spool *spool;
    const struct mail_message *parsed;
    int64_t received_ns;
    bool smtputf8; /* RFC 6531: the next server must offer it */
    bool tls_optional;
    /* On submission: header fields that are added (`parsed` knows them), and what the sender wants
     * to get back. */
    struct slice fields;
    Gw__Extras *extras; /* NULL: nothing */
    /* What was found out about where it comes from. */
    struct slice reverse; /* the client's name by reverse DNS; empty: not known */
    struct slice results; /* header fields: Authentication-Results, on port 25 with Received-SPF */
};

/* ---- prefix.c ---- */

/* A name as fields show it: with U-labels, where there are any, in a message that needs SMTPUTF8.
 */
struct auth_name smtp_name(struct arena *a, struct slice ascii, bool smtputf8);
/* The header fields that this recipient's copy begins with. Empty when out of memory. */
struct slice smtp_prefix(struct smtp_session *s, struct smtp_message *m,
                         const struct smtp_path *recipient);

/* ---- submit.c, deliver.c ---- */

/* Checks of a submitted message, and what it lacks is added to `fields`. A reply with code 0 when
 * all is well. */
struct smtp_reply smtp_submit_check(struct smtp_session *s, struct smtp_message *m);
/* Whether the account that logged in may send as this address. Code 0: it may. */
struct smtp_reply smtp_sender_check(struct smtp_session *s, struct slice address);
/* Stores it for the recipients of the transaction; the reply for all of them. */
struct smtp_reply smtp_deliver(struct smtp_session *s, struct smtp_message *m);
