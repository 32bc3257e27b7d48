/* The file is read by libconfuse, driven by one table, which makes the example too. */
#include "sendmail/settings.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/num.h"

#define FILE_OCTETS_MAX (256u * 1024)
#define HOSTNAME_FALLBACK "localhost"

struct key {
    const char *name;
    const char *example; /* as it stands in the file */
    bool used;           /* the example is not commented out */
    const char *help;    /* lines of at most 96 columns */
};

static const struct key keys[] = {
    {"host", "\"mail.example.org\"", true, "Server that takes the mail. Required."},
    {"tls", "\"immediate\"", true,
     "\"immediate\" (port 465), \"starttls\" (port 587) or \"none\" (port 25)."},
    {"port", "\"465\"", false, "Only where it is another one."},
    {"from", "\"user@example.org\"", true,
     "Address that messages are sent from, and that bounces go to. Required."},
    {"allow_from", "{\"other@example.org\", \"@lists.example.org\"}", false,
     "More addresses, or @domains, that -f, -r and the From field may name. Other ones are\n"
     "# replaced by the address above."},
    {"user", "\"user@example.org\"", false, "Name to log in with, where it is not `from`."},
    {"password_file", "\"/etc/godwit/sendmail.password\"", true,
     "How to log in; at most one of three. A file whose first line is the password:"},
    {"password", "\"secret\"", false, "The password itself."},
    {"key_file", "\"~/.config/godwit/sendmail.pem\"", false,
     "A TLS client key: PEM of key and certificate, PEM of a key alone (the certificate is made),\n"
     "# or an Ed25519 seed of 32 octets in base64url."},
    {"auth", "\"SCRAM-SHA-256-PLUS\"", false,
     "Only this mechanism. Otherwise the best that both sides have; PLAIN only under TLS."},
    {"authorities_file", "\"/etc/ssl/certs/ca-certificates.crt\"", false,
     "Authorities that the server's certificate may be from. Otherwise the system's."},
    {"key_sha256", "\"0000000000000000000000000000000000000000000000000000000000000000\"", false,
     "Instead: the SHA-256 of the server's public key (DER, SubjectPublicKeyInfo), in "
     "hexadecimal."},
    {"insecure", "false", false,
     "true: any certificate will do. Somebody in between can read mail and password then."},
    {"require_tls", "\"yes\"", false,
     "\"yes\": only over verified TLS on all of its way, or not at all (REQUIRETLS). \"no\": its\n"
     "# delivery matters more than TLS (TLS-Required: No)."},
    {"default_destination", "\"admin@example.org\"", false,
     "Where mail for names without a domain goes, such as root. Otherwise they are an error."},
    {"hostname", "\"client.example.org\"", false, "Name of this machine for EHLO."},
    {"dead_letters", "\"~/dead.letter.d\"", false,
     "Directory for messages that could not be sent."},
};

void sendmail_settings_describe(struct builder *out)
{
    build_text(out, "# Configuration of godwit sendmail; see godwit-sendmail(1).\n");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        build_printf(out, "\n# %s\n%s%s = %s\n", keys[i].help, keys[i].used ? "" : "# ",
                     keys[i].name, keys[i].example);
}

/* ---- reading files ---- */

static int read_file(struct arena *a, const char *path, struct slice *out, struct err *err)
{
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct builder text;
    ssize_t n = 1;

    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    build_init(&text, FILE_OCTETS_MAX);
    while (n > 0) {
        uint8_t *room = build_reserve(&text, 4096);

        if (!room)
            break;
        n = read(fd, room, 4096);
        build_advance(&text, n > 0 ? (size_t)n : 0);
    }
    int rc = n < 0              ? err_errno(err, errno, "cannot read %s", path)
             : !build_ok(&text) ? err_set(err, ERR_LIMIT, "%s is too large", path)
                                : 0;

    if (rc == 0) {
        *out = arena_copy(a, build_slice(&text));
        if (text.n > 0 && out->n == 0)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    if (text.p)
        wipe(text.p, text.cap);
    build_done(&text);
    return rc;
}

struct reader {
    struct arena *a;
    cfg_t *tree;
    const char *path, *home;
    struct sendmail_settings *out;
};

static int wrong(const struct reader *r, const char *name, const char *what, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s: %s %s", r->path, name, what);
}

/* "" when it is not set. */
static const char *text_of(const struct reader *r, const char *name)
{
    const char *text = cfg_getstr(r->tree, name);

    return text ? text : "";
}

static const char *path_of(const struct reader *r, const char *name, const char *fallback)
{
    const char *text = text_of(r, name);

    if (!*text)
        text = fallback;
    if (strncmp(text, "~/", 2) == 0 && r->home)
        return (const char *)arena_printf(r->a, "%s/%s", r->home, text + 2).p;
    return arena_str(r->a, slice_str(text));
}

/* ---- values ---- */

static bool one_of(const char *text, const char *const *words, size_t n, int *out)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

static bool is_address(struct slice s)
{
    size_t at = slice_rfind_byte(s, '@');

    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '<' || s.p[i] == '>')
            return false;
    return at != SIZE_MAX && at + 1 < s.n;
}

