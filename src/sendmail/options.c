#include "sendmail/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/builder.h"

/* "+": flags end at the first recipient. */
static const char flags[] = "+:A:B:b:C:cd::e:F:f:Gh:iIL:M:mN:nO:o:p:q::R:r:sTtUV:vX:x";

static void wrong(struct sendmail_options *out, const char *text, const char *value)
{
    if (!out->problem[0])
        (void)snprintf(out->problem, sizeof(out->problem), "%s%.60s", text, value);
}

/* RFC 3461 4.1, in any case of letters: "never", or a list of the others. */
static void take_notify(const char *value, struct sendmail_options *out)
{
    static const struct slice words[] = {SLICE_INIT("SUCCESS"), SLICE_INIT("FAILURE"),
                                         SLICE_INIT("DELAY")};
    struct slice rest = slice_str(value);
    unsigned seen = 0;
    size_t n = 0;

    if (slice_eq_nocase(rest, SLICE("never"))) {
        out->notify = SLICE("NEVER");
        return;
    }
    while (rest.n > 0) {
        size_t comma = slice_find_byte(rest, ',');
        struct slice word = slice_sub(rest, 0, comma);
        size_t i = 0;

        while (i < 3 && !slice_eq_nocase(word, words[i]))
            i++;
        if (i == 3 || (seen & 1u << i)) {
            wrong(out, "-N takes never, or of success,failure,delay: ", value);
            return;
        }
        seen |= 1u << i;
        rest = comma == SIZE_MAX ? SLICE("") : slice_from(rest, comma + 1);
    }
    for (size_t i = 0; i < 3; i++)
        if (seen & 1u << i)
            n += (size_t)snprintf(out->notify_text + n, sizeof(out->notify_text) - n, "%s%.*s",
                                  n ? "," : "", SLICE_FMT(words[i]));
    out->notify = slice_of(out->notify_text, n);
}

static void take_ret(const char *value, struct sendmail_options *out)
{
    if (slice_eq_nocase(slice_str(value), SLICE("full")))
        out->ret = SLICE("FULL");
    else if (slice_eq_nocase(slice_str(value), SLICE("hdrs")))
        out->ret = SLICE("HDRS");
    else
        wrong(out, "-R takes full or hdrs: ", value);
}

static void take_mode(const char *value, struct sendmail_options *out)
{
    switch (value[0]) {
    case 'm': /* the mode of sending, which is ours */
        break;
    case 'p': /* mailq */
    case 'i': /* newaliases */
        out->mode = SENDMAIL_NOTHING;
        break;
    default:
        wrong(out, "this program only sends (-bm); it cannot do -b", value);
    }
}

static void take_flag(int flag, const char *value, struct sendmail_options *out)
{
    switch (flag) {
    case 't':
        out->from_header = true;
        break;
    case 'i':
        out->ignore_dots = true;
        break;
    case 'o': /* options of old: only this one changes what is sent */
        out->ignore_dots |= strcmp(value, "i") == 0;
        break;
    case 'v':
        out->verbose = true;
        break;
    case 'f':
    case 'r':
        out->sender = value;
        break;
    case 'F':
        out->name = value;
        break;
    case 'C':
        out->config = value;
        break;
    case 'N':
        take_notify(value, out);
        break;
    case 'R':
        take_ret(value, out);
        break;
    case 'V':
        out->envid = value;
        break;
    case 'b':
        take_mode(value, out);
        break;
    case 'q':
        out->mode = SENDMAIL_NOTHING;
        break;
    case ':':
        wrong(out, "a flag lacks its value: -", (const char[]){(char)optopt, '\0'});
        break;
    default:
        break;
    }
}

void sendmail_options_parse(int argc, char *const argv[], struct sendmail_options *out)
{
    int flag;

    *out = (struct sendmail_options){.mode = SENDMAIL_SEND};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        out->mode = SENDMAIL_HELP;
        return;
    }
    optind = 0; /* glibc: from the start, whatever was parsed before */
    while ((flag = getopt(argc, argv, flags)) != -1)
        take_flag(flag, optarg, out);
    out->recipients = argv + optind;
    out->recipients_n = (size_t)(argc - optind);
    for (size_t i = 0; i < out->recipients_n; i++)
        if (out->recipients[i][0] == '-')
            wrong(out, "flags come before recipients: ", out->recipients[i]);
    if (out->mode == SENDMAIL_SEND && out->recipients_n == 0 && !out->from_header)
        wrong(out, "there are no recipients, and no -t", "");
}
