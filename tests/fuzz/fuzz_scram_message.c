/* fuzz: dep_sasl */
/* SCRAM's messages: no reader leaves its input, parts of the first message join to the whole, and a
 * name that was read reads the same after it was written. The first octet chooses the reader. */
#include <stdlib.h>

#include "sasl/scram_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct slice whole, struct slice part)
{
    if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
        abort();
}

static void client_first(struct arena *a, struct slice in, struct err *err)
{
    struct scram_client_first m, again;
    struct builder b;

    if (scram_client_first_read(a, in, &m, err) < 0)
        return;
    inside(in, m.nonce);
    inside(in, m.binding);
    if (m.gs2.n + m.bare.n != in.n || m.user.n == 0 || m.nonce.n < SCRAM_NONCE_MIN)
        abort();
    build_init(&b, 4 * in.n + 16);
    build_text(&b, "n,,n=");
    scram_write_name(&b, m.user);
    build_text(&b, ",r=");
    build_bytes(&b, m.nonce);
    if (scram_client_first_read(a, build_slice(&b), &again, err) < 0 ||
        !slice_eq(again.user, m.user) || !slice_eq(again.nonce, m.nonce))
        abort();
    build_done(&b);
}

static void client_final(struct arena *a, struct slice in, struct err *err)
{
    struct scram_client_final m;

    if (scram_client_final_read(a, in, &m, err) < 0)
        return;
    inside(in, m.nonce);
    inside(in, m.without_proof);
    if (m.proof.n == 0 || m.without_proof.n >= in.n)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_from(slice_of(data, size), 1);
    struct scram_server_first server_first;
    struct scram_server_final server_final;
    struct arena a;
    struct err err = {0};

    arena_init(&a, 1 << 20);
    switch (size > 0 ? data[0] % 4 : 0) {
    case 0:
        client_first(&a, in, &err);
        break;
    case 1:
        client_final(&a, in, &err);
        break;
    case 2:
        if (scram_server_first_read(&a, in, &server_first, &err) == 0)
            inside(in, server_first.nonce);
        break;
    default:
        if (scram_server_final_read(&a, in, &server_final, &err) == 0)
            inside(in, server_final.error);
        break;
    }
    if (err.offset > in.n)
        abort();
    arena_done(&a);
    return 0;
}
