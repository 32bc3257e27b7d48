/* ID (RFC 2971). */
#include "imap/commands.h"
#include "imap/session.h"

struct id_field {
    struct id_field *next;
    struct slice key;
};

static void parse_field(struct imap_cmd *cmd, struct id_field **keys)
{
    struct slice key = imap_parse_string(&cmd->args, cmd->a);
    struct id_field *field = ARENA_NEW(cmd->a, struct id_field);

    for (const struct id_field *f = *keys; f; f = f->next)
        if (slice_eq_nocase(f->key, key))
            cur_reject(&cmd->args, "each field once");
    imap_args_space(cmd);
    if (!cur_eat_nocase(&cmd->args, SLICE("NIL")))
        (void)imap_parse_string(&cmd->args, cmd->a);
    if (!field)
        return;
    field->key = key;
    field->next = *keys;
    *keys = field;
}

void imap_cmd_id(struct imap_cmd *cmd)
{
    struct id_field *keys = NULL;

    imap_args_space(cmd);
    if (!cur_eat_nocase(&cmd->args, SLICE("NIL"))) {
        cur_byte(&cmd->args, '(', "NIL or a list");
        if (!cur_eat(&cmd->args, ')')) {
            do {
                parse_field(cmd, &keys);
            } while (cur_eat(&cmd->args, ' '));
            cur_byte(&cmd->args, ')', "the end of the list");
        }
    }
    if (!imap_args_end(cmd))
        return;
    /* The version is nobody's business before login. */
    if (cmd->s->state == IMAP_LOGGED_OUT)
        conn_write(cmd->c, SLICE("* ID (\"name\" \"godwit\")\r\n"));
    else
        conn_write(cmd->c,
                   SLICE("* ID (\"name\" \"godwit\" \"version\" \"" GODWIT_VERSION "\")\r\n"));
}
