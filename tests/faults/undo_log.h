/* The log of what would be lost in a power cut: records, one after the other, oldest first. */
#pragma once

#include <stdint.h>

#define UNDO_MAGIC 0x6f646e55u

enum undo_kind {
    UNDO_WRITE = 1, /* data: the octets that stood at offset; size: of the file before */
    UNDO_CREATE,    /* the file was not there */
    UNDO_UNLINK,    /* data: the whole file */
    UNDO_RENAME,    /* data: the new path */
    UNDO_SYNC       /* of a file or folder: what went before it is safe */
};

struct undo_record {
    uint32_t magic;
    uint32_t kind;
    uint64_t offset;
    uint64_t size;
    uint32_t path_n; /* behind this header: the path, then the data */
    uint32_t reserved;
    uint64_t data_n;
};