static int read_server(struct reader *r, struct err *err)
{
    static const char *const tls_words[] = {"immediate", "starttls", "none"};
    static const char *const ports[] = {"465", "587", "25"};
    static const char *const require_words[] = {"", "yes", "no"};
    struct sendmail_settings *s = r->out;
    const char *tls = text_of(r, "tls"), *port = text_of(r, "port");
    char name[256] = "";
    int choice = 0;
    uint64_t number = 0;

    s->host = arena_str(r->a, slice_str(text_of(r, "host")));
    if (!*s->host)
        return wrong(r, "host", "is missing", err);
    if (*tls && !one_of(tls, tls_words, ARRAY_SIZE(tls_words), &choice))
        return wrong(r, "tls", "is not immediate, starttls or none", err);
    s->tls = (enum sendmail_tls)choice;
    if (*port && (!num_parse(slice_str(port), 65535, &number) || number == 0))
        return wrong(r, "port", "is not a port", err);
    s->port = arena_str(r->a, slice_str(*port ? port : ports[choice]));
    if (!one_of(text_of(r, "require_tls"), require_words, ARRAY_SIZE(require_words), &choice))
        return wrong(r, "require_tls", "is neither yes nor no", err);
    s->require_tls = (enum sendmail_require_tls)choice;
    if (gethostname(name, sizeof(name) - 1) != 0 || !name[0])
        (void)snprintf(name, sizeof(name), "%s", HOSTNAME_FALLBACK);
    s->hostname =
        arena_str(r->a, slice_str(*text_of(r, "hostname") ? text_of(r, "hostname") : name));
    s->dead_letters = path_of(r, "dead_letters", "~/dead.letter.d");
    return 0;
}

static int read_verification(struct reader *r, struct err *err)
{
    struct sendmail_settings *s = r->out;
    const char *pin = text_of(r, "key_sha256");
    struct builder octets;

    s->verify = cfg_getbool(r->tree, "insecure") ? TLS_VERIFY_NONE : TLS_VERIFY_NAME;
    if (s->require_tls == SENDMAIL_REQUIRE_YES &&
        (s->verify == TLS_VERIFY_NONE || s->tls == SENDMAIL_TLS_NONE))
        return wrong(r, "require_tls", "needs TLS, and a server that is verified", err);
    if (*text_of(r, "authorities_file"))
        return read_file(r->a, path_of(r, "authorities_file", ""), &s->authorities_pem, err);
    if (!*pin)
        return 0;
    build_init(&octets, TLS_PIN_OCTETS);
    bool ok = decode_hex(&octets, slice_str(pin), err) == 0 && octets.n == TLS_PIN_OCTETS;

    if (ok)
        memcpy(s->pin, octets.p, TLS_PIN_OCTETS);
    build_done(&octets);
    s->verify = TLS_VERIFY_PIN;
    return ok ? 0 : wrong(r, "key_sha256", "is not 64 hexadecimal digits", err);
}

static int read_addresses(struct reader *r, struct err *err)
{
    struct sendmail_settings *s = r->out;
    const char *user = text_of(r, "user");

    s->from = arena_copy(r->a, slice_str(text_of(r, "from")));
    if (!is_address(s->from) || s->from.p[0] == '@')
        return wrong(r, "from", "is missing, or no address", err);
    s->user = *user ? arena_copy(r->a, slice_str(user)) : s->from;
    s->default_destination = arena_copy(r->a, slice_str(text_of(r, "default_destination")));
    if (s->default_destination.n > 0 && !is_address(s->default_destination))
        return wrong(r, "default_destination", "is no address", err);
    for (unsigned i = 0; i < cfg_size(r->tree, "allow_from"); i++) {
        struct slice one = slice_str(cfg_getnstr(r->tree, "allow_from", i));

        if (!is_address(one) || s->allowed_n == SENDMAIL_ALLOWED_MAX)
            return wrong(r, "allow_from", "has something that is no address, or too many", err);
        s->allowed[s->allowed_n++] = arena_copy(r->a, one);
    }
    return 0;
}

static int read_identity(struct reader *r, struct err *err)
{
    struct slice text;
    int rc = read_file(r->a, path_of(r, "key_file", ""), &text, err);

    if (rc < 0)
        return rc;
    if (r->out->tls == SENDMAIL_TLS_NONE)
        return wrong(r, "key_file", "needs TLS", err);
    return tls_identity_read(text, &r->out->identity, err);
}

