/* AUTHENTICATE PLAIN (RFC 9051 6.2.2, RFC 4959, RFC 4616). */
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/secret.h"
#include "imap/commands.h"
#include "imap/session.h"

static void bad_response(struct imap_cmd *cmd, const char *text)
{
    imap_reply(cmd, IMAP_BAD, text);
}

/* authzid NUL authcid NUL password */
static void plain(struct imap_cmd *cmd, struct slice message)
{
    size_t first = slice_find_byte(message, '\0');
    struct slice rest = slice_from(message, first == SIZE_MAX ? message.n : first + 1);
    size_t second = slice_find_byte(rest, '\0');

    if (first == SIZE_MAX || second == SIZE_MAX ||
        slice_find_byte(slice_from(rest, second + 1), '\0') != SIZE_MAX) {
        bad_response(cmd, "PLAIN takes three fields");
        return;
    }
    struct slice authzid = slice_sub(message, 0, first);
    struct slice user = slice_sub(rest, 0, second);

    if (authzid.n && !slice_eq(authzid, user)) {
        imap_reply(cmd, IMAP_NO, "acting for somebody else is not possible");
        cmd->code = SLICE("AUTHORIZATIONFAILED");
        return;
    }
    imap_login(cmd, user, slice_from(rest, second + 1));
}

void imap_authenticate_response(struct imap_cmd *cmd, struct slice line)
{
    _cleanup_(build_done) struct builder message = {0};
    struct err err;

    if (slice_eq(line, SLICE("*"))) {
        bad_response(cmd, "cancelled");
        return;
    }
    build_init(&message, IMAP_LINE_MAX);
    if (decode_base64(&message, line, &err) < 0)
        bad_response(cmd, "not base64");
    else
        plain(cmd, build_slice(&message));
    if (message.p)
        wipe(message.p, message.cap);
}

static bool is_base64_char(int c)
{
    return base64_value(c) >= 0 || c == '=';
}

void imap_cmd_authenticate(struct imap_cmd *cmd)
{
    struct slice initial = {NULL, 0};
    bool has_initial;

    imap_args_space(cmd);
    struct slice mechanism = imap_parse_atom(&cmd->args);

    has_initial = cur_eat(&cmd->args, ' ');
    if (has_initial)
        initial = cur_span(&cmd->args, is_base64_char, 1, "base64");
    if (!imap_args_end(cmd))
        return;
    if (!slice_eq_nocase(mechanism, SLICE("PLAIN"))) {
        imap_reply(cmd, IMAP_NO, "unknown mechanism");
    } else if (!imap_plain_allowed(cmd->s)) {
        imap_reply(cmd, IMAP_NO, "use TLS first");
        cmd->code = SLICE("PRIVACYREQUIRED");
    } else if (has_initial) {
        /* RFC 4959 3: "=" is the empty response. */
        imap_authenticate_response(cmd, slice_eq(initial, SLICE("=")) ? SLICE("") : initial);
    } else if (imap_wait(cmd, IMAP_INPUT_SASL)) {
        conn_write(cmd->c, SLICE("+ \r\n"));
    }
}
