/* fuzz: dep_sasl */
/* A whole exchange with our client, by a server that says anything and does not know the password:
 * with SCRAM it must never satisfy the client. Messages have 0x01 between them. */
#include <stdlib.h>

#include "sasl/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sasl_binding binding = {SLICE_INIT("tls-exporter"), SLICE_INIT("data")};
    struct slice rest = slice_from(slice_of(data, size), 1);
    uint8_t choice = size > 0 ? data[0] : 0;
    struct sasl_login login = {.mechanism = &sasl_mechanisms[choice % SASL_MECHANISMS],
                               .user = SLICE("ann@d1.example"),
                               .password = SLICE("secret word"),
                               .nonce = SLICE("client+nonce"),
                               .binding = &binding,
                               .plus_announced = (choice & 0x80) != 0};
    struct sasl_client c;

    sasl_client_init(&c, &login);
    enum sasl_client_step step = sasl_client_start(&c);

    while ((step == SASL_CLIENT_SEND || step == SASL_CLIENT_WAIT) && rest.n > 0) {
        size_t n = slice_find_byte(rest, 1);

        step = sasl_client_take(&c, slice_sub(rest, 0, n));
        rest = slice_from(rest, n == SIZE_MAX ? rest.n : n + 1);
    }
    if (step == SASL_CLIENT_DONE ||
        sasl_client_satisfied(&c) != (login.mechanism->kind != SASL_SCRAM))
        abort();
    if (step == SASL_CLIENT_FAILED && c.err.kind == ERR_NONE)
        abort();
    sasl_client_done(&c);
    return 0;
}
