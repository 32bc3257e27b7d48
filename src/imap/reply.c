/* Tagged replies, and the one mapping from failures to response codes. */
#include <stdio.h>

#include "imap/commands.h"
#include "imap/session.h"

void imap_reply(struct imap_cmd *cmd, enum imap_status status, const char *text)
{
    cmd->status = status;
    cmd->text = text;
}

void imap_reply_code(struct imap_cmd *cmd, const char *format, ...)
{
    char buf[160];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(buf, sizeof(buf), format, args);

    va_end(args);
    if (n > 0 && (size_t)n < sizeof(buf))
        cmd->code = arena_copy(cmd->a, slice_of(buf, (size_t)n));
}

bool imap_args_end(struct imap_cmd *cmd)
{
    struct err err;

    cur_end(&cmd->args, "the end of the command");
    if (cur_ok(&cmd->args) && !arena_failed(cmd->a))
        return true;
    (void)cur_fail(&cmd->args, &err);
    const char *text = arena_str(cmd->a, slice_str(err.text));

    imap_reply(cmd, IMAP_BAD, text ? text : "syntax error");
    return false;
}

static const char *code_of(const struct imap_cmd *cmd, enum err_kind kind)
{
    switch (kind) {
    case ERR_NOT_FOUND:
        return cmd->entry->flags & IMAP_TRYCREATE ? "TRYCREATE" : "NONEXISTENT";
    case ERR_EXISTS:
        return "ALREADYEXISTS";
    case ERR_QUOTA:
        return "OVERQUOTA";
    case ERR_INVALID:
        return "CANNOT";
    case ERR_DENIED:
        return "NOPERM";
    case ERR_LIMIT:
        return "LIMIT";
    case ERR_DAMAGED:
        return "CORRUPTION";
    case ERR_FULL:
    case ERR_IO:
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
    case ERR_NOMEM:
        return "UNAVAILABLE";
    default:
        return "SERVERBUG";
    }
}

void imap_reply_err(struct imap_cmd *cmd, const struct err *err)
{
    char *text = arena_str(cmd->a, slice_str(err->text));

    /* The text may repeat what the peer sent: a line end would start another response. */
    for (char *p = text; p && *p; p++)
        if (*p == '\r' || *p == '\n')
            *p = ' ';
    imap_reply(cmd, IMAP_NO, text && *text ? text : "failed");
    cmd->code = slice_str(code_of(cmd, err->kind));
    if (err->kind == ERR_INTERNAL || err->kind == ERR_DAMAGED)
        log_err(conn_env(cmd->c)->log, LOG_WARN, "imap", conn_id(cmd->c), "command failed", err);
}
