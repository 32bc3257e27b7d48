/* Values of the tree, one by one: present, of their type, within their range. */
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "supervisor/config_private.h"

bool config_size_parse(const char *text, int64_t *out)
{
    struct slice s = slice_str(text);
    unsigned shift = 0;
    uint64_t n;

    if (slice_ends(s, SLICE("K")))
        shift = 10;
    else if (slice_ends(s, SLICE("M")))
        shift = 20;
    else if (slice_ends(s, SLICE("G")))
        shift = 30;
    if (!num_parse(slice_sub(s, 0, s.n - (shift ? 1 : 0)), UINT64_C(1) << 32, &n))
        return false;
    *out = (int64_t)(n << shift);
    return true;
}

struct fill {
    struct config_parse *parse;
    cfg_t *section;
    const struct key_row *key;
    cfg_opt_t *option;
    uint8_t *into;
};

static void complain(const struct fill *f, const char *what)
{
    config_errors_add(f->parse->errors, f->parse->config->path,
                      config_line(f->parse, f->section, f->key->name), "'%s' %s", f->key->name,
                      what);
}

static void fill_number(const struct fill *f, int64_t value)
{
    char text[96];

    if (value < f->key->min || value > f->key->max) {
        (void)snprintf(text, sizeof(text), "must be from %lld to %lld", (long long)f->key->min,
                       (long long)f->key->max);
        complain(f, text);
        return;
    }
    memcpy(f->into, &value, sizeof(value));
}

static void fill_text(const struct fill *f, const char *value)
{
    struct config *config = f->parse->config;
    const char *copy = arena_str(&config->arena, slice_str(value));

    if (value[0] == '\0')
        complain(f, "must not be empty");
    if (f->key->type == KEY_PATH && value[0] != '/')
        copy = (const char *)arena_printf(&config->arena, "%s/%s", config->directory, value).p;
    memcpy(f->into, &copy, sizeof(copy));
}

static void fill_choice(const struct fill *f, const char *value)
{
    char text[96];

    for (const char *word = f->key->choices; word;) {
        size_t n = strcspn(word, " ");

        if (slice_eq(slice_of(word, n), slice_str(value))) {
            fill_text(f, value);
            return;
        }
        word = word[n] ? word + n + 1 : NULL;
    }
    (void)snprintf(text, sizeof(text), "must be one of: %s", f->key->choices);
    complain(f, text);
}

static void fill_texts(const struct fill *f)
{
    struct config_texts texts = {.n = cfg_opt_size(f->option)};
    struct arena *a = &f->parse->config->arena;

    texts.item = ARENA_ARRAY(a, texts.n, const char *);
    for (unsigned i = 0; texts.item && i < texts.n; i++)
        texts.item[i] = arena_str(a, slice_str(cfg_opt_getnstr(f->option, i)));
    if (texts.n < (size_t)f->key->min)
        complain(f, "must not be empty");
    if (texts.item)
        memcpy(f->into, &texts, sizeof(texts));
}

static void fill_classes(const struct fill *f)
{
    struct config_classes classes;

    if (cfg_opt_size(f->option) != ARRAY_SIZE(classes.max)) {
        complain(f, "must be three numbers: for an address, its site, its network");
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(classes.max); i++) {
        struct fill one = *f;

        one.into = (uint8_t *)&classes.max[i];
        classes.max[i] = 0;
        fill_number(&one, cfg_opt_getnint(f->option, i));
    }
    memcpy(f->into, &classes, sizeof(classes));
}

static void fill_size(const struct fill *f, const char *text)
{
    int64_t size;

    if (config_size_parse(text, &size))
        fill_number(f, size);
    else
        complain(f, "must be a number of octets such as 500000, 64K or 100M");
}

static void fill_one(const struct fill *f)
{
    const struct key_row *key = f->key;
    bool set = cfg_opt_size(f->option) > 0;
    const char *text = key->fallback;
    int64_t number = 0;
    bool on;

    if (!set && !key->fallback) {
        if (!key->optional)
            complain(f, "is missing");
        return;
    }
    switch (key->type) {
    case KEY_TEXTS:
        fill_texts(f);
        return;
    case KEY_CLASSES:
        fill_classes(f);
        return;
    case KEY_SWITCH:
        on = set ? cfg_opt_getnbool(f->option, 0) : strcmp(key->fallback, "true") == 0;
        memcpy(f->into, &on, sizeof(on));
        return;
    case KEY_NUMBER:
        if (set)
            number = cfg_opt_getnint(f->option, 0);
        else
            (void)config_size_parse(key->fallback, &number);
        fill_number(f, number);
        return;
    case KEY_TEXT:
    case KEY_PATH:
    case KEY_CHOICE:
    case KEY_SIZE:
        break;
    }
    if (set)
        text = cfg_opt_getnstr(f->option, 0);
    if (key->type == KEY_SIZE)
        fill_size(f, text);
    else if (key->type == KEY_CHOICE)
        fill_choice(f, text);
    else
        fill_text(f, text);
}

void config_fill(struct config_parse *parse, cfg_t *tree, enum key_section section, void *into)
{
    for (size_t i = 0; i < key_rows_n; i++) {
        const struct key_row *key = &key_rows[i];

        if (key->section != section || !section_exists(section))
            continue;
        fill_one(&(struct fill){.parse = parse,
                                .section = tree,
                                .key = key,
                                .option = cfg_getopt(tree, key->name),
                                .into = (uint8_t *)into + key->offset});
    }
}
