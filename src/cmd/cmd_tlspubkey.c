/* config tlspubkey list, get, add, rm: the keys with which programs log in over TLS. The
 * certificate is read here, in the process of whoever adds it. */
#include <openssl/pem.h>
#include <string.h>

#include "base/builder.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "cmd/admin_client.h"
#include "net/client_key.h"

#define FINGERPRINT_TEXT 64

static const char *fingerprint_text(struct slice octets, char out[FINGERPRINT_TEXT])
{
    _cleanup_(build_done) struct builder text = {0};

    build_init(&text, FINGERPRINT_TEXT);
    encode_base64url(&text, octets);
    (void)snprintf(out, FINGERPRINT_TEXT, "%.*s", SLICE_FMT(build_slice(&text)));
    return out;
}

static int fingerprint_parse(const char *text, uint8_t out[CLIENT_KEY_FINGERPRINT], struct err *err)
{
    _cleanup_(build_done) struct builder octets = {0};
    struct err ignored;

    build_init(&octets, CLIENT_KEY_FINGERPRINT);
    if (decode_base64url(&octets, slice_str(text), &ignored) < 0 ||
        build_slice(&octets).n != CLIENT_KEY_FINGERPRINT)
        return err_set(err, ERR_INVALID, "a fingerprint has 43 letters, digits, - and _");
    memcpy(out, build_slice(&octets).p, CLIENT_KEY_FINGERPRINT);
    return 0;
}

/* ---- list, get ---- */

static int ask(struct admin_client *c, Gw__TlsKeyList *body, struct arena *a,
               const Gw__TlsKeys **out, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    const Gw__Response *response;

    request.call_case = GW__REQUEST__CALL_TLS_KEY_LIST;
    request.tls_key_list = body;
    int rc = rpc_call(c->store, &request, NULL, 0, a, &response, NULL, err);

    if (rc == 0 && response->result_case != GW__RESPONSE__RESULT_TLS_KEYS)
        rc = err_set(err, ERR_INTERNAL, "the store's answer is of another kind");
    if (rc == 0)
        *out = response->tls_keys;
    return rc;
}

static void print_quoted(struct slice s, FILE *to)
{
    (void)fputc('"', to);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            (void)fputc('\\', to);
        (void)fputc(s.p[i], to);
    }
    (void)fputc('"', to);
}

static void print_row(const Gw__TlsKey *key, FILE *to)
{
    char fingerprint[FINGERPRINT_TEXT];

    (void)fprintf(to, "%s\t%.*s\t", fingerprint_text(rpc_slice(key->fingerprint), fingerprint),
                  SLICE_FMT(rpc_slice(key->type)));
    print_quoted(rpc_slice(key->name), to);
    (void)fprintf(to, "\t%.*s\t%.*s\t%s\n", SLICE_FMT(rpc_slice(key->account)),
                  SLICE_FMT(rpc_slice(key->address)),
                  key->no_imap_preauth ? "no-preauth" : "preauth");
}

/* All pages; how many keys there were. */
static int print_rows(struct admin_client *c, const char *account, FILE *to, size_t *n_out,
                      struct err *err)
{
    Gw__TlsKeyList body = GW__TLS_KEY_LIST__INIT;
    uint8_t after[CLIENT_KEY_FINGERPRINT];
    bool more = true;
    int rc = 0;

    body.account = rpc_bytes(slice_str(account));
    while (rc == 0 && more) {
        const Gw__TlsKeys *page;
        struct arena a;

        arena_init(&a, RPC_DECODE_MAX);
        rc = ask(c, &body, &a, &page, err);
        more = rc == 0 && page->more && page->n_rows > 0;
        for (size_t i = 0; rc == 0 && i < page->n_rows; i++, ++*n_out)
            print_row(page->rows[i], to);
        if (more && page->rows[page->n_rows - 1]->fingerprint.len == sizeof(after)) {
            const Gw__TlsKey *last = page->rows[page->n_rows - 1];

            memcpy(after, last->fingerprint.data, sizeof(after));
            body.after = rpc_bytes(slice_of(after, sizeof(after)));
            body.after_ns = last->created_ns;
        }
        arena_done(&a);
    }
    return rc;
}

int cmd_tlspubkey_list(const struct invocation *in, struct err *err)
{
    struct admin_client client;
    char *text = NULL;
    size_t text_n = 0, n = 0;
    FILE *to = NULL;
    int rc = admin_client_store(&client, in, err);

    if (rc == 0) {
        to = open_memstream(&text, &text_n);
        rc = to ? print_rows(&client, in->args_n > 0 ? in->args[0] : "", to, &n, err)
                : err_set(err, ERR_NOMEM, "out of memory");
    }
    if (to && fclose(to) != 0 && rc == 0)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc == 0)
        (void)printf("# %zu key%s\n%s", n, n == 1 ? "" : "s", text);
    free(text);
    admin_client_done(&client);
    return rc;
}

