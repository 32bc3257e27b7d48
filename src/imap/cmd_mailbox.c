/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4-6.3.8, RFC 6154 3). */
#include "imap/commands.h"
#include "imap/store_call.h"

/* News of others first; what this command changes itself is then not told again. */
static void begin_change(struct imap_cmd *cmd)
{
    (void)imap_changes_step(cmd->s, false);
    imap_changes_restart(cmd->s);
    cmd->quiet_lists = true;
}

static struct slice parse_name(struct imap_cmd *cmd)
{
    imap_args_space(cmd);
    return imap_parse_mailbox(&cmd->args, cmd->a, imap_utf8(cmd->s));
}

/* A call that is answered with Done. */
static void change(struct imap_cmd *cmd, Gw__Request *request)
{
    const Gw__Response *response;
    struct err err;

    begin_change(cmd);
    if (imap_call(cmd->s, request, GW__RESPONSE__RESULT_DONE, &response, &err) < 0)
        imap_reply_err(cmd, &err);
}

/* " (USE (\Archive))"; *known_out is false for an attribute that a mailbox cannot be given. */
static uint32_t parse_use(struct imap_cmd *cmd, bool *known_out)
{
    uint32_t use = 0;

    cur_text_nocase(&cmd->args, SLICE(" (USE ("), "(USE (");
    while (cur_ok(&cmd->args) && cur_peek(&cmd->args) != ')') {
        size_t at = cmd->args.at;

        cur_byte(&cmd->args, '\\', "a special use");
        (void)imap_parse_atom(&cmd->args);
        uint32_t bit = imap_special_use_of(slice_sub(cmd->args.in, at, cmd->args.at - at));

        *known_out = *known_out && bit;
        use |= bit;
        if (cur_peek(&cmd->args) != ')')
            imap_args_space(cmd);
    }
    cur_text_nocase(&cmd->args, SLICE("))"), "the end of the uses");
    return use;
}

void imap_cmd_create(struct imap_cmd *cmd)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__MailboxCreate create = GW__MAILBOX_CREATE__INIT;
    const Gw__Response *response;
    struct err err;
    bool use_known = true;
    struct slice asked = parse_name(cmd), name = asked;

    if (cur_peek(&cmd->args) == ' ')
        create.special_use = parse_use(cmd, &use_known);
    if (!imap_args_end(cmd))
        return;
    if (!use_known) {
        imap_reply(cmd, IMAP_NO, "no such special use");
        cmd->code = SLICE("USEATTR");
        return;
    }
    /* RFC 9051 6.3.4: a separator at the end only says that more names will follow. */
    if (name.n > 1 && name.p[name.n - 1] == '/')
        name.n--;
    create.name = rpc_bytes(name);
    request.call_case = GW__REQUEST__CALL_MAILBOX_CREATE;
    request.mailbox_create = &create;
    begin_change(cmd);
    if (imap_call(cmd->s, &request, GW__RESPONSE__RESULT_MAILBOXES, &response, &err) < 0) {
        imap_reply_err(cmd, &err);
        return;
    }
    for (size_t i = 0; i < response->mailboxes->n_rows; i++) {
        bool leaf = i + 1 == response->mailboxes->n_rows;

        imap_tell_list(cmd->s, response->mailboxes->rows[i],
                       leaf && name.n != asked.n ? asked : SLICE(""));
    }
}

void imap_cmd_delete(struct imap_cmd *cmd)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__MailboxDelete delete = GW__MAILBOX_DELETE__INIT;

    delete.name = rpc_bytes(parse_name(cmd));
    if (!imap_args_end(cmd))
        return;
    request.call_case = GW__REQUEST__CALL_MAILBOX_DELETE;
    request.mailbox_delete = &delete;
    change(cmd, &request);
    /* Two reasons are possible; only children make a mailbox impossible to delete by its state. */
    if (slice_eq(cmd->code, SLICE("ALREADYEXISTS")))
        cmd->code = SLICE("HASCHILDREN");
}

void imap_cmd_rename(struct imap_cmd *cmd)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__MailboxRename rename = GW__MAILBOX_RENAME__INIT;

    rename.from = rpc_bytes(parse_name(cmd));
    rename.to = rpc_bytes(parse_name(cmd));
    if (!imap_args_end(cmd))
        return;
    request.call_case = GW__REQUEST__CALL_MAILBOX_RENAME;
    request.mailbox_rename = &rename;
    change(cmd, &request);
}

static void set_subscribed(struct imap_cmd *cmd, bool on)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__Subscribe subscribe = GW__SUBSCRIBE__INIT;

    subscribe.name = rpc_bytes(parse_name(cmd));
    subscribe.on = on;
    if (!imap_args_end(cmd))
        return;
    request.call_case = GW__REQUEST__CALL_SUBSCRIBE;
    request.subscribe = &subscribe;
    change(cmd, &request);
}

void imap_cmd_subscribe(struct imap_cmd *cmd)
{
    set_subscribed(cmd, /* on= */ true);
}

void imap_cmd_unsubscribe(struct imap_cmd *cmd)
{
    set_subscribed(cmd, /* on= */ false);
}
