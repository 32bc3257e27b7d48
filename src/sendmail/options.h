/* The command line of sendmail(8), as other programs use it. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum sendmail_mode {
    SENDMAIL_SEND,
    SENDMAIL_NOTHING, /* -bp, -bi, -q: there is no queue and no alias file here */
    SENDMAIL_HELP,
};

struct sendmail_options {
    enum sendmail_mode mode;
    bool from_header;    /* -t */
    bool ignore_dots;    /* -i, -oi */
    bool verbose;        /* -v */
    const char *sender;  /* -f, -r; NULL: not given */
    const char *name;    /* -F; NULL: not given */
    const char *config;  /* -C; NULL: not given */
    struct slice notify; /* -N, as SMTP has it: "NEVER", "SUCCESS,DELAY"; empty: not given */
    struct slice ret;    /* -R: "FULL", "HDRS"; empty: not given */
    const char *envid;   /* -V; NULL: not given */
    char *const *recipients;
    size_t recipients_n;
    char notify_text[32];
    char problem[120]; /* what is wrong; empty: nothing */
};

/* Flags that only other servers have a use for are taken and ignored, with their values. */
void sendmail_options_parse(int argc, char *const argv[], struct sendmail_options *out);
