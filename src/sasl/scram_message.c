#include "sasl/scram_message.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/encode.h"
#include "base/utf8.h"

#define ITERATIONS_TEXT_MAX UINT32_C(2000000000)

static int no_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

/* RFC 5802 7: value-char. */
static bool is_value(int byte)
{
    return byte != 0 && byte != ',';
}

/* RFC 5802 7: printable. */
static bool is_printable(int byte)
{
    return byte > ' ' && byte < 0x7f && byte != ',';
}

/* RFC 5802 7: cb-name. */
static bool is_binding_name(int byte)
{
    return ascii_is_alnum(byte) || byte == '.' || byte == '-';
}

static const char letter_texts[][3] = {"a=", "c=", "e=", "i=", "m=", "n=", "p=", "r=", "s=", "v="};

/* "LETTER=", in any case. */
static bool eat_attribute(struct cursor *c, char letter)
{
    for (size_t i = 0; i < sizeof(letter_texts) / sizeof(letter_texts[0]); i++) {
        if (letter_texts[i][0] == letter)
            return cur_eat_nocase(c, slice_str(letter_texts[i]));
    }
    return false;
}

static void need_attribute(struct cursor *c, char letter, const char *rule)
{
    if (cur_ok(c) && !eat_attribute(c, letter))
        cur_reject(c, rule);
}

static struct slice value(struct cursor *c, char letter, const char *rule)
{
    need_attribute(c, letter, rule);
    return cur_span(c, is_value, 1, rule);
}

static struct slice nonce(struct cursor *c, const char *rule)
{
    need_attribute(c, 'r', rule);
    struct slice out = cur_span(c, is_printable, 1, rule);

    if (cur_ok(c) && out.n < SCRAM_NONCE_MIN)
        cur_reject(c, "nonce of eight characters");
    return out;
}

static struct slice base64(struct cursor *c, char letter, struct arena *a, const char *rule)
{
    struct slice text = value(c, letter, rule), out = {NULL, 0};
    struct builder b;
    struct err err;

    if (!cur_ok(c))
        return out;
    build_init(&b, text.n + 1);
    if (decode_base64(&b, text, &err) < 0)
        cur_reject(c, "base64");
    else
        out = arena_copy(a, build_slice(&b));
    build_done(&b);
    return out;
}

/* RFC 5802 7: saslname, decoded. */
static struct slice name(struct cursor *c, struct arena *a, const char *rule)
{
    struct slice text = cur_span(c, is_value, 1, rule);
    struct cursor in = cur_init(text);
    uint8_t *out = arena_alloc(a, text.n + 1);
    size_t n = 0;

    if (!cur_ok(c) || !out)
        return (struct slice){NULL, 0};
    while (cur_ok(&in) && !cur_at_end(&in)) {
        if (cur_eat_nocase(&in, SLICE("=2c")))
            out[n++] = ',';
        else if (cur_eat_nocase(&in, SLICE("=3d")))
            out[n++] = '=';
        else if (cur_peek(&in) == '=')
            cur_reject(&in, "=2C or =3D");
        else
            out[n++] = *cur_take(&in, 1, "octet").p;
    }
    if (!cur_ok(&in) || !utf8_valid(slice_of(out, n)))
        cur_reject(c, rule);
    return slice_of(out, n);
}

static bool is_letter(int byte)
{
    return ascii_is_alpha(byte);
}

/* ["," extensions], up to the end or to ",LETTER=" of `last`, which is left. */
static void extensions(struct cursor *c, char last)
{
    while (cur_ok(c) && !cur_at_end(c)) {
        size_t before = c->at;

        cur_byte(c, ',', "comma");
        size_t at = c->at;

        if (last && eat_attribute(c, last)) {
            cur_back(c, before);
            return;
        }
        cur_back(c, at);
        (void)cur_take(c, 1, "extension");
        if (cur_ok(c) && !is_letter(slice_at(c->in, at)))
            cur_reject(c, "letter");
        cur_byte(c, '=', "=");
        (void)cur_span(c, is_value, 1, "value");
    }
}

static bool has_mandatory(struct cursor *c)
{
    size_t at = c->at;
    bool is = eat_attribute(c, 'm');

    cur_back(c, at);
    return is;
}

static int mandatory(struct err *err)
{
    return err_set(err, ERR_INVALID, "an extension is demanded that is not known");
}

