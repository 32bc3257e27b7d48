/* From a parsed message to the facts that travel to the store. */
#pragma once

#include "mail/message.h"
#include "store.pb-c.h"

/* Fills *out (initialised with GW__FACTS__INIT); everything it points to lives in `a` or in `m`.
 * fails: ERR_NOMEM. */
int facts_of_message(struct arena *a, const struct mail_message *m, Gw__Facts *out,
                     struct err *err) WARN_UNUSED;