static int print_key(const Gw__TlsKey *key, struct err *err)
{
    (void)printf("type: %.*s\nname: %.*s\naccount: %.*s\naddress: %.*s\nno imap preauth: %s\n",
                 SLICE_FMT(rpc_slice(key->type)), SLICE_FMT(rpc_slice(key->name)),
                 SLICE_FMT(rpc_slice(key->account)), SLICE_FMT(rpc_slice(key->address)),
                 key->no_imap_preauth ? "true" : "false");
    if (PEM_write(stdout, PEM_STRING_X509, "", key->certificate.data, (long)key->certificate.len) <=
        0)
        return err_set(err, ERR_IO, "cannot write the certificate");
    return 0;
}

int cmd_tlspubkey_get(const struct invocation *in, struct err *err)
{
    Gw__TlsKeyList body = GW__TLS_KEY_LIST__INIT;
    uint8_t fingerprint[CLIENT_KEY_FINGERPRINT];
    struct admin_client client;
    const Gw__TlsKeys *page;
    int rc = fingerprint_parse(in->args[0], fingerprint, err);

    if (rc < 0)
        return rc;
    body.fingerprint = rpc_bytes(slice_of(fingerprint, sizeof(fingerprint)));
    rc = admin_client_store(&client, in, err);
    if (rc == 0)
        rc = ask(&client, &body, &client.arena, &page, err);
    if (rc == 0)
        rc = page->n_rows == 1 ? print_key(page->rows[0], err)
                               : err_set(err, ERR_NOT_FOUND, "there is no such key");
    admin_client_done(&client);
    return rc;
}

/* ---- add, rm ---- */

static int change(const struct invocation *in, Gw__Request *request, struct err *err)
{
    const Gw__Response *response;
    struct admin_client client;
    int rc = admin_client_store(&client, in, err);

    if (rc == 0)
        rc = rpc_call(client.store, request, NULL, 0, &client.arena, &response, NULL, err);
    admin_client_done(&client);
    return rc;
}

static int read_certificate(struct arena *a, struct client_key *out, struct err *err)
{
    uint8_t *octets = arena_alloc(a, CLIENT_KEY_INPUT_MAX + 1);

    if (!octets)
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t n = fread(octets, 1, CLIENT_KEY_INPUT_MAX + 1, stdin);

    if (ferror(stdin))
        return err_set(err, ERR_IO, "cannot read standard input");
    if (n == 0)
        return err_set(err, ERR_INVALID, "the certificate is read from standard input");
    return client_key_read(a, slice_of(octets, n), out, err);
}

static int add(const struct invocation *in, const struct client_key *read, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__TlsKeyAdd add = GW__TLS_KEY_ADD__INIT;
    Gw__TlsKey key = GW__TLS_KEY__INIT;
    char text[FINGERPRINT_TEXT];

    key.fingerprint = rpc_bytes(slice_of(read->fingerprint, sizeof(read->fingerprint)));
    key.address = rpc_bytes(slice_str(in->args[0]));
    key.name = rpc_bytes(in->args_n > 1 ? slice_str(in->args[1]) : read->name);
    key.type = rpc_bytes(read->type);
    key.no_imap_preauth = in->flags[FLAG_NO_IMAP_PREAUTH] != NULL;
    key.certificate = rpc_bytes(read->certificate);
    add.key = &key;
    request.call_case = GW__REQUEST__CALL_TLS_KEY_ADD;
    request.tls_key_add = &add;
    int rc = change(in, &request, err);

    if (rc == 0)
        (void)printf("%s\n", fingerprint_text(rpc_slice(key.fingerprint), text));
    return rc;
}

int cmd_tlspubkey_add(const struct invocation *in, struct err *err)
{
    struct client_key read;
    struct arena a;

    arena_init(&a, 4 * CLIENT_KEY_INPUT_MAX);
    int rc = read_certificate(&a, &read, err);

    if (rc == 0)
        rc = add(in, &read, err);
    arena_done(&a);
    return rc;
}

int cmd_tlspubkey_rm(const struct invocation *in, struct err *err)
{
    Gw__Request request = GW__REQUEST__INIT;
    Gw__TlsKeyRemove body = GW__TLS_KEY_REMOVE__INIT;
    uint8_t fingerprint[CLIENT_KEY_FINGERPRINT];
    int rc = fingerprint_parse(in->args[0], fingerprint, err);

    if (rc < 0)
        return rc;
    body.fingerprint = rpc_bytes(slice_of(fingerprint, sizeof(fingerprint)));
    request.call_case = GW__REQUEST__CALL_TLS_KEY_REMOVE;
    request.tls_key_remove = &body;
    return change(in, &request, err);
}
