/* ENABLE (RFC 5161), and what enables CONDSTORE by the way (RFC 7162 3.1). */
#include "base/cleanup.h"
#include "imap/commands.h"
#include "imap/store_call.h"

void imap_enable_condstore(struct imap_session *s)
{
    const Gw__MailboxOpened *opened;
    struct err err;

    if (s->condstore)
        return;
    s->condstore = true;
    if (s->state != IMAP_SELECTED ||
        imap_mailbox_open(s, SLICE(""), s->view.mailbox, &opened, &err) < 0)
        return;
    /* Never above what the client was told of. */
    conn_printf(s->c, "* OK [HIGHESTMODSEQ %llu] CONDSTORE is on\r\n",
                (unsigned long long)(opened->mailbox->modseq < s->changes.modseq
                                         ? opened->mailbox->modseq
                                         : s->changes.modseq));
}

enum {
    REV2 = 1u << 0,
    UTF8_ACCEPT = 1u << 1,
    CONDSTORE = 1u << 2,
};

static unsigned known(struct slice name)
{
    if (slice_eq_nocase(name, SLICE("IMAP4REV2")))
        return REV2;
    if (slice_eq_nocase(name, SLICE("UTF8=ACCEPT")))
        return UTF8_ACCEPT;
    return slice_eq_nocase(name, SLICE("CONDSTORE")) ? CONDSTORE : 0;
}

void imap_cmd_enable(struct imap_cmd *cmd)
{
    _cleanup_(build_done) struct builder line = {0};
    unsigned asked = 0;

    build_init(&line, IMAP_LINE_MAX);
    build_text(&line, "* ENABLED");
    do {
        imap_args_space(cmd);
        struct slice name = imap_parse_atom(&cmd->args);
        unsigned one = known(name);

        /* RFC 5161 3.1: what is not known is not an error. */
        if (one == 0 || (asked & one))
            continue;
        asked |= one;
        build_byte(&line, ' ');
        build_bytes(&line, name);
    } while (cur_peek(&cmd->args) == ' ');
    if (!imap_args_end(cmd))
        return;
    build_text(&line, "\r\n");
    conn_write(cmd->c, build_slice(&line));
    cmd->s->rev2 = cmd->s->rev2 || (asked & REV2);
    cmd->s->utf8 = cmd->s->utf8 || (asked & UTF8_ACCEPT);
    if (asked & CONDSTORE)
        imap_enable_condstore(cmd->s);
}
