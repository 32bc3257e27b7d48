#include "session.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/builder.h"
#include "base/encode.h"

static bool login(struct client *c, const struct options *o)
{
    struct builder plain, command;
    bool ok;

    build_init(&plain, 1000);
    build_init(&command, 2000);
    build_byte(&plain, '\0');
    build_text(&plain, o->user);
    build_byte(&plain, '\0');
    build_text(&plain, o->password);
    build_text(&command, "AUTH PLAIN ");
    encode_base64(&command, build_slice(&plain));
    build_byte(&command, '\0');
    ok = build_ok(&command) && client_smtp(c, (const char *)command.p) == 235;
    build_done(&plain);
    build_done(&command);
    return ok;
}

bool session_smtp(struct client *c, const struct options *o, uint16_t port, enum client_tls tls,
                  SSL_CTX *ctx)
{
    if (!client_open(c, o->address, port))
        return false;
    if (tls == CLIENT_IMPLICIT && !client_start_tls(c, ctx))
        return false;
    if (client_smtp(c, NULL) != 220 || client_smtp(c, "EHLO bench.example") != 250)
        return false;
    if (tls == CLIENT_STARTTLS && (client_smtp(c, "STARTTLS") != 220 || !client_start_tls(c, ctx) ||
                                   client_smtp(c, "EHLO bench.example") != 250))
        return false;
    return !o->login || login(c, o);
}

bool session_command(struct client *c, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);

    va_end(args);
    return n >= 0 && (size_t)n < sizeof(text) && client_imap(c, text);
}

bool session_imap(struct client *c, const struct options *o, SSL_CTX *ctx)
{
    struct slice line;

    if (!client_open(c, o->address, o->port))
        return false;
    if (o->tls == CLIENT_IMPLICIT && !client_start_tls(c, ctx))
        return false;
    if (!client_line(c, &line))
        return false;
    if (o->tls == CLIENT_STARTTLS && (!client_imap(c, "STARTTLS") || !client_start_tls(c, ctx)))
        return false;
    return session_command(c, "LOGIN \"%s\" \"%s\"", o->user, o->password);
}

bool session_wait(struct client *c, const char *mailbox)
{
    struct slice line;

    if (!session_command(c, "SELECT \"%s\"", mailbox) || !client_write(c, SLICE("t IDLE\r\n")))
        return false;
    do {
        if (!client_line(c, &line))
            return false;
    } while (slice_at(line, 0) != '+');
    return true;
}
