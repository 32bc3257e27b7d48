/* The form of the profiles, for sandbox.c and sandbox_profiles.c. */
#pragma once

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sandbox.h"

/* A call that is allowed under a condition, or refused with an error instead of ending the process.
 */
struct sandbox_rule {
    const char *call;
    int error; /* 0: allowed */
    unsigned conditions;
    struct scmp_arg_cmp arg[2]; /* all of them hold */
};

struct sandbox_profile {
    const char *name;
    const char *const *calls;         /* allowed besides sandbox_common_calls; ends with NULL */
    const struct sandbox_rule *rules; /* ends with a NULL call */
    uint64_t directory_rights;        /* Landlock's, beneath sandbox_config.directory */
    bool connects;                    /* TCP, to sandbox_config.tcp_ports */
};

extern const char *const sandbox_common_calls[];
extern const struct sandbox_rule sandbox_common_rules[];

const struct sandbox_profile *sandbox_profile_of(enum sandbox_role role);

/* Landlock's rights by number: the header of the oldest system that we build on knows the first
 * fourteen. */
enum {
    LL_EXECUTE,
    LL_WRITE_FILE,
    LL_READ_FILE,
    LL_READ_DIR,
    LL_REMOVE_DIR,
    LL_REMOVE_FILE,
    LL_MAKE_CHAR,
    LL_MAKE_DIR,
    LL_MAKE_REG,
    LL_MAKE_SOCK,
    LL_MAKE_FIFO,
    LL_MAKE_BLOCK,
    LL_MAKE_SYM,
    LL_REFER,     /* ABI 2 */
    LL_TRUNCATE,  /* ABI 3 */
    LL_IOCTL_DEV, /* ABI 5 */
};
#define LL(right) (UINT64_C(1) << LL_##right)
