/* Who may call what: one table, role × call × state. What is not in the table is refused. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "store.pb-c.h"
#include "store/store.h"

enum rights_answer {
    RIGHTS_NO,      /* never for this role: the peer is not what it should be */
    RIGHTS_OPEN,    /* without a session */
    RIGHTS_SESSION, /* with a session that this process was given */
};

enum rights_answer rights_of(enum store_role role, Gw__Request__CallCase call);
