/* A session and the command that runs in it; included only inside src/imap.
 *
 * Lifetimes: the session lives as long as the connection; a command and all that it parsed live in
 * the session's arena, which is given back when the tagged reply is written. A session between
 * commands, in IDLE too, is this record and the ranges of its view. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/log.h"
#include "base/ranges.h"
#include "edge/edge.h"
#include "edge/login.h"
#include "imap/changes.h"
#include "imap/framer.h"
#include "imap/view.h"
#include "net/conn.h"

#define IMAP_COMMAND_ARENA_MAX (8u * 1024 * 1024)
#define IMAP_LINE_OUT_MAX (1024u * 1024) /* one untagged response without message data */
#define IMAP_TIMEOUT_LOGIN_S 30
/* Of a command with its literals, before login: credentials are small, and strangers are many. */
#define IMAP_LOGIN_MAX (32u * 1024)
#define IMAP_TIMEOUT_S (30 * 60)

enum imap_state {
    IMAP_LOGGED_OUT = 1u << 0,
    IMAP_LOGGED_IN = 1u << 1,
    IMAP_SELECTED = 1u << 2,
};

/* What the next octets are. */
enum imap_input {
    IMAP_INPUT_COMMAND,
    IMAP_INPUT_MESSAGE, /* of APPEND: s->append */
    IMAP_INPUT_SASL,    /* the client's answer to AUTHENTICATE; s->wait_tag */
    IMAP_INPUT_IDLE,    /* DONE; s->wait_tag */
};

struct imap_cmd;
struct imap_append;

struct imap_session {
    struct conn *c;
    const struct edge_listener *listener;
    enum imap_state state;
    enum imap_input input;
    bool spoke;     /* one valid command name was seen: the peer speaks IMAP */
    bool condstore; /* RFC 7162 */
    bool rev2;      /* IMAP4rev2 was enabled */
    bool utf8;      /* UTF8=ACCEPT was enabled (RFC 6855) */
    bool watching;  /* edge_watch */
    bool closing;   /* close after the reply */
    bool broken;    /* close at once: a literal cannot be finished */
    bool start_tls; /* after the reply */
    struct imap_framer framer;
    struct arena arena;
    struct imap_cmd *cmd; /* NULL between commands */
    struct imap_append *append;
    char *wait_tag;
    struct login login;
    uint64_t session; /* the store's handle; 0 before login */
    uint64_t account;
    struct imap_view view;
    struct ranges saved; /* RFC 5182: UIDs */
    struct imap_changes changes;
};

enum imap_status { IMAP_OK, IMAP_NO, IMAP_BAD };

struct imap_cmd {
    struct imap_session *s;
    struct conn *c;
    struct arena *a; /* of the session: lives until the tagged reply */
    const struct imap_command *entry;
    int64_t since_ns;
    struct slice tag;
    struct cursor args; /* after the command's name, at the space if there is one */
    enum imap_status status;
    struct slice code; /* of the reply, without brackets; may be empty */
    const char *text;
    bool hold_changes; /* nothing untagged before the reply */
    bool quiet_lists;  /* changes of the list of mailboxes were this command's: not told */
    bool parked;       /* no reply now: the session waits for more from the client */
    /* A long answer: called when the output is empty. false: done, the reply follows. */
    bool (*produce)(struct imap_cmd *cmd);
    void *work;
    /* Releases what `work` holds outside the arena; also when the connection goes away. */
    void (*release)(struct imap_cmd *cmd);
};

/* ---- the reply of a command ---- */

/* What the tagged reply will say; the default is OK. `text` is a constant or lives in cmd->a. */
void imap_reply(struct imap_cmd *cmd, enum imap_status status, const char *text);
void imap_reply_code(struct imap_cmd *cmd, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A failure of the store, in the words of RFC 9051 7.1 and RFC 5530. */
void imap_reply_err(struct imap_cmd *cmd, const struct err *err);
/* The end of the arguments. false: BAD was set, for a cursor that failed or for something left. */
bool imap_args_end(struct imap_cmd *cmd);
/* Takes a space before the next argument. */
static inline void imap_args_space(struct imap_cmd *cmd)
{
    cur_byte(&cmd->args, ' ', "a space");
}

/* ---- session.c ---- */

/* A new command in s->cmd, to be given its row. NULL: out of memory. */
struct imap_cmd *imap_cmd_new(struct imap_session *s, struct slice tag);
/* Parks the command: its tag is kept until the client's next line. false: out of memory, the reply
 * was set. */
bool imap_wait(struct imap_cmd *cmd, enum imap_input input);
void imap_deselect(struct imap_session *s);
/* RFC 7162 3.1: from now on MODSEQ is told. */
void imap_enable_condstore(struct imap_session *s);
/* Whether names and strings are UTF-8 on the wire. */
static inline bool imap_utf8(const struct imap_session *s)
{
    return s->rev2 || s->utf8;
}

/* ---- messages of APPEND (cmd_append.c) ---- */

enum imap_append_start {
    IMAP_APPEND_NOT,   /* no APPEND whose message this literal is */
    IMAP_APPEND_TAKEN, /* octets of the message follow */
    IMAP_APPEND_DONE,  /* refused, the reply is set in s->cmd */
};
enum imap_append_start imap_append_begin(struct imap_session *s, const struct imap_literal *lit);
/* Takes octets of the message; false while more are needed. When true, the line's rest follows. */
bool imap_append_feed(struct imap_session *s, struct slice in, size_t *used_out);
/* The rest of the line after the message: ends the command in s->cmd. */
void imap_append_end(struct imap_session *s, struct slice rest);
void imap_append_free(struct imap_append *append);
