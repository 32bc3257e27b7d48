#include "web/files.h"

const struct web_file *web_file_find(struct slice path)
{
    if (slice_eq(path, SLICE("/account/")))
        path = SLICE("/account/index.html");
    for (size_t i = 0; i < web_files_n; i++)
        if (slice_eq(path, slice_str(web_files[i].path)))
            return &web_files[i];
    return NULL;
}
