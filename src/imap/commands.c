#include "imap/commands.h"

#include "base/num.h"

enum {
    OUT = IMAP_LOGGED_OUT,
    SEL = IMAP_SELECTED,
    IN = IMAP_LOGGED_IN | IMAP_SELECTED,
    ANY = OUT | IN,
};

static const struct imap_command table[] = {
    {SLICE_INIT("APPEND"), imap_cmd_append, IN, IMAP_TRYCREATE},
    {SLICE_INIT("AUTHENTICATE"), imap_cmd_authenticate, OUT, 0},
    {SLICE_INIT("CAPABILITY"), imap_cmd_capability, ANY, 0},
    {SLICE_INIT("CHECK"), imap_cmd_check, SEL, IMAP_LIVE},
    {SLICE_INIT("CLOSE"), imap_cmd_close, SEL, 0},
    {SLICE_INIT("COPY"), imap_cmd_copy, SEL, IMAP_LIVE | IMAP_TRYCREATE},
    {SLICE_INIT("CREATE"), imap_cmd_create, IN, 0},
    {SLICE_INIT("DELETE"), imap_cmd_delete, IN, 0},
    {SLICE_INIT("ENABLE"), imap_cmd_enable, IN, 0},
    {SLICE_INIT("EXAMINE"), imap_cmd_examine, IN, 0},
    {SLICE_INIT("EXPUNGE"), imap_cmd_expunge, SEL, IMAP_LIVE | IMAP_WRITES},
    {SLICE_INIT("FETCH"), imap_cmd_fetch, SEL, IMAP_LIVE | IMAP_HOLDS_CHANGES},
    {SLICE_INIT("ID"), imap_cmd_id, ANY, 0},
    {SLICE_INIT("IDLE"), imap_cmd_idle, IN, 0},
    {SLICE_INIT("LIST"), imap_cmd_list, IN, 0},
    {SLICE_INIT("LOGIN"), imap_cmd_login, OUT, 0},
    {SLICE_INIT("LOGOUT"), imap_cmd_logout, ANY, IMAP_HOLDS_CHANGES},
    {SLICE_INIT("LSUB"), imap_cmd_lsub, IN, 0},
    {SLICE_INIT("MOVE"), imap_cmd_move, SEL, IMAP_LIVE | IMAP_WRITES | IMAP_TRYCREATE},
    {SLICE_INIT("NAMESPACE"), imap_cmd_namespace, IN, 0},
    {SLICE_INIT("NOOP"), imap_cmd_noop, ANY, 0},
    {SLICE_INIT("RENAME"), imap_cmd_rename, IN, 0},
    {SLICE_INIT("SEARCH"), imap_cmd_search, SEL, IMAP_LIVE | IMAP_HOLDS_CHANGES},
    {SLICE_INIT("SELECT"), imap_cmd_select, IN, IMAP_HOLDS_CHANGES},
    {SLICE_INIT("STARTTLS"), imap_cmd_starttls, OUT, 0},
    {SLICE_INIT("STATUS"), imap_cmd_status, IN, 0},
    {SLICE_INIT("STORE"), imap_cmd_store, SEL, IMAP_LIVE | IMAP_WRITES | IMAP_HOLDS_CHANGES},
    {SLICE_INIT("SUBSCRIBE"), imap_cmd_subscribe, IN, 0},
    {SLICE_INIT("UID COPY"), imap_cmd_copy, SEL, IMAP_UID | IMAP_LIVE | IMAP_TRYCREATE},
    {SLICE_INIT("UID EXPUNGE"), imap_cmd_expunge, SEL, IMAP_UID | IMAP_LIVE | IMAP_WRITES},
    {SLICE_INIT("UID FETCH"), imap_cmd_fetch, SEL, IMAP_UID | IMAP_LIVE},
    {SLICE_INIT("UID MOVE"), imap_cmd_move, SEL,
     IMAP_UID | IMAP_LIVE | IMAP_WRITES | IMAP_TRYCREATE},
    {SLICE_INIT("UID SEARCH"), imap_cmd_search, SEL, IMAP_UID | IMAP_LIVE},
    {SLICE_INIT("UID STORE"), imap_cmd_store, SEL, IMAP_UID | IMAP_LIVE | IMAP_WRITES},
    {SLICE_INIT("UNSELECT"), imap_cmd_unselect, SEL, 0},
    {SLICE_INIT("UNSUBSCRIBE"), imap_cmd_unsubscribe, IN, 0},
};

const struct imap_command *imap_command_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (slice_eq_nocase(name, table[i].name))
            return &table[i];
    return NULL;
}
