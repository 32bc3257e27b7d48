/* The header of the PROXY protocol, by which a proxy in front of us says for whom it connects
 * (HAProxy's specification, revision 2020/03/05; versions 1 and 2). Pure.
 *
 * Version 1 is read too, since some proxies speak nothing else. Of the extensions of version 2
 * nothing is used. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "net/addr.h"

#define PROXY_V1_MAX 107      /* octets of a header of version 1 */
#define PROXY_HEADER_MAX 2048 /* of one of version 2 with all extensions */

struct proxy_header {
    bool known; /* false: no addresses were given, those of the socket count */
    struct addr source, destination;
};

/* Reads the header in `in`, which holds nothing else. 0 with *missing_out 0: it is whole. 0 with
 * more: it is not, and as many octets may be read without reading beyond it. fails: ERR_SYNTAX,
 * ERR_LIMIT. */
int proxy_parse(struct slice in, struct proxy_header *out, size_t *missing_out,
                struct err *err) WARN_UNUSED;
