/* Steps: text without comments, tree, values, meaning. Each adds to the errors what it finds; only
 * when there is none, a configuration comes out. */
#include "supervisor/config.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "supervisor/config_private.h"

/* They compute and never wait. */
#define KEYS_THREADS 4

#define CONFIG_ARENA_MAX (4u * 1024 * 1024)

const char *config_service_name(enum config_service_kind kind)
{
    static const char *const names[] = {"smtp",  "submission", "submissions", "imap",
                                        "imaps", "http",       "https",       "metrics"};

    return names[kind];
}

const char *config_role_name(enum config_role role)
{
    static const char *const names[] = {"store", "keys", "mx", "access", "web"};

    return names[role];
}

bool config_role_is_edge(enum config_role role)
{
    return role != CONFIG_STORE && role != CONFIG_KEYS;
}

bool config_tls_same(const struct config_tls *a, const struct config_tls *b)
{
    return strcmp(a->certificate, b->certificate) == 0 && strcmp(a->key, b->key) == 0;
}

void config_errors_add(struct config_errors *errors, const char *path, int line, const char *format,
                       ...)
{
    char text[512], whole[1024];
    va_list args;

    if (errors->n == CONFIG_ERRORS_MAX)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (line > 0)
        (void)snprintf(whole, sizeof(whole), "%s:%d: %s", path, line, text);
    else
        (void)snprintf(whole, sizeof(whole), "%s: %s", path, text);
    errors->text[errors->n] = strdup(whole);
    if (errors->text[errors->n])
        errors->n++;
}

void config_errors_print(const struct config_errors *errors, FILE *to)
{
    for (size_t i = 0; i < errors->n; i++)
        (void)fprintf(to, "%s\n", errors->text[i]);
}

void config_errors_done(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++)
        free(errors->text[i]);
    errors->n = 0;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    arena_done(&config->arena);
    free(config);
}

static struct config *config_new(const char *path)
{
    struct config *config = calloc(1, sizeof(*config));
    _cleanup_free_ char *cwd = path[0] == '/' ? strdup("") : getcwd(NULL, 0);

    if (!config)
        return NULL;
    arena_init(&config->arena, CONFIG_ARENA_MAX);
    config->path = (const char *)arena_printf(&config->arena, path[0] == '/' ? "%s%s" : "%s/%s",
                                              cwd ? cwd : "", path)
                       .p;
    char *copy = config->path ? arena_str(&config->arena, slice_str(config->path)) : NULL;

    config->directory = copy ? dirname(copy) : NULL;
    if (!config->directory) {
        config_free(config);
        return NULL;
    }
    return config;
}

static void fill_services(struct config_parse *parse, cfg_t *tree, struct config_listener *listener)
{
    static const enum key_section sections[CONFIG_SERVICE_COUNT] = {
        SECTION_SMTP,  SECTION_SUBMISSION, SECTION_SUBMISSIONS, SECTION_IMAP,
        SECTION_IMAPS, SECTION_HTTP,       SECTION_HTTPS,       SECTION_METRICS};
    size_t total = 0;

    for (int kind = 0; kind < CONFIG_SERVICE_COUNT; kind++)
        total += cfg_size(tree, config_service_name((enum config_service_kind)kind));
    listener->service = ARENA_ARRAY(&parse->config->arena, total, struct config_service);
    if (!listener->service)
        return;
    for (int kind = 0; kind < CONFIG_SERVICE_COUNT; kind++) {
        const char *name = config_service_name((enum config_service_kind)kind);

        for (unsigned i = 0; i < cfg_size(tree, name); i++) {
            struct config_service *service = &listener->service[listener->service_n++];

            *service = (struct config_service){.kind = (enum config_service_kind)kind,
                                               .session_tickets = true};
            config_fill(parse, cfg_getnsec(tree, name, i), sections[kind], service);
        }
    }
}

