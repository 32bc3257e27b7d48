#include "smtp/command.h"

#include "base/ascii.h"
#include "base/num.h"
#include "base/utf8.h"
#include "smtp/path.h"

size_t smtp_line_find(struct slice in, size_t max, struct slice *line_out, bool *too_long_out)
{
    struct slice window = slice_sub(in, 0, max);
    size_t at = slice_find_byte(window, '\n');

    *too_long_out = at == SIZE_MAX && window.n == max;
    if (at == SIZE_MAX)
        return 0;
    size_t n = at > 0 && slice_at(window, at - 1) == '\r' ? at - 1 : at;

    *line_out = slice_sub(window, 0, n);
    return at + 1;
}

struct smtp_command_line smtp_command_split(struct slice line)
{
    size_t space = slice_find_byte(line, ' ');

    return (struct smtp_command_line){slice_sub(line, 0, space), slice_from(line, space)};
}

void smtp_args_end(struct cursor *c, bool trailing_space)
{
    size_t at = c->at;

    if (trailing_space)
        while (cur_eat(c, ' ') || cur_eat(c, '\t'))
            ;
    if (cur_ok(c) && !cur_at_end(c))
        cur_back(c, at);
    cur_end(c, "end of command");
}

static void quoted_string(struct cursor *c)
{
    (void)cur_eat(c, '"');
    for (int byte = cur_peek(c); byte != '"'; byte = cur_peek(c)) {
        bool escaped = byte == '\\' && cur_eat(c, '\\');

        byte = cur_peek(c);
        if (byte < 0x20 || byte == 0x7f || (escaped && byte > 0x7e)) {
            cur_reject(c, "quoted string");
            return;
        }
        (void)cur_take(c, 1, "quoted string");
    }
    cur_byte(c, '"', "quoted string");
}

static bool is_atom_octet(int byte)
{
    return smtp_is_atext(byte) || byte >= 0x80;
}

struct slice smtp_args_string(struct cursor *c)
{
    size_t at = c->at;

    if (cur_peek(c) == '"')
        quoted_string(c);
    else
        (void)cur_span(c, is_atom_octet, 1, "string");
    struct slice text = slice_sub(c->in, at, c->at - at);

    if (cur_ok(c) && !utf8_valid(text))
        cur_reject(c, "UTF-8");
    return text;
}

bool smtp_verb_is_foreign(struct slice verb)
{
    static const struct slice foreign[] = {
        SLICE_INIT("GET"),   SLICE_INIT("POST"),    SLICE_INIT("PUT"),     SLICE_INIT("HEAD"),
        SLICE_INIT("PATCH"), SLICE_INIT("DELETE"),  SLICE_INIT("OPTIONS"), SLICE_INIT("CONNECT"),
        SLICE_INIT("TRACE"), SLICE_INIT("PRI"),     SLICE_INIT("INVITE"),  SLICE_INIT("REGISTER"),
        SLICE_INIT("HOST:"), SLICE_INIT("HTTP/1.1")};

    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
        if (slice_eq_nocase(verb, foreign[i]))
            return true;
    return false;
}

bool smtp_input_is_tls(struct slice in)
{
    /* A handshake record, version 3.x; SSLv2-compatible hellos are history. */
    return slice_at(in, 0) == 0x16 && (in.n < 2 || slice_at(in, 1) == 0x03);
}
