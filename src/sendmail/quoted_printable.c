#include "sendmail/compose.h"

#define QP_COLUMNS 75u /* RFC 2045 6.7: 76 with the "=" of a soft line break */

static bool stands_for_itself(struct slice line, size_t i)
{
    uint8_t c = line.p[i];

    if (c == ' ' || c == '\t')
        return i + 1 < line.n;
    return c > ' ' && c < 0x7f && c != '=';
}

static void qp_line(struct builder *out, struct slice line)
{
    size_t column = 0;

    for (size_t i = 0; i < line.n; i++) {
        bool itself = stands_for_itself(line, i);
        size_t n = itself ? 1 : 3;

        if (column + n > QP_COLUMNS) {
            build_text(out, "=\r\n");
            column = 0;
        }
        if (itself)
            build_byte(out, line.p[i]);
        else
            build_printf(out, "=%02X", line.p[i]);
        column += n;
    }
    build_text(out, "\r\n");
}

void compose_quoted_printable(struct builder *out, struct slice body)
{
    while (body.n > 0) {
        size_t n = slice_find(body, SLICE("\r\n"));

        qp_line(out, slice_sub(body, 0, n));
        body = n == SIZE_MAX ? SLICE("") : slice_from(body, n + 2);
    }
}