static int result(const struct cursor *c, const struct arena *a, struct err *err)
{
    if (!cur_ok(c))
        return cur_fail(c, err);
    return arena_failed(a) ? no_memory(err) : 0;
}

static void flag(struct cursor *c, struct scram_client_first *m)
{
    if (eat_attribute(c, 'p')) {
        m->flag = SCRAM_BOUND;
        m->binding = cur_span(c, is_binding_name, 1, "name of a binding");
    } else if (cur_eat_nocase(c, SLICE("y"))) {
        m->flag = SCRAM_DOUBTS;
    } else if (cur_eat_nocase(c, SLICE("n"))) {
        m->flag = SCRAM_UNBOUND;
    } else {
        cur_reject(c, "n, y or p=");
    }
}

int scram_client_first_read(struct arena *a, struct slice in, struct scram_client_first *out,
                            struct err *err)
{
    struct scram_client_first m = {0};
    struct cursor c = cur_init(in);

    flag(&c, &m);
    cur_byte(&c, ',', "comma");
    if (eat_attribute(&c, 'a'))
        m.authzid = name(&c, a, "authorisation identity");
    cur_byte(&c, ',', "comma");
    m.gs2 = slice_sub(in, 0, c.at);
    m.bare = cur_rest(&c);
    if (has_mandatory(&c))
        return mandatory(err);
    need_attribute(&c, 'n', "user name");
    m.user = name(&c, a, "user name");
    cur_byte(&c, ',', "comma");
    m.nonce = nonce(&c, "nonce");
    extensions(&c, 0);
    int rc = result(&c, a, err);

    if (rc == 0)
        *out = m;
    return rc;
}

int scram_server_first_read(struct arena *a, struct slice in, struct scram_server_first *out,
                            struct err *err)
{
    struct scram_server_first m = {0};
    struct cursor c = cur_init(in);

    if (has_mandatory(&c))
        return mandatory(err);
    m.nonce = nonce(&c, "nonce");
    cur_byte(&c, ',', "comma");
    m.salt = base64(&c, 's', a, "salt");
    cur_byte(&c, ',', "comma");
    need_attribute(&c, 'i', "iterations");
    if (cur_peek(&c) == '0')
        cur_reject(&c, "positive number");
    m.iterations = (uint32_t)cur_number(&c, ITERATIONS_TEXT_MAX, "iterations");
    extensions(&c, 0);
    int rc = result(&c, a, err);

    if (rc == 0)
        *out = m;
    return rc;
}

int scram_client_final_read(struct arena *a, struct slice in, struct scram_client_final *out,
                            struct err *err)
{
    struct scram_client_final m = {0};
    struct cursor c = cur_init(in);

    m.binding = base64(&c, 'c', a, "channel binding");
    cur_byte(&c, ',', "comma");
    m.nonce = nonce(&c, "nonce");
    extensions(&c, 'p');
    m.without_proof = slice_sub(in, 0, c.at);
    cur_byte(&c, ',', "comma");
    m.proof = base64(&c, 'p', a, "proof");
    cur_end(&c, "end");
    int rc = result(&c, a, err);

    if (rc == 0)
        *out = m;
    return rc;
}

int scram_server_final_read(struct arena *a, struct slice in, struct scram_server_final *out,
                            struct err *err)
{
    struct scram_server_final m = {0};
    struct cursor c = cur_init(in);

    if (eat_attribute(&c, 'e'))
        m.error = cur_span(&c, is_value, 1, "error");
    else
        m.signature = base64(&c, 'v', a, "signature");
    extensions(&c, 0);
    int rc = result(&c, a, err);

    if (rc == 0)
        *out = m;
    return rc;
}

void scram_write_name(struct builder *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        int byte = slice_at(text, i);

        if (byte == ',')
            build_text(out, "=2C");
        else if (byte == '=')
            build_text(out, "=3D");
        else
            build_byte(out, (uint8_t)byte);
    }
}

void scram_write_base64(struct builder *out, char letter, struct slice octets)
{
    build_byte(out, (uint8_t)letter);
    build_byte(out, '=');
    encode_base64(out, octets);
}

void scram_server_first_write(struct builder *out, struct slice client_nonce,
                              struct slice server_nonce, struct slice salt, uint32_t iterations)
{
    build_text(out, "r=");
    build_bytes(out, client_nonce);
    build_bytes(out, server_nonce);
    build_byte(out, ',');
    scram_write_base64(out, 's', salt);
    build_printf(out, ",i=%u", iterations);
}
