#include "smtp/client/offer.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/num.h"
#include "sasl/mechanism.h"

#define LIMITS_MAX 32u

/* ---- LIMITS ---- */

static bool is_limit_name(int c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_';
}

static bool is_limit_value(int c)
{
    return c >= 0x21 && c <= 0x7e && c != ';';
}

static void note_limit(struct slice name, struct slice value, struct smtpc_limits *out)
{
    const struct {
        struct slice name;
        uint32_t *to;
    } known[] = {{SLICE("MAILMAX"), &out->mail_max},
                 {SLICE("RCPTMAX"), &out->rcpt_max},
                 {SLICE("RCPTDOMAINMAX"), &out->rcpt_domain_max}};
    uint64_t number = 0;

    if (value.n > 6 || !num_parse(value, 999999, &number))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (slice_eq_nocase(name, known[i].name))
            *known[i].to = (uint32_t)number;
}

bool smtpc_limits_parse(struct slice in, struct smtpc_limits *out)
{
    struct slice names[LIMITS_MAX];
    struct smtpc_limits found = {0};
    struct cursor c = cur_init(in);
    size_t n = 0;

    while (cur_ok(&c) && !cur_at_end(&c)) {
        cur_byte(&c, ' ', "space");
        struct slice name = cur_span(&c, is_limit_name, 1, "name");

        cur_byte(&c, '=', "equals sign");
        struct slice value = cur_span(&c, is_limit_value, 1, "value");

        for (size_t i = 0; i < n; i++)
            if (slice_eq_nocase(names[i], name))
                cur_reject(&c, "name that comes twice");
        if (n == LIMITS_MAX)
            cur_reject(&c, "number of limits");
        if (!cur_ok(&c))
            break;
        names[n++] = name;
        note_limit(name, value, &found);
    }
    if (!cur_ok(&c))
        return false;
    *out = found;
    return true;
}

/* ---- the lines ---- */

static void take_auth(struct slice rest, struct smtpc_offer *out)
{
    out->auth = true;
    while (rest.n > 0) {
        size_t n = slice_find_byte(rest, ' ');
        const struct sasl_mechanism *m = sasl_find(slice_sub(rest, 0, n));

        if (m)
            out->mechanisms |= 1u << (m - sasl_mechanisms);
        rest = n == SIZE_MAX ? SLICE("") : slice_from(rest, n + 1);
    }
}

static void take_extension(struct slice line, struct smtpc_offer *out)
{
    const struct {
        struct slice name;
        bool *to;
    } plain[] = {
        {SLICE("STARTTLS"), &out->starttls},     {SLICE("ENHANCEDSTATUSCODES"), &out->enhanced},
        {SLICE("8BITMIME"), &out->eightbit},     {SLICE("PIPELINING"), &out->pipelining},
        {SLICE("REQUIRETLS"), &out->requiretls}, {SLICE("DSN"), &out->dsn},
        {SLICE("SMTPUTF8"), &out->smtputf8},     {SLICE("CHUNKING"), &out->chunking},
        {SLICE("BINARYMIME"), &out->binary},     {SLICE("SIZE"), &out->size},
    };
    /* Some old servers write "AUTH=" as well: not a word of RFC 4954, left out. */
    size_t n = slice_find_byte(line, ' ');
    struct slice word = slice_sub(line, 0, n), rest = slice_from(line, word.n);

    for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
        if (slice_eq_nocase(word, plain[i].name))
            *plain[i].to = true;
    if (slice_eq_nocase(word, SLICE("SIZE")) &&
        !num_parse(slice_trim(rest), UINT64_MAX, &out->size_max))
        out->size_max = 0;
    if (slice_eq_nocase(word, SLICE("AUTH")))
        take_auth(slice_trim(rest), out);
    if (slice_eq_nocase(word, SLICE("LIMITS")) && !smtpc_limits_parse(rest, &out->limits))
        out->limits = (struct smtpc_limits){0};
}

void smtpc_offer_parse(struct slice text, struct smtpc_offer *out)
{
    size_t lf = slice_find_byte(text, '\n');

    *out = (struct smtpc_offer){.size_max = 0};
    while (lf != SIZE_MAX) {
        text = slice_from(text, lf + 1);
        lf = slice_find_byte(text, '\n');
        take_extension(slice_trim(slice_sub(text, 0, lf)), out);
    }
}
