/* COPY, MOVE and their UID forms (RFC 9051 6.4.7, 6.4.8, 6.4.9). The EXPUNGE responses of MOVE come
 * from the change log. */
#include "base/cleanup.h"
#include "imap/commands.h"
#include "imap/message_set.h"
#include "imap/store_call.h"
#include "imap/write.h"

/* What is written as COPYUID: UIDs ascending on both sides. */
struct copied {
    uint32_t uidvalidity;
    struct ranges from, to;
    bool gone; /* somebody removed one of the messages: what was left is not copied */
};

static int copy(struct imap_session *s, struct ranges *uids, struct slice to, bool move,
                struct copied *out, struct err *err)
{
    uint32_t buf[2 * IMAP_RANGES_PER_CALL];

    while (uids->n && !out->gone) {
        Gw__Request request = GW__REQUEST__INIT;
        Gw__Copy copy = GW__COPY__INIT;
        const Gw__Response *response;
        struct imap_pairs pairs = imap_pairs(uids, UINT64_MAX, buf);

        copy.mailbox = s->view.mailbox;
        copy.ranges = pairs.v;
        copy.n_ranges = pairs.n;
        copy.to = rpc_bytes(to);
        copy.move = move;
        copy.whole = true;
        request.call_case = GW__REQUEST__CALL_COPY;
        request.copy = &copy;
        int rc = imap_call(s, &request, GW__RESPONSE__RESULT_COPIED, &response, err);

        if (rc < 0)
            return rc;
        const Gw__Copied *copied = response->copied;

        out->uidvalidity = copied->uidvalidity;
        out->gone = copied->gone;
        if (!imap_pairs_add(&out->from, copied->from, copied->n_from) ||
            !imap_pairs_add(&out->to, copied->to, copied->n_to))
            return err_set(err, ERR_NOMEM, "out of memory");
        rc = imap_pairs_answered(uids, &pairs, copied->next_uid, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void reply_copied(struct imap_cmd *cmd, const struct copied *copied, bool move)
{
    _cleanup_(build_done) struct builder code = {0};

    if (copied->from.n == 0)
        return;
    build_init(&code, IMAP_LINE_OUT_MAX);
    build_printf(&code, "COPYUID %u ", copied->uidvalidity);
    imap_write_set(&code, &copied->from);
    build_byte(&code, ' ');
    imap_write_set(&code, &copied->to);
    if (!move && cmd->status == IMAP_OK) {
        cmd->code = arena_copy(cmd->a, build_slice(&code));
        return;
    }
    /* RFC 6851 4.3: before the EXPUNGE responses. What was copied before a failure is told so too.
     */
    conn_write(cmd->c, SLICE("* OK ["));
    conn_write(cmd->c, build_slice(&code));
    conn_write(cmd->c, move ? SLICE("] moved\r\n") : SLICE("] copied\r\n"));
}

static void run_copy(struct imap_cmd *cmd, bool move)
{
    struct imap_session *s = cmd->s;
    struct imap_set set;
    struct ranges uids = RANGES_EMPTY;
    struct copied copied = {0};
    struct err err = {0};

    imap_args_space(cmd);
    imap_parse_set(&cmd->args, cmd->a, &set);
    imap_args_space(cmd);
    struct slice to = imap_parse_mailbox(&cmd->args, cmd->a, imap_utf8(s));

    if (!imap_args_end(cmd) || !imap_message_set(cmd, &set, &uids))
        return;
    int rc = copy(s, &uids, to, move, &copied, &err);

    if (rc == 0 && copied.gone) {
        imap_reply(cmd, IMAP_NO, "some of the messages no longer exist");
        cmd->code = SLICE("EXPUNGEISSUED");
    } else if (rc < 0) {
        imap_reply_err(cmd, &err);
    }
    reply_copied(cmd, &copied, move);
    ranges_done(&uids);
    ranges_done(&copied.from);
    ranges_done(&copied.to);
}

void imap_cmd_copy(struct imap_cmd *cmd)
{
    run_copy(cmd, /* move= */ false);
}

void imap_cmd_move(struct imap_cmd *cmd)
{
    run_copy(cmd, /* move= */ true);
}
