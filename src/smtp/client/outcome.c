#include "smtp/client/client_private.h"

struct smtpc_outcome smtpc_of_reply(struct arena *a, const struct smtpc_reply *reply,
                                    const char *command)
{
    struct smtpc_outcome o = {
        .state = reply->code >= 500 ? SMTPC_PERMANENT : SMTPC_TEMPORARY,
        .reason = SMTPC_BY_REPLY,
        .code = reply->code,
        .command = command,
        .text = arena_copy(a, reply->text),
    };

    memcpy(o.ecode, reply->ecode, sizeof(o.ecode));
    return o;
}

struct smtpc_outcome smtpc_of_err(struct arena *a, const struct err *err, enum smtpc_state state,
                                  enum smtpc_reason reason, const char *command)
{
    return (struct smtpc_outcome){
        .state = state,
        .reason = reason,
        .command = command,
        .text = arena_copy(a, slice_str(err->text)),
    };
}

int smtpc_refused(struct smtpc *c, const struct smtpc_reply *reply, const char *command,
                  struct err *err)
{
    struct slice first = slice_sub(reply->text, 0, slice_find_byte(reply->text, '\n'));
    enum err_kind kind = reply->code >= 500 ? ERR_INVALID : ERR_UNAVAILABLE;

    arena_reset(&c->arena);
    c->failure = smtpc_of_reply(&c->arena, reply, command);
    return err_set(err, kind, "the server answered %s with %u %.*s", command, reply->code,
                   SLICE_FMT(first));
}

int smtpc_give_up(struct smtpc *c, enum smtpc_state state, enum smtpc_reason reason,
                  const char *command, struct err *err)
{
    arena_reset(&c->arena);
    c->failure = smtpc_of_err(&c->arena, err, state, reason, command);
    return ERR_NEGATIVE(-(int)err->kind);
}
