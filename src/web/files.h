/* The files of the pages, from ui/dist, built into the program. */
#pragma once

#include "web/exchange.h"

/* By the path of a request; "/account/" is its index.html. NULL: there is none. */
const struct web_file *web_file_find(struct slice path);

/* Made by scripts/embed-files. */
extern const struct web_file web_files[];
extern const size_t web_files_n;
