/* Every place (role, index) has a segment of metrics from the start of the server to its end, so
 * that counters survive the processes. During a reload two processes count in one segment. */
#include "base/cleanup.h"
#include "supervisor/supervisor_private.h"

void places_init(struct supervisor *s)
{
    for (int role = 0; role < CONFIG_ROLE_COUNT; role++)
        for (size_t i = 0; i < SUPERVISOR_PLACES_MAX; i++)
            s->metrics[role][i].fd = s->metrics[role][i].view_fd = -1;
}

int places_open(struct supervisor *s, struct err *err)
{
    for (int role = 0; role < CONFIG_ROLE_COUNT; role++) {
        for (int64_t i = 0; i < s->config->process[role].count; i++) {
            struct place_metrics *p = &s->metrics[role][i];
            int rc = metrics_segment_new(&p->fd, err);

            if (rc == 0)
                rc = metrics_map(p->fd, /* writable= */ true, &p->mapped, err);
            if (rc == 0)
                rc = metrics_segment_view(p->fd, &p->view_fd, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

void places_close(struct supervisor *s)
{
    for (int role = 0; role < CONFIG_ROLE_COUNT; role++) {
        for (size_t i = 0; i < SUPERVISOR_PLACES_MAX; i++) {
            metrics_unmap(s->metrics[role][i].mapped);
            (void)fd_close(s->metrics[role][i].fd);
            (void)fd_close(s->metrics[role][i].view_fd);
        }
    }
}

void places_ended(struct supervisor *s, const struct child *c)
{
    for (size_t i = 0; i < s->children_n; i++) {
        const struct child *other = &s->children[i];

        if (other != c && other->pid > 0 && other->role == c->role && other->index == c->index)
            return;
    }
    metrics_forget_gauges(s->metrics[c->role][c->index].mapped);
}
