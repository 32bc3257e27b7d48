/* From the table of keys to the options of libconfuse, and from its tree to our structs. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "supervisor/config_private.h"

/* libconfuse gives its callbacks no argument of ours, so the one parse of this thread is kept here
 * while it runs. */
static _Thread_local struct config_parse *current;

struct option_lists {
    cfg_opt_t list[SECTION_COUNT][24];
    size_t n[SECTION_COUNT];
};

static void add_option(struct option_lists *lists, enum key_section section, cfg_opt_t option)
{
    lists->list[section][lists->n[section]++] = option;
}

/* Fallbacks of scalars are set by config_fill: so the tree tells what the file said. */
static cfg_opt_t option_of_key(const struct key_row *key)
{
    char *fallback = (char *)key->fallback;

    switch (key->type) {
    case KEY_NUMBER:
        return (cfg_opt_t)CFG_INT(key->name, 0, CFGF_NODEFAULT);
    case KEY_SWITCH:
        return (cfg_opt_t)CFG_BOOL(key->name, cfg_false, CFGF_NODEFAULT);
    case KEY_TEXTS:
        return (cfg_opt_t)CFG_STR_LIST(key->name, fallback, CFGF_NONE);
    case KEY_CLASSES:
        return (cfg_opt_t)CFG_INT_LIST(key->name, fallback, CFGF_NONE);
    case KEY_TEXT:
    case KEY_PATH:
    case KEY_CHOICE:
    case KEY_SIZE:
        break;
    }
    return (cfg_opt_t)CFG_STR(key->name, NULL, CFGF_NODEFAULT);
}

/* Children before their parents: libconfuse copies the lists. */
static void build_options(struct option_lists *lists)
{
    static const enum key_section order[] = {
        SECTION_SMTP,    SECTION_SUBMISSION, SECTION_SUBMISSIONS, SECTION_IMAP,  SECTION_IMAPS,
        SECTION_HTTP,    SECTION_HTTPS,      SECTION_METRICS,     SECTION_TLS,   SECTION_LISTENER,
        SECTION_PROCESS, SECTION_LIMITS,     SECTION_TIMEOUTS,    SECTION_STORE, SECTION_DNS,
        SECTION_LOG,     SECTION_TEST,       SECTION_GLOBAL,
    };

    for (size_t i = 0; i < key_rows_n; i++)
        add_option(lists, key_rows[i].section, option_of_key(&key_rows[i]));
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        const struct section_row *row = &section_rows[order[i]];
        cfg_flag_t flags = row->repeated ? CFGF_MULTI : CFGF_NONE;

        add_option(lists, order[i], (cfg_opt_t)CFG_END());
        if (row->example)
            flags |= CFGF_TITLE | CFGF_NO_TITLE_DUPES;
        if (order[i] != SECTION_GLOBAL && section_exists(order[i]))
            add_option(lists, row->parent,
                       (cfg_opt_t)CFG_SEC(row->name, lists->list[order[i]], flags));
    }
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *section, const char *format,
                                                           va_list args)
{
    char text[256];

    (void)vsnprintf(text, sizeof(text), format, args);
    config_errors_add(current->errors, current->config->path, section ? section->line : 0, "%s",
                      text);
}

/* Notes where a key was set; a scalar that is set twice is an error. */
static int on_value(cfg_t *section, cfg_opt_t *option)
{
    struct config_parse *parse = current;
    const struct key_row *key = key_find(cfg_name(section), cfg_opt_name(option));

    if (!parse->loading || !key)
        return 0;
    bool list = key->type == KEY_TEXTS || key->type == KEY_CLASSES;

    for (size_t i = 0; i < parse->seen_n; i++) {
        struct config_seen *seen = &parse->seen[i];

        if (seen->section != section || seen->key != key)
            continue;
        if (!list)
            config_errors_add(parse->errors, parse->config->path, section->line,
                              "'%s' is set twice, first in line %d", key->name, seen->line);
        seen->line = section->line;
        return 0;
    }
    if (parse->seen_n == parse->seen_cap) {
        size_t cap = parse->seen_cap ? 2 * parse->seen_cap : 64;
        struct config_seen *grown = reallocarray(parse->seen, cap, sizeof(*grown));

        if (!grown)
            return -1;
        parse->seen = grown;
        parse->seen_cap = cap;
    }
    parse->seen[parse->seen_n++] = (struct config_seen){section, key, section->line};
    return 0;
}

static void watch_values(cfg_t *tree)
{
    for (size_t i = 0; i < key_rows_n; i++) {
        char path[80];

        if (!section_exists(key_rows[i].section))
            continue;
        key_path(&key_rows[i], path, sizeof(path));
        for (char *p = path; *p; p++)
            *p = *p == '.' ? '|' : *p;
        (void)cfg_set_validate_func(tree, path, on_value);
    }
}

cfg_t *config_tree_parse(struct config_parse *parse, const char *text)
{
    _cleanup_free_ struct option_lists *lists = calloc(1, sizeof(*lists));
    size_t errors_before = parse->errors->n;

    if (!lists)
        return NULL;
    build_options(lists);
    cfg_t *tree = cfg_init(lists->list[SECTION_GLOBAL], CFGF_NONE);

    if (!tree)
        return NULL;
    (void)cfg_set_error_function(tree, on_error);
    watch_values(tree);
    current = parse;
    parse->loading = true;
    int rc = cfg_parse_buf(tree, text);

    current = NULL;
    if (rc == CFG_SUCCESS)
        return tree;
    if (parse->errors->n == errors_before)
        config_errors_add(parse->errors, parse->config->path, 0, "cannot be parsed");
    (void)cfg_free(tree);
    return NULL;
}

int config_line(const struct config_parse *parse, const cfg_t *section, const char *key)
{
    for (size_t i = 0; i < parse->seen_n; i++)
        if (parse->seen[i].section == section && strcmp(parse->seen[i].key->name, key) == 0)
            return parse->seen[i].line;
    return section->line;
}
