#include "cmd/settings.h"

#include <string.h>

#include "base/num.h"
#include "rpc/call.h"

static bool is_none(const char *text)
{
    return strcmp(text, "none") == 0;
}

int settings_bool(const char *flag, const char *text, Gw__AliasEdit__Setting *out, struct err *err)
{
    *out = GW__ALIAS_EDIT__SETTING__SETTING_KEEP;
    if (!text)
        return 0;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return err_set(err, ERR_INVALID, "%s must be true or false, not %s", flag, text);
    *out = strcmp(text, "true") == 0 ? GW__ALIAS_EDIT__SETTING__SETTING_ON
                                     : GW__ALIAS_EDIT__SETTING__SETTING_OFF;
    return 0;
}

/* How often 1024 times the unit is; -1: it is none. */
static int power_of_unit(char unit)
{
    switch (unit) {
    case 'k':
    case 'K':
        return 1;
    case 'm':
    case 'M':
        return 2;
    case 'g':
    case 'G':
        return 3;
    case 't':
    case 'T':
        return 4;
    default:
        return -1;
    }
}

static bool parse_size(struct slice text, uint64_t *out)
{
    int power = text.n > 1 ? power_of_unit((char)text.p[text.n - 1]) : -1;
    uint64_t n;

    if (!num_parse(power > 0 ? slice_sub(text, 0, text.n - 1) : text, INT64_MAX, &n) || n == 0)
        return false;
    for (int i = 0; i < power; i++) {
        if (n > INT64_MAX / 1024)
            return false;
        n *= 1024;
    }
    *out = n;
    return true;
}

int settings_size(const char *flag, const char *text, bool has_default, bool *given_out,
                  int64_t *out, struct err *err)
{
    uint64_t n = 0;

    *given_out = text != NULL;
    if (!text)
        return 0;
    if (is_none(text))
        *out = -1;
    else if (has_default && strcmp(text, "default") == 0)
        *out = 0;
    else if (parse_size(slice_str(text), &n))
        *out = (int64_t)n;
    else
        return err_set(err, ERR_INVALID, "%s is a size such as 500m or 10g, or none%s, not %s",
                       flag, has_default ? ", or default" : "", text);
    return 0;
}

int settings_count(const char *flag, const char *text, bool *given_out, int64_t *out,
                   struct err *err)
{
    uint64_t n = 0;

    *given_out = text != NULL;
    if (!text)
        return 0;
    if (is_none(text))
        *out = -1;
    else if (strcmp(text, "default") == 0)
        *out = 0;
    else if (num_parse(slice_str(text), INT64_MAX, &n) && n > 0)
        *out = (int64_t)n;
    else
        return err_set(err, ERR_INVALID, "%s is a number from 1, or none, or default, not %s", flag,
                       text);
    return 0;
}

int settings_text(const char *flag, const char *text, bool *given_out, ProtobufCBinaryData *out,
                  struct err *err)
{
    *given_out = text != NULL;
    if (!text)
        return 0;
    if (text[0] == '\0')
        return err_set(err, ERR_INVALID, "%s needs a text; to have none, say none", flag);
    *out = rpc_bytes(is_none(text) ? SLICE("") : slice_str(text));
    return 0;
}

/* What stands before the next ":" or the end. */
static struct slice next_word(struct slice *text)
{
    size_t end = slice_find_byte(*text, ':');
    struct slice word = slice_sub(*text, 0, end);

    *text = end == SIZE_MAX ? SLICE("") : slice_from(*text, end + 1);
    return word;
}

int settings_role(const char *flag, const char *text, bool has_address, Gw__RoleAddress *row,
                  Gw__RoleAddress **out, struct err *err)
{
    struct slice left = slice_str(text);

    *out = NULL;
    if (!text)
        return 0;
    gw__role_address__init(row);
    *out = row;
    if (is_none(text))
        return 0;
    if (has_address)
        row->address = rpc_bytes(next_word(&left));
    row->account = rpc_bytes(next_word(&left));
    row->mailbox = rpc_bytes(left);
    if (row->account.len == 0 || (has_address && row->address.len == 0))
        return err_set(err, ERR_INVALID, "%s has the form %sACCOUNT[:MAILBOX], or is none, not %s",
                       flag, has_address ? "ADDRESS:" : "", text);
    return 0;
}

int settings_list(const char *flag, const char *text, bool *given_out,
                  ProtobufCBinaryData list[static SETTINGS_SEPARATORS_MAX], size_t *n_out,
                  struct err *err)
{
    *given_out = text != NULL;
    *n_out = 0;
    if (!text || is_none(text))
        return 0;
    for (size_t n; *text; text += n + (text[n] == ' ')) {
        n = strcspn(text, " ");
        if (n == 0)
            continue;
        if (*n_out == SETTINGS_SEPARATORS_MAX)
            return err_set(err, ERR_LIMIT, "%s has too many values", flag);
        list[(*n_out)++] = rpc_bytes(slice_of(text, n));
    }
    if (*n_out == 0)
        return err_set(err, ERR_INVALID, "%s needs a value; to have none, say none", flag);
    return 0;
}
