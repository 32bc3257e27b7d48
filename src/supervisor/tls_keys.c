/* What the keys process has: the keys of the configuration, and those with which edges of earlier
 * configurations still serve. Kept here as descriptors, because that process may end and start
 * again. */
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "supervisor/supervisor_private.h"

static void send_key(struct supervisor *s, struct child *keys, const struct held_key *held)
{
    Gw__Key key = GW__KEY__INIT;
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;

    key.generation = held->generation;
    order.order_case = GW__CONTROL_ORDER__ORDER_KEY;
    order.key = &key;
    child_order(s, keys, &order, &held->fd, 1);
}

void tls_keys_send(struct supervisor *s, struct child *keys)
{
    for (size_t i = 0; i < s->held_n; i++)
        send_key(s, keys, &s->held[i]);
}

static struct held_key *find(struct supervisor *s, const struct tls_pair *pair)
{
    for (size_t i = 0; i < s->held_n; i++)
        if (memcmp(s->held[i].id, pair->id, sizeof(pair->id)) == 0)
            return &s->held[i];
    return NULL;
}

void tls_keys_hold(struct supervisor *s)
{
    struct child *keys = child_of(s, CONFIG_KEYS);

    for (size_t i = 0; i < s->tls.n; i++) {
        const struct tls_pair *pair = &s->tls.pair[i];
        struct held_key *held = find(s, pair);

        if (!held && s->held_n < SUPERVISOR_KEYS_MAX) {
            held = &s->held[s->held_n];
            held->fd = fcntl(pair->key_fd, F_DUPFD_CLOEXEC, 0);
            memcpy(held->id, pair->id, sizeof(held->id));
            s->held_n += held->fd >= 0;
        }
        if (!held || held->fd < 0) {
            log_event(s->log, LOG_ERROR, "supervisor", 0, "too many private keys are in use",
                      LOG_STR("certificate", pair->files->certificate));
            continue;
        }
        held->generation = s->generation;
        if (keys)
            send_key(s, keys, held);
    }
}

void tls_keys_forget(struct supervisor *s)
{
    Gw__ForgetKeys forget = GW__FORGET_KEYS__INIT;
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;
    struct child *keys = child_of(s, CONFIG_KEYS);
    uint32_t oldest = s->generation;

    for (size_t i = 0; i < s->children_n; i++)
        if (config_role_is_edge(s->children[i].role))
            oldest = MIN(oldest, s->children[i].generation);
    for (size_t i = s->held_n; i-- > 0;) {
        if (s->held[i].generation >= oldest)
            continue;
        (void)fd_close(s->held[i].fd);
        s->held[i] = s->held[--s->held_n];
    }
    forget.before = oldest;
    order.order_case = GW__CONTROL_ORDER__ORDER_FORGET_KEYS;
    order.forget_keys = &forget;
    if (keys)
        child_order(s, keys, &order, NULL, 0);
}

void tls_keys_close(struct supervisor *s)
{
    for (size_t i = 0; i < s->held_n; i++)
        (void)fd_close(s->held[i].fd);
    s->held_n = 0;
}
