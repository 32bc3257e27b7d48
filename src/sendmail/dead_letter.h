/* Where messages go that could not be sent. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#define DEAD_LETTER_PATH_MAX 4096

/* Writes the message, with `note` in front of it, to a new file in the directory, which is made
 * (0700) where it does not exist. It is there as a whole, and on disk, or not at all.
 * path_out: the file. fails: ERR_IO, ERR_FULL, ERR_DENIED, ERR_LIMIT. */
int dead_letter_write(const char *directory, struct slice note, struct slice message, int64_t now_s,
                      char path_out[static DEAD_LETTER_PATH_MAX], struct err *err) WARN_UNUSED;
