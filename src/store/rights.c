#include "store/rights.h"

#include "base/num.h"

/* mx handles mail from strangers: it learns which addresses exist, and delivers. access acts for
 * people: everything on mail needs the session that their credentials opened. web does so for the
 * account page: it sees and changes the account, and does not read mail. admin is the owner of
 * the machine at the control socket: it edits the directory and does not read mail. */
static const struct {
    Gw__Request__CallCase call;
    unsigned open;    /* roles that may call it without a session */
    unsigned session; /* roles that may call it with a session */
} table[] = {
    {GW__REQUEST__CALL_RESOLVE, STORE_MX, STORE_ACCESS},
    {GW__REQUEST__CALL_SPOOL_OPEN, STORE_MX | STORE_ACCESS, 0},
    {GW__REQUEST__CALL_DELIVER, STORE_MX, STORE_ACCESS},

    {GW__REQUEST__CALL_AUTHENTICATE, STORE_ACCESS | STORE_WEB, 0},
    {GW__REQUEST__CALL_LOGIN_CHALLENGE, STORE_ACCESS, 0},
    {GW__REQUEST__CALL_LOGIN_REPORT, STORE_ACCESS, 0},
    {GW__REQUEST__CALL_KEY_LOOKUP, STORE_ACCESS, 0},
    {GW__REQUEST__CALL_SESSION_END, 0, STORE_ACCESS | STORE_WEB},
    {GW__REQUEST__CALL_WATCH, 0, STORE_ACCESS},

    {GW__REQUEST__CALL_MAILBOX_LIST, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_MAILBOX_OPEN, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_MAILBOX_CREATE, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_MAILBOX_DELETE, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_MAILBOX_RENAME, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_SUBSCRIBE, 0, STORE_ACCESS},

    {GW__REQUEST__CALL_UIDS_READ, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_MESSAGE_READ, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_BODY_READ, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_CHANGES_READ, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_APPEND, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_FLAGS_STORE, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_EXPUNGE, 0, STORE_ACCESS},
    {GW__REQUEST__CALL_COPY, 0, STORE_ACCESS},

    {GW__REQUEST__CALL_DOMAIN_EDIT, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_ACCOUNT_EDIT, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_ADDRESS_EDIT, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_DIRECTORY_LIST, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_PASSWORD_SET, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_ALIAS_EDIT, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_DOMAIN_SET, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_ACCOUNT_SET, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_ADDRESS_SET, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_INSTALLATION_SET, STORE_ADMIN, 0},
    {GW__REQUEST__CALL_APP_PASSWORD_EDIT, STORE_ADMIN, STORE_WEB},
    {GW__REQUEST__CALL_APP_PASSWORD_LIST, STORE_ADMIN, STORE_WEB},
    {GW__REQUEST__CALL_LOGIN_ATTEMPT_LIST, STORE_ADMIN, STORE_WEB},

    {GW__REQUEST__CALL_WEB_SESSION_OPEN, 0, STORE_WEB},
    {GW__REQUEST__CALL_WEB_SESSION_USE, STORE_WEB, 0},
    {GW__REQUEST__CALL_WEB_SESSION_CLOSE, 0, STORE_WEB},
    {GW__REQUEST__CALL_ACCOUNT_READ, 0, STORE_WEB},
    {GW__REQUEST__CALL_PASSWORD_CHANGE, 0, STORE_WEB},
    {GW__REQUEST__CALL_TLS_KEY_ADD, STORE_ADMIN, STORE_WEB},
    {GW__REQUEST__CALL_TLS_KEY_LIST, STORE_ADMIN, STORE_WEB},
    {GW__REQUEST__CALL_TLS_KEY_UPDATE, STORE_ADMIN, STORE_WEB},
    {GW__REQUEST__CALL_TLS_KEY_REMOVE, STORE_ADMIN, STORE_WEB},
};

enum rights_answer rights_of(enum store_role role, Gw__Request__CallCase call)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (table[i].call != call)
            continue;
        if (table[i].open & role)
            return RIGHTS_OPEN;
        return table[i].session & role ? RIGHTS_SESSION : RIGHTS_NO;
    }
    return RIGHTS_NO;
}
