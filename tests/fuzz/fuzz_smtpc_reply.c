/* fuzz: dep_smtp_client
 * Replies of a server, and what an answer to EHLO offers. Laws: cut anywhere, a reply reads the
 * same; what is kept has no control octets and stays within its limit. The first octet says how the
 * input is cut. */
#include <stdlib.h>

#include "base/utf8.h"
#include "smtp/client/offer.h"
#include "smtp/client/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool law)
{
    if (!law)
        abort();
}

static void check(const struct smtpc_reply *reply)
{
    struct smtpc_offer offer;

    require(reply->code >= 200 && reply->code <= 599);
    require(reply->text.n <= SMTPC_TEXT_MAX && utf8_valid(reply->text));
    for (size_t i = 0; i < reply->text.n; i++)
        require(reply->text.p[i] >= 0x20 || reply->text.p[i] == '\n');
    require(strlen(reply->ecode) < sizeof(reply->ecode));
    smtpc_offer_parse(reply->text, &offer);
    require(offer.limits.rcpt_max <= 999999);
}

/* How much of the input is replies; a digest of them. */
static size_t read_all(struct slice in, size_t step, uint64_t *digest)
{
    struct smtpc_reply_reader r;
    struct err err;
    size_t at = 0, end = 0;

    smtpc_reply_init(&r);
    while (at < in.n) {
        size_t used = 0;
        bool whole = false;

        if (smtpc_reply_feed(&r, slice_sub(in, at, step), true, &used, &whole, &err) < 0)
            break;
        require(used > 0);
        at += used;
        if (!whole)
            continue;
        check(&r.reply);
        end = at;
        *digest = *digest * 31 + r.reply.code + r.reply.text.n;
    }
    smtpc_reply_done(&r);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole = 0, cut = 0;

    if (size == 0)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);

    require(read_all(in, in.n, &whole) == read_all(in, data[0] % 16u + 1u, &cut));
    require(whole == cut);
    return 0;
}