static int read_password(struct reader *r, struct err *err)
{
    struct slice text = slice_str(text_of(r, "password"));
    int rc = 0;

    if (text.n == 0)
        rc = read_file(r->a, path_of(r, "password_file", ""), &text, err);
    if (rc < 0)
        return rc;
    text = slice_sub(text, 0, slice_find_byte(text, '\n'));
    if (slice_at(text, text.n - 1) == '\r')
        text = slice_sub(text, 0, text.n - 1);
    if (text.n == 0)
        return wrong(r, "password_file", "has an empty first line", err);
    r->out->has_password = true;
    return secret_copy(&r->out->password, text) ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

static int read_login(struct reader *r, struct err *err)
{
    const char *auth = text_of(r, "auth");
    bool password = *text_of(r, "password"), file = *text_of(r, "password_file"),
         key = *text_of(r, "key_file");
    int rc = 0;

    if (password + file + key > 1)
        return wrong(r, "password, password_file and key_file:", "more than one is set", err);
    if (*auth) {
        r->out->only = sasl_find(slice_str(auth));
        if (!r->out->only)
            return wrong(r, "auth", "is a mechanism that is not known", err);
    }
    if (key)
        rc = read_identity(r, err);
    else if (password || file)
        rc = read_password(r, err);
    return rc;
}

/* ---- the file ---- */

/* libconfuse gives its callbacks no argument of ours; its messages may quote values. */
static _Thread_local int bad_line;

static void on_error(cfg_t *tree, const char *format, va_list args)
{
    (void)format;
    (void)args;
    bad_line = tree ? tree->line : 0;
}

static int parse(struct reader *r, struct slice text, struct err *err)
{
    cfg_opt_t options[ARRAY_SIZE(keys) + 1];

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strcmp(keys[i].name, "insecure") == 0)
            options[i] = (cfg_opt_t)CFG_BOOL(keys[i].name, cfg_false, CFGF_NONE);
        else if (strcmp(keys[i].name, "allow_from") == 0)
            options[i] = (cfg_opt_t)CFG_STR_LIST(keys[i].name, NULL, CFGF_NODEFAULT);
        else
            options[i] = (cfg_opt_t)CFG_STR(keys[i].name, NULL, CFGF_NODEFAULT);
    }
    options[ARRAY_SIZE(keys)] = (cfg_opt_t)CFG_END();
    r->tree = cfg_init(options, CFGF_NONE);
    const char *copy = arena_str(r->a, text);

    if (!r->tree || !copy)
        return err_set(err, ERR_NOMEM, "out of memory");
    bad_line = 0;
    (void)cfg_set_error_function(r->tree, on_error);
    if (cfg_parse_buf(r->tree, copy) == CFG_SUCCESS)
        return 0;
    return err_set(err, ERR_INVALID, "%s, line %d: not a setting that is known, or not its form",
                   r->path, bad_line);
}

static int find(struct arena *a, const char *home, const char **path_out, struct err *err)
{
    const char *own =
        home ? (const char *)arena_printf(a, "%s/.config/godwit/sendmail.conf", home).p : NULL;

    if (access(SENDMAIL_CONFIG, F_OK) == 0)
        *path_out = SENDMAIL_CONFIG;
    else if (own && access(own, F_OK) == 0)
        *path_out = own;
    else
        return err_set(err, ERR_NOT_FOUND,
                       "there is neither " SENDMAIL_CONFIG " nor ~/.config/godwit/sendmail.conf; "
                       "see godwit config describe-sendmail");
    return 0;
}

int sendmail_settings_read(struct arena *a, const char *path, const char *home,
                           struct sendmail_settings *out, struct err *err)
{
    struct reader r = {.a = a, .path = path, .home = home, .out = out};
    struct slice text;
    int rc = path ? 0 : find(a, home, &r.path, err);

    *out = (struct sendmail_settings){.host = NULL};
    if (rc == 0)
        rc = read_file(a, r.path, &text, err);
    if (rc == 0)
        rc = parse(&r, text, err);
    if (rc == 0)
        rc = read_server(&r, err);
    if (rc == 0)
        rc = read_verification(&r, err);
    if (rc == 0)
        rc = read_addresses(&r, err);
    if (rc == 0)
        rc = read_login(&r, err);
    if (r.tree)
        (void)cfg_free(r.tree);
    if (rc < 0)
        sendmail_settings_done(out);
    else if (arena_failed(a))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

void sendmail_settings_done(struct sendmail_settings *s)
{
    secret_done(&s->password);
    tls_identity_free(s->identity);
    s->identity = NULL;
}
