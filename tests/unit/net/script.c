#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "script.h"

SSL_CTX *script_tls(EVP_PKEY *key, const char *name)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    X509 *x509 = X509_new();
    X509_NAME *subject = X509_get_subject_name(x509);
    char san[80];

    (void)snprintf(san, sizeof(san), "DNS:%s", name);
    assert_int_equal(X509_set_version(x509, X509_VERSION_3), 1);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x509, subject);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);

    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x509, key, EVP_sha256());
    assert_int_equal(SSL_CTX_use_certificate(ctx, x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(x509);
    return ctx;
}

static void problem(struct script *s, const char *what, const char *step)
{
    if (!s->problem[0])
        (void)snprintf(s->problem, sizeof(s->problem), "%.150s: %.200s", what, step);
}

static ssize_t get(struct script *s, char *p, size_t n)
{
    return s->ssl ? SSL_read(s->ssl, p, (int)n) : recv(s->fd, p, n, 0);
}

static bool put(struct script *s, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = s->ssl ? SSL_write(s->ssl, p, (int)n) : send(s->fd, p, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* Without its CRLF; false at the end. */
static bool line(struct script *s, char *out, size_t size)
{
    for (;;) {
        char *lf = memchr(s->in, '\n', s->in_n);

        if (lf) {
            size_t n = (size_t)(lf - s->in) + 1;
            size_t text = n >= 2 && lf[-1] == '\r' ? n - 2 : n - 1;

            (void)snprintf(out, size, "%.*s", (int)text, s->in);
            s->heard_n += (size_t)snprintf(s->heard + s->heard_n, sizeof(s->heard) - s->heard_n,
                                           "%.*s\n", (int)text, s->in);
            memmove(s->in, s->in + n, s->in_n - n);
            s->in_n -= n;
            return true;
        }
        ssize_t n = s->in_n < sizeof(s->in) ? get(s, s->in + s->in_n, sizeof(s->in) - s->in_n) : 0;

        if (n <= 0)
            return false;
        s->in_n += (size_t)n;
    }
}

static bool matches(const char *want, const char *have)
{
    size_t n = strlen(want);

    return n > 0 && want[n - 1] == '*' ? strncmp(want, have, n - 1) == 0 : strcmp(want, have) == 0;
}

static bool expect(struct script *s, const char *step)
{
    char have[8192];

    while (line(s, have, sizeof(have))) {
        if (step[0] == '.' ? strcmp(have, ".") == 0 : matches(step + 2, have))
            return true;
        if (step[0] == 'C') {
            problem(s, have, step);
            return false;
        }
    }
    problem(s, "the client closed", step);
    return false;
}

static bool tls(struct script *s)
{
    s->ssl = SSL_new(s->tls);
    SSL_set_fd(s->ssl, s->fd);
    return SSL_accept(s->ssl) == 1;
}

static void flood(struct script *s, const char *step, bool whole_lines)
{
    char *text;
    unsigned long n = strtoul(step, &text, 10);

    while (n-- > 0)
        if (!put(s, text + 1, strlen(text + 1)) || !put(s, "\r\n", whole_lines ? 2 : 0))
            return;
}

static bool play(struct script *s, const char *step)
{
    switch (step[0]) {
    case 'S':
        /* A client that has heard enough may be gone. */
        return put(s, step + 2, strlen(step + 2)) && put(s, "\r\n", 2);
    case 's':
        return put(s, step + 2, strlen(step + 2));
    case 'N':
    case 'n':
        flood(s, step + 2, step[0] == 'N');
        return true;
    case 'T':
        return tls(s);
    case 'Z':
        return false;
    default:
        return expect(s, step);
    }
}

static void *run(void *arg)
{
    struct script *s = arg;
    char rest[8192];
    sigset_t broken_pipe;
    size_t i = 0;

    /* For this side alone: the client has to do without. */
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, NULL);
    while (s->steps[i] && play(s, s->steps[i]))
        i++;
    if (!s->steps[i] && line(s, rest, sizeof(rest)))
        problem(s, "more came", rest);
    if (s->ssl)
        SSL_free(s->ssl);
    (void)shutdown(s->fd, SHUT_WR);
    while (recv(s->fd, rest, sizeof(rest), 0) > 0)
        ;
    (void)close(s->fd);
    return NULL;
}

struct stream *script_start(struct script *s, const char *const *steps)
{
    struct timeval patience = {.tv_sec = 30};
    struct stream *stream;
    struct err err;
    int pair[2];

    s->steps = steps;
    if (!s->tls) {
        EVP_PKEY *key = EVP_EC_gen("P-256");

        s->tls = script_tls(key, "localhost");
        s->own_tls = true;
        EVP_PKEY_free(key);
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    s->fd = pair[0];
    assert_int_equal(stream_of_fd(pair[1], &stream, &err), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
    return stream;
}

void script_end(struct script *s)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    if (s->own_tls)
        SSL_CTX_free(s->tls);
    if (s->problem[0])
        fail_msg("%s\nheard:\n%s", s->problem, s->heard);
}
