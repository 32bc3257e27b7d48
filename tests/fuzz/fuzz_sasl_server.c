/* fuzz: dep_sasl */
/* A whole exchange with our server, by a client that says anything. The first octet chooses the
 * mechanism, the others are messages with 0x01 between them. Nobody knows a secret here, so nothing
 * may end well, but for EXTERNAL, which the channel has settled. */
#include <stdlib.h>

#include "sasl/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum sasl_step settle(struct sasl_server *s, enum sasl_step step)
{
    while (step == SASL_CHALLENGE || step == SASL_VERIFY) {
        if (step == SASL_CHALLENGE)
            step = sasl_server_challenge(s, SLICE("server+nonce"), SLICE("0123456789abcdef"), 4096);
        else
            step = sasl_server_verified(s, s->mechanism->kind == SASL_EXTERNAL, SLICE(""));
    }
    return step;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sasl_binding binding = {SLICE_INIT("tls-exporter"),
                                                SLICE_INIT("0123456789abcdef0123456789abcdef")};
    struct slice rest = slice_from(slice_of(data, size), 1);
    uint8_t choice = size > 0 ? data[0] : 0;
    struct sasl_server s;

    sasl_server_init(&s, &sasl_mechanisms[choice % SASL_MECHANISMS],
                     choice & 0x80 ? &binding : NULL);
    enum sasl_step step = choice & 0x40 ? settle(&s, sasl_server_start(&s)) : SASL_SEND;

    while (step == SASL_SEND && rest.n > 0) {
        size_t n = slice_find_byte(rest, 1);

        step = settle(&s, sasl_server_take(&s, slice_sub(rest, 0, n)));
        rest = slice_from(rest, n == SIZE_MAX ? rest.n : n + 1);
    }
    if (step == SASL_DONE && s.mechanism->kind != SASL_EXTERNAL)
        abort();
    if ((step == SASL_FAILED) != (s.failure != SASL_FAIL_NONE))
        abort();
    sasl_server_done(&s);
    return 0;
}
