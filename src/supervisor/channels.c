#include <signal.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "supervisor/supervisor_private.h"

static void send_part(struct supervisor *s, struct child *to, enum config_role whose,
                      Gw__Channels *channels, const int *fds, size_t n)
{
    static const Gw__Channels__Role roles[CONFIG_ROLE_COUNT] = {
        [CONFIG_MX] = GW__CHANNELS__ROLE__ROLE_MX,
        [CONFIG_ACCESS] = GW__CHANNELS__ROLE__ROLE_ACCESS,
        [CONFIG_WEB] = GW__CHANNELS__ROLE__ROLE_WEB,
    };
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;

    channels->role = roles[whose];
    order.order_case = GW__CONTROL_ORDER__ORDER_CHANNELS;
    order.channels = channels;
    child_order(s, to, &order, fds, n);
}

/* One channel per thread of the edge, then (from the store) the one for events, in records of at
 * most eight. When this breaks off, both sides see fewer than they were told, and the edge is
 * killed for a new try.
 */
void channels_make(struct supervisor *s, struct child *edge, struct child *to)
{
    Gw__Channels channels = GW__CHANNELS__INIT;
    struct err err;

    channels.group = ++s->group;
    channels.keys = to->role == CONFIG_KEYS;
    channels.total = edge->threads + (channels.keys ? 0 : 1);
    while (channels.first < channels.total) {
        int edge_fds[CHANNEL_FDS_MAX], to_fds[CHANNEL_FDS_MAX];
        uint32_t want = MIN(channels.total - channels.first, (uint32_t)CHANNEL_FDS_MAX), n = 0;
        int rc = 0;

        while (n < want && rc == 0) {
            int pair[2];

            rc = channel_pair(pair, &err);
            if (rc < 0)
                break;
            edge_fds[n] = pair[0];
            to_fds[n++] = pair[1];
        }
        if (rc == 0) {
            send_part(s, to, edge->role, &channels, to_fds, n);
            send_part(s, edge, edge->role, &channels, edge_fds, n);
        }
        for (uint32_t i = 0; i < n; i++) {
            (void)fd_close(edge_fds[i]);
            (void)fd_close(to_fds[i]);
        }
        if (rc < 0) {
            log_err(s->log, LOG_ERROR, "supervisor", 0, "cannot make channels", &err);
            (void)kill(edge->pid, SIGKILL);
            return;
        }
        channels.first += n;
    }
}

int supervisor_admin_channel(struct supervisor *s, int *fd_out, struct err *err)
{
    Gw__Channels channels = GW__CHANNELS__INIT;
    Gw__ControlOrder order = GW__CONTROL_ORDER__INIT;
    struct child *store = child_of(s, CONFIG_STORE);
    int pair[2];

    if (!store || !store->ready)
        return err_set(err, ERR_UNAVAILABLE, "the store is being restarted: try again");
    int rc = channel_pair(pair, err);

    if (rc < 0)
        return rc;
    channels.role = GW__CHANNELS__ROLE__ROLE_ADMIN;
    channels.group = ++s->group;
    channels.total = 1;
    order.order_case = GW__CONTROL_ORDER__ORDER_CHANNELS;
    order.channels = &channels;
    child_order(s, store, &order, &pair[1], 1);
    (void)fd_close(pair[1]);
    *fd_out = pair[0];
    return 0;
}
