#include "smtp/session_private.h"

void smtp_wishes(const struct smtp_transaction *tx, Gw__Wishes *out)
{
    gw__wishes__init(out);
    if (tx->body_binary)
        out->body = GW__WISHES__BODY__BODY_BINARYMIME;
    else if (tx->body_8bit)
        out->body = GW__WISHES__BODY__BODY_8BITMIME;
    out->smtputf8 = tx->smtputf8;
    out->require_tls = tx->require_tls;
    out->ret = (Gw__Wishes__Ret)tx->ret;
    out->envid = rpc_bytes(tx->envid);
    out->hold_until_ns = tx->hold_until_ns;
}
