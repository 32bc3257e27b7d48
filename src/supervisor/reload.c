/* A reload reads the file again and starts new edges with it; the old ones go on with what is open
 * on them. What belongs to the store or to the ports stays as it was, and the log says so. */
#include "base/log.h"
#include "supervisor/supervisor_private.h"

static void needs_restart(const struct supervisor *s, const char *what)
{
    log_event(s->log, LOG_WARN, "supervisor", 0, "the change needs a restart",
              LOG_STR("key", what));
}

static bool same_texts(const struct config_texts *a, const struct config_texts *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->item[i], b->item[i]) != 0)
            return false;
    return true;
}

static bool same_services(const struct config *a, const struct config *b)
{
    if (a->listener_n != b->listener_n)
        return false;
    for (size_t i = 0; i < a->listener_n; i++) {
        const struct config_listener *x = &a->listener[i], *y = &b->listener[i];

        if (!same_texts(&x->addresses, &y->addresses) || x->service_n != y->service_n)
            return false;
        for (size_t k = 0; k < x->service_n; k++)
            if (x->service[k].kind != y->service[k].kind ||
                x->service[k].port != y->service[k].port)
                return false;
    }
    return true;
}

/* Puts the old values of what cannot change into the new configuration. */
static void keep_fixed(struct supervisor *s, struct config *config)
{
    const struct config *old = s->config;
    struct arena *a = &config->arena;

    if (strcmp(config->data_directory, old->data_directory) != 0)
        needs_restart(s, "data_directory");
    if (strcmp(config->user, old->user) != 0)
        needs_restart(s, "user");
    if (config->shards != old->shards || config->commit_wait_us != old->commit_wait_us ||
        config->process[CONFIG_STORE].threads != old->process[CONFIG_STORE].threads)
        needs_restart(s, "store");
    if (config->process[CONFIG_KEYS].threads != old->process[CONFIG_KEYS].threads)
        needs_restart(s, "keys");
    if (!same_services(config, old))
        needs_restart(s, "listener");
    config->data_directory = arena_str(a, slice_str(old->data_directory));
    config->user = arena_str(a, slice_str(old->user));
    config->shards = old->shards;
    config->commit_wait_us = old->commit_wait_us;
    config->process[CONFIG_STORE] = old->process[CONFIG_STORE];
    config->process[CONFIG_KEYS] = old->process[CONFIG_KEYS];
    for (int role = CONFIG_MX; role < CONFIG_ROLE_COUNT; role++) {
        if (config->process[role].count != old->process[role].count)
            needs_restart(s, "process.count");
        config->process[role].count = old->process[role].count;
    }
}

/* Before edges that need them. A first certificate needs the process, too. */
static void hold_keys(struct supervisor *s)
{
    tls_keys_hold(s);
    for (size_t i = 0; i < s->children_n; i++)
        if (s->children[i].role == CONFIG_KEYS)
            return;
    struct child *keys = s->tls.n > 0 ? supervisor_add_child(s, CONFIG_KEYS, 0) : NULL;

    if (keys)
        child_start(s, keys);
}

static void replace_edges(struct supervisor *s)
{
    size_t n = s->children_n;

    s->generation++;
    hold_keys(s);
    for (size_t i = 0; i < n; i++) {
        struct child *old = &s->children[i];

        if (!config_role_is_edge(old->role) || old->draining)
            continue;
        if (old->pid <= 0) {
            old->generation = s->generation;
            continue;
        }
        struct child *fresh = supervisor_add_child(s, old->role, old->index);

        if (fresh)
            child_start(s, fresh);
        else
            log_event(s->log, LOG_ERROR, "supervisor", 0,
                      "too many old processes still drain: an edge keeps its old settings");
    }
}

int reload_run(struct supervisor *s, struct err *err)
{
    struct config_errors errors = {0};
    struct config *config;
    struct tls_files tls;
    struct builder anchors;
    int rc = config_load(s->config->path, &config, &errors);

    for (size_t i = 0; i < errors.n; i++)
        log_event(s->log, LOG_ERROR, "supervisor", 0, "configuration not reloaded",
                  LOG_STR("err", errors.text[i]));
    if (rc < 0) {
        (void)err_set(err, ERR_INVALID, "%s", errors.n > 0 ? errors.text[0] : "out of memory");
        config_errors_done(&errors);
        return rc;
    }
    rc = tls_files_read(config, &tls, err);
    if (rc == 0 && (rc = files_anchors_read(config, &anchors, err)) < 0)
        tls_files_done(&tls);
    if (rc < 0) {
        log_err(s->log, LOG_ERROR, "supervisor", 0, "configuration not reloaded", err);
        config_free(config);
        return rc;
    }
    keep_fixed(s, config);
    config_free(s->config);
    s->config = config;
    tls_files_done(&s->tls);
    s->tls = tls;
    build_done(&s->anchors);
    s->anchors = anchors;
    rc = supervisor_set_levels(s, slice_str(config->log_levels), err);
    log_event(s->log, LOG_INFO, "supervisor", 0, "configuration reloaded");
    replace_edges(s);
    return rc;
}
