/* What protocols call. */
#include <stdarg.h>
#include <stdlib.h>

#include "base/builder.h"
#include "base/num.h"
#include "net/conn_private.h"

uint64_t conn_id(const struct conn *c)
{
    return c->id;
}

const struct addr *conn_remote(const struct conn *c)
{
    return &c->remote;
}

const struct addr *conn_local(const struct conn *c)
{
    return &c->local;
}

const struct env *conn_env(const struct conn *c)
{
    return c->listener->env;
}

unsigned conn_thread(const struct conn *c)
{
    return c->thread;
}

struct arena *conn_arena(struct conn *c)
{
    return &c->arena;
}

struct conn_tls_info conn_tls(const struct conn *c)
{
    struct conn_tls_info info = {.version_name = "", .cipher_name = ""};

    if (!c->ssl || !SSL_is_init_finished(c->ssl))
        return info;
    const SSL_CIPHER *cipher = SSL_get_current_cipher(c->ssl);
    const char *name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;

    info.on = true;
    info.version = (uint16_t)SSL_version(c->ssl);
    info.version_name = info.version == TLS1_3_VERSION ? "TLS1.3" : "TLS1.2";
    info.cipher = cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
    info.cipher_name = name ? name : "";
    return info;
}

bool conn_tls_available(const struct conn *c)
{
    return c->listener->config.tls != NULL;
}

void conn_write(struct conn *c, struct slice s)
{
    conn_output_append(c, s);
    /* Long answers leave while they are made, as far as the peer takes them. Producers stop by
     * themselves, so that others have a turn. */
    if (c->out_n < CONN_OUTPUT_HIGH || c->producing || c->delay_until_ms || c->slow || c->broken)
        return;
    enum io_result result = conn_io_flush(c);

    if (result == IO_FAILED || result == IO_END)
        c->broken = true;
}

void conn_printf(struct conn *c, const char *format, ...)
{
    struct builder b;
    va_list args;

    build_init(&b, CONN_OUTPUT_MAX);
    va_start(args, format);
    build_vprintf(&b, format, args);
    va_end(args);
    if (build_ok(&b))
        conn_write(c, build_slice(&b));
    else
        c->broken = true;
    build_done(&b);
}

size_t conn_output_pending(const struct conn *c)
{
    return c->out_n;
}

void conn_set_timeout(struct conn *c, uint32_t seconds)
{
    c->timeout_s = seconds;
}

void conn_set_min_rate(struct conn *c, uint32_t bytes_per_minute)
{
    if (c->rate_min != bytes_per_minute)
        c->rate_octets = c->rate_waited_ms = 0;
    c->rate_min = bytes_per_minute;
}

void conn_delay(struct conn *c, uint32_t seconds)
{
    c->delay_until_ms = MAX(c->delay_until_ms, conn_now_ms() + (int64_t)seconds * 1000);
}

void conn_set_slow(struct conn *c, bool slow)
{
    c->slow = slow;
}

bool conn_is_slow(const struct conn *c)
{
    return c->slow;
}

void conn_set_producer(struct conn *c)
{
    c->producing = true;
}

struct conn_ref conn_ref(const struct conn *c)
{
    return (struct conn_ref){c->listener->loop, c->slot};
}

void conn_wake(struct conn_ref ref, unsigned events)
{
    loop_wake(ref.loop, ref.id, (events & 0xffff) * LOOP_WAKE);
}
