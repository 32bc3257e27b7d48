/* Between server.c and the part that is SCRAM's own, server_scram.c. */
#pragma once

#include "sasl/server.h"

enum sasl_step sasl_server_fail(struct sasl_server *s, enum sasl_failure why);
/* SASL_SEND with what was built, or a failure when it could not be. */
enum sasl_step sasl_server_send(struct sasl_server *s);
/* Whether the two names are one when normalised (RFC 4616 2). */
bool sasl_server_same_name(struct sasl_server *s, struct slice a, struct slice b);

enum sasl_step sasl_scram_take(struct sasl_server *s, struct slice message);
enum sasl_step sasl_scram_challenge(struct sasl_server *s, struct slice text, struct slice salt,
                                    uint32_t iterations);
enum sasl_step sasl_scram_verified(struct sasl_server *s, bool right, struct slice signature);
