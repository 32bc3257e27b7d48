/* fuzz: dep_mail
 * HTML text fits its builder and stays UTF-8; decoders count what they write. The first octet
 * chooses the room. */
#include <stdlib.h>

#include "base/num.h"
#include "base/utf8.h"
#include "mail/decode.h"
#include "mail/message_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_transfer(enum part_encoding encoding, struct slice in)
{
    struct transfer_count whole = {.encoding = encoding}, cut = {.encoding = encoding};
    struct builder out;

    build_init(&out, in.n + 3);
    if (!mail_decode_transfer(&out, encoding, in))
        abort();
    transfer_count_feed(&whole, in);
    for (size_t i = 0; i < in.n; i++)
        transfer_count_feed(&cut, slice_sub(in, i, 1));
    if (transfer_count_finish(&whole, 0) != out.n || transfer_count_finish(&cut, 0) != out.n)
        abort();
    build_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct builder utf8, out;

    if (size < 1)
        return 0;
    struct slice in = slice_of(data + 1, size - 1);

    build_init(&utf8, size * 3);
    build_init(&out, (size_t)data[0] * 16);
    if (!mail_decode_charset(&utf8, SLICE("utf-8"), in))
        abort();
    mail_html_text(&out, build_slice(&utf8));
    if (!build_ok(&out) || !utf8_valid(build_slice(&out)))
        abort();
    build_done(&utf8);
    build_done(&out);
    check_transfer(PART_BASE64, in);
    check_transfer(PART_QUOTED_PRINTABLE, in);
    return 0;
}
