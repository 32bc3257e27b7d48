#include "supervisor/describe.h"

#include <inttypes.h>
#include <string.h>

#include "supervisor/keys.h"

#define WRAP_COLUMNS 96
#define MDOC_COLUMNS 78

static void indent(struct builder *out, int depth)
{
    for (int i = 0; i < depth; i++)
        build_text(out, "    ");
}

/* A comment, wrapped between words. */
static void comment(struct builder *out, int depth, const char *text)
{
    size_t column = WRAP_COLUMNS + 1;
    bool first = true;

    while (*text) {
        size_t n = strcspn(text, " ");

        if (column + n + 1 > WRAP_COLUMNS) {
            if (!first)
                build_byte(out, '\n');
            indent(out, depth);
            build_text(out, "#");
            column = 1 + 4 * (size_t)depth;
        }
        build_byte(out, ' ');
        build_bytes(out, slice_of(text, n));
        column += n + 1;
        first = false;
        text += n + (text[n] == ' ');
    }
    if (!first)
        build_byte(out, '\n');
}

static bool quoted(const struct key_row *key)
{
    return key->type == KEY_TEXT || key->type == KEY_PATH;
}

static const char *need(const struct key_row *key)
{
    if (key->fallback)
        return "";
    return key->optional ? "Optional." : "Required.";
}

static void template_key(struct builder *out, const struct key_row *key, int depth)
{
    const char *value = key->fallback ? key->fallback : key->example;

    comment(out, depth, key->help);
    if (key->unit || !key->fallback) {
        indent(out, depth);
        build_printf(out, "# %s%s%s%s\n", key->unit ? "Unit: " : "", key->unit ? key->unit : "",
                     key->unit ? "." : "", need(key));
    }
    indent(out, depth);
    build_text(out, key->optional ? "# " : "");
    build_printf(out, quoted(key) ? "%s = \"%s\"\n" : "%s = %s\n", key->name, value);
}

static void template_section(struct builder *out, enum key_section section, int depth);

static void template_body(struct builder *out, enum key_section section, int depth)
{
    for (size_t i = 0; i < key_rows_n; i++)
        if (key_rows[i].section == section)
            template_key(out, &key_rows[i], depth);
    for (int i = 0; i < SECTION_COUNT; i++)
        if (i != SECTION_GLOBAL && section_rows[i].parent == section)
            template_section(out, (enum key_section)i, depth);
}

/* One line that can be made part of the file. */
static void template_example(struct builder *out, enum key_section section, int depth)
{
    indent(out, depth);
    build_printf(out, "# %s {", section_rows[section].name);
    for (size_t i = 0; i < key_rows_n; i++)
        if (key_rows[i].section == section)
            build_printf(out, " %s = %s", key_rows[i].name, key_rows[i].fallback);
    build_text(out, " }\n");
}

static void template_section(struct builder *out, enum key_section section, int depth)
{
    const struct section_row *row = &section_rows[section];
    const char *title = row->example;

    if (!section_exists(section))
        return;
    build_byte(out, '\n');
    comment(out, depth, row->help);
    if (row->asked_for) {
        template_example(out, section, depth);
        return;
    }
    do {
        size_t n = title ? strcspn(title, " ") : 0;

        indent(out, depth);
        build_printf(out, "%s%s%.*s {\n", row->name, title ? " " : "", (int)n, title ? title : "");
        template_body(out, section, depth + 1);
        indent(out, depth);
        build_text(out, "}\n");
        title = title && title[n] ? title + n + 1 : NULL;
    } while (title);
}

void describe_template(struct builder *out)
{
    build_text(out, "# Configuration of the godwit mail server; see godwit.conf(5).\n"
                    "# Relative paths start at the directory of this file.\n"
                    "# Check it with: godwit --config FILE config test\n"
                    "# Domains, accounts and addresses are not here: see godwit help config.\n\n");
    template_body(out, SECTION_GLOBAL, 0);
}

/* A sentence a line, as mdoc wants it, and long ones wrapped. */
static void mdoc_text(struct builder *out, const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t n = strcspn(text, " ");
        bool ends = n > 0 && text[n - 1] == '.' && text[n] == ' ';

        if (column > 0 && column + n + 1 > MDOC_COLUMNS) {
            build_byte(out, '\n');
            column = 0;
        }
        if (column > 0)
            build_byte(out, ' ');
        build_bytes(out, slice_of(text, n));
        column += n + 1;
        if (ends) {
            build_byte(out, '\n');
            column = 0;
        }
        text += n + (text[n] == ' ');
    }
    build_byte(out, '\n');
}

static void mdoc_key(struct builder *out, const struct key_row *key)
{
    build_printf(out, ".It Ic %s\n", key->name);
    mdoc_text(out, key->help);
    if (key->type == KEY_NUMBER)
        build_printf(out, "From %" PRId64 " to %" PRId64 "%s%s.\n", key->min, key->max,
                     key->unit ? " " : "", key->unit ? key->unit : "");
    else if (key->unit)
        build_printf(out, "Unit: %s.\n", key->unit);
    if (key->fallback)
        build_printf(out, "Default:\n.Li %s .\n", key->fallback);
    else
        build_printf(out, "%s\n", need(key));
}

void describe_mdoc(struct builder *out)
{
    for (int i = 0; i < SECTION_COUNT; i++) {
        const struct section_row *row = &section_rows[i];

        if (row->tests_only)
            continue;
        if (i == SECTION_GLOBAL)
            build_text(out, ".Ss Outside of sections\n");
        else
            build_printf(out, ".Ss %s%s%s\n", row->parent == SECTION_LISTENER ? "listener: " : "",
                         row->name, row->example ? " NAME" : "");
        if (row->help[0])
            mdoc_text(out, row->help);
        build_text(out, ".Bl -tag -width Ds\n");
        for (size_t k = 0; k < key_rows_n; k++)
            if (key_rows[k].section == (enum key_section)i)
                mdoc_key(out, &key_rows[k]);
        build_text(out, ".El\n");
    }
}
