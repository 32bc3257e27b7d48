/* EXPUNGE, UID EXPUNGE (RFC 9051 6.4.3, 6.4.9), CLOSE (6.4.1). The EXPUNGE responses come from the
 * change log, in order with what others did. */
#include "imap/commands.h"
#include "imap/store_call.h"

/* Removes what has \Deleted among `uids`; *modseq_out: of the mailbox. */
static int expunge(struct imap_session *s, struct ranges *uids, uint64_t *modseq_out,
                   struct err *err)
{
    uint32_t buf[2 * IMAP_RANGES_PER_CALL];

    do {
        Gw__Request request = GW__REQUEST__INIT;
        Gw__Expunge expunge = GW__EXPUNGE__INIT;
        const Gw__Response *response;
        struct imap_pairs pairs = imap_pairs(uids, UINT64_MAX, buf);

        expunge.mailbox = s->view.mailbox;
        expunge.ranges = pairs.v;
        expunge.n_ranges = pairs.n;
        request.call_case = GW__REQUEST__CALL_EXPUNGE;
        request.expunge = &expunge;
        int rc = imap_call(s, &request, GW__RESPONSE__RESULT_EXPUNGED, &response, err);

        if (rc < 0)
            return rc;
        *modseq_out = response->expunged->modseq;
        rc = imap_pairs_answered(uids, &pairs, response->expunged->next_uid, err);
        if (rc < 0)
            return rc;
    } while (uids->n);
    return 0;
}

void imap_cmd_expunge(struct imap_cmd *cmd)
{
    struct imap_session *s = cmd->s;
    struct imap_set set = {0};
    struct ranges uids = RANGES_EMPTY;
    uint64_t modseq = 0;
    struct err err = {0};
    bool ok;

    if (cmd->entry->flags & IMAP_UID) {
        imap_args_space(cmd);
        imap_parse_set(&cmd->args, cmd->a, &set);
    }
    if (!imap_args_end(cmd))
        return;
    if (!(cmd->entry->flags & IMAP_UID) || set.saved)
        ok = ranges_copy(&uids, set.saved ? &s->saved : &s->view.uids);
    else
        ok = imap_view_uids(&s->view, &set, &uids);
    if (!ok)
        (void)err_set(&err, ERR_NOMEM, "out of memory");
    else
        (void)expunge(s, &uids, &modseq, &err);
    ranges_done(&uids);
    if (err.kind)
        imap_reply_err(cmd, &err);
    else if (s->condstore)
        imap_reply_code(cmd, "HIGHESTMODSEQ %llu", (unsigned long long)modseq);
}

void imap_cmd_close(struct imap_cmd *cmd)
{
    struct imap_session *s = cmd->s;
    struct ranges uids = RANGES_EMPTY;
    uint64_t modseq;
    struct err err = {0};

    if (!imap_args_end(cmd))
        return;
    if (!s->view.read_only && !s->view.gone) {
        if (!ranges_copy(&uids, &s->view.uids))
            (void)err_set(&err, ERR_NOMEM, "out of memory");
        else
            (void)expunge(s, &uids, &modseq, &err);
    }
    ranges_done(&uids);
    /* A mailbox that somebody deleted meanwhile is closed all the same. */
    if (err.kind && err.kind != ERR_NOT_FOUND)
        imap_reply_err(cmd, &err);
    else
        imap_deselect(s);
}
