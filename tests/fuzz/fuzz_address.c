/* fuzz: dep_mail
 * Address lists stay within their limit, and groups open and close in turn. */
#include <stdlib.h>

#include "mail/address.h"
#include "mail/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct mail_address_list list;
    struct err err;
    bool open = false;

    if (size > 65536)
        return 0;
    arena_init(&a, MAIL_ARENA_MAX);
    if (mail_address_list_parse(&a, slice_of(data, size), &list, &err) < 0)
        abort();
    if (list.n > MAIL_ADDRESSES_MAX)
        abort();
    for (size_t i = 0; i < list.n; i++) {
        if (list.v[i].kind == MAIL_ADDRESS_GROUP_START && open)
            abort();
        if (list.v[i].kind == MAIL_ADDRESS_GROUP_END && !open)
            abort();
        if (list.v[i].kind != MAIL_ADDRESS_MAILBOX)
            open = list.v[i].kind == MAIL_ADDRESS_GROUP_START;
        /* A localpart never comes without its domain. */
        if (list.v[i].localpart.n > 0 && list.v[i].domain.n == 0)
            abort();
    }
    arena_done(&a);
    return 0;
}
