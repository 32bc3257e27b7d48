/* The four messages of SCRAM (RFC 5802 7): reading and writing. Letters of attributes are taken in
 * any case; extensions that nobody knows are read over, but for the mandatory one ("m="), which is
 * refused. Views borrow from the message, decoded names live in `a`.
 * All readers fail with ERR_SYNTAX and an offset, with ERR_INVALID for "m=", and with ERR_NOMEM. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/builder.h"
#include "base/err.h"
#include "base/slice.h"

#define SCRAM_NONCE_MIN 8 /* characters, of each side's part */

enum scram_flag {
    SCRAM_UNBOUND, /* "n": the client cannot bind to the channel */
    SCRAM_DOUBTS,  /* "y": it could, but believes that the server cannot */
    SCRAM_BOUND,   /* "p=": it does */
};

struct scram_client_first {
    enum scram_flag flag;
    struct slice binding; /* BOUND: the kind, as "tls-exporter" */
    struct slice gs2;     /* the header with both of its commas */
    struct slice bare;    /* what follows it */
    struct slice authzid; /* decoded; empty: none */
    struct slice user;    /* decoded, not empty */
    struct slice nonce;   /* at least SCRAM_NONCE_MIN */
};
int scram_client_first_read(struct arena *a, struct slice in, struct scram_client_first *out,
                            struct err *err) WARN_UNUSED;

struct scram_server_first {
    struct slice nonce; /* the client's, then the server's */
    struct slice salt;  /* decoded */
    uint32_t iterations;
};
int scram_server_first_read(struct arena *a, struct slice in, struct scram_server_first *out,
                            struct err *err) WARN_UNUSED;

struct scram_client_final {
    struct slice binding; /* decoded: the gs2 header, then the data of the channel */
    struct slice nonce;
    struct slice without_proof;
    struct slice proof; /* decoded */
};
int scram_client_final_read(struct arena *a, struct slice in, struct scram_client_final *out,
                            struct err *err) WARN_UNUSED;

struct scram_server_final {
    struct slice error;     /* "invalid-proof"; empty: there is none */
    struct slice signature; /* decoded */
};
int scram_server_final_read(struct arena *a, struct slice in, struct scram_server_final *out,
                            struct err *err) WARN_UNUSED;

/* "=" and "," of a name are escaped. */
void scram_write_name(struct builder *out, struct slice name);
/* LETTER=base64 */
void scram_write_base64(struct builder *out, char letter, struct slice octets);
/* r=NONCES,s=SALT,i=ITERATIONS */
void scram_server_first_write(struct builder *out, struct slice client_nonce,
                              struct slice server_nonce, struct slice salt, uint32_t iterations);