static void fill_listeners(struct config_parse *parse, cfg_t *tree)
{
    struct config *config = parse->config;
    unsigned n = cfg_size(tree, "listener");

    config->listener = ARENA_ARRAY(&config->arena, n, struct config_listener);
    for (unsigned i = 0; config->listener && i < n; i++) {
        cfg_t *section = cfg_getnsec(tree, "listener", i);
        struct config_listener *listener = &config->listener[config->listener_n++];

        listener->name = arena_str(&config->arena, slice_str(cfg_title(section)));
        config_fill(parse, section, SECTION_LISTENER, listener);
        fill_services(parse, section, listener);
        if (cfg_size(section, "tls") > 0)
            config_fill(parse, cfg_getnsec(section, "tls", 0), SECTION_TLS, &listener->tls);
    }
}

/* A kind of process that the file does not name has the fallbacks. */
static void fill_process_fallbacks(struct config *config)
{
    for (int role = 0; role < CONFIG_ROLE_COUNT; role++) {
        for (size_t i = 0; i < key_rows_n; i++)
            if (key_rows[i].section == SECTION_PROCESS)
                (void)config_size_parse(
                    key_rows[i].fallback,
                    (int64_t *)(void *)((uint8_t *)&config->process[role] + key_rows[i].offset));
    }
    config->process[CONFIG_KEYS].threads = KEYS_THREADS;
}

static void fill_processes(struct config_parse *parse, cfg_t *tree)
{
    fill_process_fallbacks(parse->config);
    for (unsigned i = 0; i < cfg_size(tree, "process"); i++) {
        cfg_t *section = cfg_getnsec(tree, "process", i);
        int role = 0;

        while (role < CONFIG_ROLE_COUNT &&
               strcmp(config_role_name((enum config_role)role), cfg_title(section)) != 0)
            role++;
        if (role < CONFIG_ROLE_COUNT)
            config_fill(parse, section, SECTION_PROCESS, &parse->config->process[role]);
        else
            config_errors_add(parse->errors, parse->config->path, section->line,
                              "there is no process '%s': must be mx, access, web, store or keys",
                              cfg_title(section));
    }
}

static void fill_all(struct config_parse *parse, cfg_t *tree)
{
    static const struct {
        enum key_section section;
        const char *name;
    } flat[] = {{SECTION_LOG, "log"}, {SECTION_LIMITS, "limits"}, {SECTION_TIMEOUTS, "timeouts"},
                {SECTION_DNS, "dns"}, {SECTION_STORE, "store"},   {SECTION_TEST, "test"}};

    config_fill(parse, tree, SECTION_GLOBAL, parse->config);
    for (size_t i = 0; i < sizeof(flat) / sizeof(flat[0]); i++)
        if (section_exists(flat[i].section))
            config_fill(parse, cfg_getsec(tree, flat[i].name), flat[i].section, parse->config);
    fill_listeners(parse, tree);
    fill_processes(parse, tree);
    if (parse->errors->n == 0)
        config_check(parse, tree);
}

int config_load(const char *path, struct config **out, struct config_errors *errors)
{
    struct config_parse parse = {.config = config_new(path), .errors = errors};
    struct builder text;

    if (!parse.config) {
        config_errors_add(errors, path, 0, "out of memory");
        return -ERR_NOMEM;
    }
    build_init(&text, CONFIG_FILE_MAX + 1);
    if (config_text_read(parse.config->path, &text, errors)) {
        cfg_t *tree = config_tree_parse(&parse, (const char *)build_slice(&text).p);

        if (tree) {
            fill_all(&parse, tree);
            (void)cfg_free(tree);
        }
    }
    build_done(&text);
    free(parse.seen);
    if (errors->n == 0 && arena_failed(&parse.config->arena))
        config_errors_add(errors, path, 0, "out of memory");
    if (errors->n > 0) {
        config_free(parse.config);
        return -ERR_INVALID;
    }
    *out = parse.config;
    return 0;
}
