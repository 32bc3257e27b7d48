/* The table of commands: one row each, with the rules that hold before its arguments are looked at.
 * A command's work is in cmd_NAME.c. */
#pragma once

#include "base/slice.h"
#include "imap/session.h"

enum {
    /* RFC 9051 7.5.1: no EXPUNGE may come while the client thinks in sequence numbers. */
    IMAP_HOLDS_CHANGES = 1u << 0,
    IMAP_WRITES = 1u << 1,    /* refused when the mailbox was opened read-only */
    IMAP_LIVE = 1u << 2,      /* the selected mailbox must still exist */
    IMAP_UID = 1u << 3,       /* the form with UIDs */
    IMAP_TRYCREATE = 1u << 4, /* a missing mailbox is a destination that could be created */
};

struct imap_command {
    struct slice name;
    void (*run)(struct imap_cmd *cmd);
    uint8_t states;
    uint8_t flags;
};

/* NULL when there is none of that name (any case; "UID FETCH" is one name). */
const struct imap_command *imap_command_find(struct slice name);

void imap_cmd_append(struct imap_cmd *cmd);
void imap_cmd_authenticate(struct imap_cmd *cmd);
void imap_cmd_capability(struct imap_cmd *cmd);
void imap_cmd_check(struct imap_cmd *cmd);
void imap_cmd_close(struct imap_cmd *cmd);
void imap_cmd_copy(struct imap_cmd *cmd);
void imap_cmd_create(struct imap_cmd *cmd);
void imap_cmd_delete(struct imap_cmd *cmd);
void imap_cmd_enable(struct imap_cmd *cmd);
void imap_cmd_examine(struct imap_cmd *cmd);
void imap_cmd_expunge(struct imap_cmd *cmd);
void imap_cmd_fetch(struct imap_cmd *cmd);
void imap_cmd_id(struct imap_cmd *cmd);
void imap_cmd_idle(struct imap_cmd *cmd);
void imap_cmd_list(struct imap_cmd *cmd);
void imap_cmd_login(struct imap_cmd *cmd);
void imap_cmd_logout(struct imap_cmd *cmd);
void imap_cmd_lsub(struct imap_cmd *cmd);
void imap_cmd_move(struct imap_cmd *cmd);
void imap_cmd_namespace(struct imap_cmd *cmd);
void imap_cmd_noop(struct imap_cmd *cmd);
void imap_cmd_rename(struct imap_cmd *cmd);
void imap_cmd_search(struct imap_cmd *cmd);
void imap_cmd_select(struct imap_cmd *cmd);
void imap_cmd_starttls(struct imap_cmd *cmd);
void imap_cmd_status(struct imap_cmd *cmd);
void imap_cmd_store(struct imap_cmd *cmd);
void imap_cmd_subscribe(struct imap_cmd *cmd);
void imap_cmd_unselect(struct imap_cmd *cmd);
void imap_cmd_unsubscribe(struct imap_cmd *cmd);

/* The answer to AUTHENTICATE's challenge (cmd_authenticate.c). */
void imap_authenticate_response(struct imap_cmd *cmd, struct slice line);
/* Makes the session one of the account; from now on its changes count as news (login.c). */
int imap_login_begin(struct imap_session *s, const struct login_answer *answer,
                     struct err *err) WARN_UNUSED;
/* What comes of a step of logging in: the challenge, or the reply and the state (login.c). */
void imap_login_outcome(struct imap_cmd *cmd, enum login_outcome outcome,
                        const struct login_answer *answer);
/* "CAPABILITY IMAP4rev2 IMAP4rev1 …" as it is now (cmd_capability.c). */
void imap_write_capability(struct builder *out, const struct imap_session *s);
