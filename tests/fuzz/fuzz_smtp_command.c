/* fuzz: dep_smtp */
/* Command lines and MAIL parameters. Laws: a line that was found has no LF and is cut where it
 * says; verb and arguments together are the line; reading ends. */
#include <stdlib.h>

#include "smtp/command.h"
#include "smtp/parameters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct smtp_parameter_rules rules = {.size_max = 1000,
                                               .trailing_space = size % 2 == 0,
                                               .future_release = true,
                                               .dsn = true,
                                               .require_tls = true,
                                               .tls = size % 3 != 0,
                                               .now_ns = INT64_C(1136239445000000000)};
    struct smtp_recipient r = {.unknown = false};
    struct slice in = slice_of(data, size), line;
    bool too_long;
    size_t taken = smtp_line_find(in, SMTP_LINE_MAX, &line, &too_long);
    struct smtp_transaction t;

    if (taken == 0)
        line = in;
    else if (too_long || taken > SMTP_LINE_MAX || slice_find_byte(line, '\n') != SIZE_MAX ||
             line.n + 2 < taken)
        abort();
    struct smtp_command_line parts = smtp_command_split(line);

    if (parts.verb.n + parts.args.n != line.n || slice_find_byte(parts.verb, ' ') != SIZE_MAX)
        abort();
    struct cursor c = cur_init(parts.args);

    (void)smtp_args_string(&c);
    smtp_args_end(&c, true);
    c = cur_init(line);
    smtp_transaction_init(&t);
    struct smtp_reply reply = smtp_mail_parameters(&c, &rules, &t);

    if (reply.code == 0 && (!cur_at_end(&c) || (t.has_size && t.size > rules.size_max)))
        abort();
    if (reply.code == 0 && t.hold_until_ns != 0 && t.hold_until_ns <= rules.now_ns)
        abort();
    c = cur_init(line);
    reply = smtp_rcpt_parameters(&c, &rules, &t, &r);
    if (reply.code == 0 && (r.orcpt.n > 500 || r.notify > 14 || (r.notify & 1 && r.notify != 1)))
        abort();
    smtp_transaction_done(&t);
    return 0;
}
