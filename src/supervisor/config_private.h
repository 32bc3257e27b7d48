/* Shared by the sources of the configuration reader, and by nothing else. */
#pragma once

#include <confuse.h>

#include "base/builder.h"
#include "supervisor/config.h"
#include "supervisor/keys.h"

/* Where a key was set in the file. */
struct config_seen {
    const cfg_t *section;
    const struct key_row *key;
    int line;
};

struct config_parse {
    struct config *config;
    struct config_errors *errors;
    struct config_seen *seen;
    size_t seen_n, seen_cap;
    bool loading; /* the file is being read; before that, the library sets fallbacks */
};

/* The octets of the file without comments, lines kept; NUL-terminated. False after an error was
 * added: unreadable, too long, NUL inside, a quote or a brace that is not closed. */
bool config_text_read(const char *path, struct builder *out, struct config_errors *errors);

/* "100M" and the like; the whole text. */
bool config_size_parse(const char *text, int64_t *out);

/* Parses the text; adds errors of syntax and of single values. NULL when it could not be parsed. */
cfg_t *config_tree_parse(struct config_parse *parse, const char *text);

/* The line where the section's key was set; that of the section when it was not. */
int config_line(const struct config_parse *parse, const cfg_t *section, const char *key);

/* Copies the values of one section into its struct; adds errors of missing and wrong ones. */
void config_fill(struct config_parse *parse, cfg_t *tree, enum key_section section, void *into);

/* Checks what keys mean together. */
void config_check(struct config_parse *parse, cfg_t *tree);
