/* The directory of localserve: what is made at the first start, and whether it is ours. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define LOCALSERVE_ACCOUNT "user"
#define LOCALSERVE_ADDRESS "user@localhost"
#define LOCALSERVE_PASSWORD "godwitgodwit"

struct localserve {
    char directory[3072];
    char config_path[3200];
    const char *ip; /* NULL: the loopback addresses */
    uint16_t base_port;
    bool ip_given, port_given;
    bool pending; /* the account has to be made when the server is ready */
};

/* Makes the directory with everything in it, or finds what an earlier start made.
 * fails: ERR_INVALID the directory holds other things (nothing is touched), or was made with other
 * settings than those given now. */
int localserve_prepare(struct localserve *l, struct err *err) WARN_UNUSED;
/* Notes that the account exists. */
void localserve_finished(struct localserve *l);
