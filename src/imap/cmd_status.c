/* STATUS (RFC 9051 6.3.11, RFC 8438, RFC 7889, RFC 7162 3.1.7). */
#include "base/cleanup.h"
#include "base/num.h"
#include "imap/commands.h"
#include "imap/status.h"
#include "imap/write.h"

enum item {
    MESSAGES,
    RECENT,
    UIDNEXT,
    UIDVALIDITY,
    UNSEEN,
    DELETED,
    SIZE,
    APPENDLIMIT,
    HIGHESTMODSEQ,
};

static const char *const names[] = {
    [MESSAGES] = "MESSAGES",
    [RECENT] = "RECENT",
    [UIDNEXT] = "UIDNEXT",
    [UIDVALIDITY] = "UIDVALIDITY",
    [UNSEEN] = "UNSEEN",
    [DELETED] = "DELETED",
    [SIZE] = "SIZE",
    [APPENDLIMIT] = "APPENDLIMIT",
    [HIGHESTMODSEQ] = "HIGHESTMODSEQ",
};

unsigned imap_parse_status_items(struct cursor *c)
{
    unsigned items = 0;

    cur_byte(c, '(', "a list of status items");
    do {
        struct slice word = imap_parse_atom(c);
        unsigned i = 0;

        while (i < ARRAY_SIZE(names) && !slice_eq_nocase(word, slice_str(names[i])))
            i++;
        if (i == ARRAY_SIZE(names))
            cur_reject(c, "a status item");
        items |= 1u << i;
    } while (cur_eat(c, ' '));
    cur_byte(c, ')', "the end of the status items");
    return items;
}

void imap_status_asked(struct imap_session *s, unsigned items)
{
    if (items & 1u << HIGHESTMODSEQ)
        imap_enable_condstore(s);
}

static uint64_t value_of(const struct imap_session *s, const Gw__Mailbox *m, unsigned item)
{
    switch (item) {
    case MESSAGES:
        return m->messages;
    case UIDNEXT:
        return m->uidnext;
    case UIDVALIDITY:
        return m->uidvalidity;
    case UNSEEN:
        return m->unseen;
    case DELETED:
        return m->deleted;
    case SIZE:
        return m->size;
    case APPENDLIMIT:
        return s->listener->settings->message_size_max;
    case HIGHESTMODSEQ:
        return m->modseq;
    default:
        /* RFC 9051 Appendix E: \Recent is gone. */
        return 0;
    }
}

void imap_tell_status(struct imap_session *s, const Gw__Mailbox *mailbox, unsigned items)
{
    _cleanup_(build_done) struct builder line = {0};
    const char *space = "";

    build_init(&line, IMAP_LINE_OUT_MAX);
    build_text(&line, "* STATUS ");
    imap_write_mailbox(&line, rpc_slice(mailbox->name), imap_utf8(s));
    build_text(&line, " (");
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (!(items & 1u << i))
            continue;
        build_printf(&line, "%s%s ", space, names[i]);
        build_number(&line, value_of(s, mailbox, i));
        space = " ";
    }
    build_text(&line, ")\r\n");
    conn_write(s->c, build_slice(&line));
}

void imap_cmd_status(struct imap_cmd *cmd)
{
    const Gw__MailboxOpened *opened;
    struct err err;

    imap_args_space(cmd);
    struct slice name = imap_parse_mailbox(&cmd->args, cmd->a, imap_utf8(cmd->s));

    imap_args_space(cmd);
    unsigned items = imap_parse_status_items(&cmd->args);

    if (!imap_args_end(cmd))
        return;
    imap_status_asked(cmd->s, items);
    if (imap_mailbox_open(cmd->s, name, 0, &opened, &err) < 0)
        imap_reply_err(cmd, &err);
    else
        imap_tell_status(cmd->s, opened->mailbox, items);
}
