/* Order: limits, capabilities, Landlock (it binds the calling thread and its children, hence "from
 * the first thread"), then seccomp, which would not let Landlock's calls pass. */
#include "runtime/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/sandbox_private.h"

/* landlock(7), whose calls the C library does not wrap. */
#define LL_CREATE_VERSION 1u
#define LL_RULE_PATH_BENEATH 1
#define LL_RULE_NET_PORT 2
#define LL_NET_BIND_TCP 1u
#define LL_NET_CONNECT_TCP 2u
#define LL_SCOPE_ABSTRACT_UNIX 1u
#define LL_SCOPE_SIGNAL 2u

struct ll_ruleset {
    uint64_t fs;
    uint64_t net;    /* ABI 4 */
    uint64_t scoped; /* ABI 6 */
};

struct ll_path_beneath {
    uint64_t allowed;
    int32_t parent_fd;
} __attribute__((packed));

struct ll_net_port {
    uint64_t allowed;
    uint64_t port;
};

/* ---- limits ---- */

static int set_limits(const struct sandbox_config *config, struct err *err)
{
    const struct rlimit none = {0, 0};
    struct rlimit files;

    /* Memory holds secrets: it goes neither into a core file nor to a debugger. The leak checker of
     * sanitizer builds is a debugger. */
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return err_errno(err, errno, "cannot switch off core dumps");
    if (!config->log_only && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot keep debuggers away");
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return err_errno(err, errno, "cannot read the limit of open files");
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        return err_errno(err, errno, "cannot raise the limit of open files");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "cannot give up new privileges");
    return 0;
}

/* ---- capabilities ---- */

/* A role that was started as root (`localserve` in a container, say) keeps the user, whose files it
 * works on, and nothing of its might. */
static int drop_capabilities(struct err *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capset, &header, none) < 0)
        return err_errno(err, errno, "cannot give up capabilities");
    return 0;
}

/* ---- Landlock ---- */

/* The ABI decides which rights and which part of the structure the kernel knows; more is EINVAL. */
static size_t fit_to_abi(long abi, struct ll_ruleset *set)
{
    uint64_t fs = LL(REFER) - 1;

    if (abi >= 2)
        fs |= LL(REFER);
    if (abi >= 3)
        fs |= LL(TRUNCATE);
    if (abi >= 5)
        fs |= LL(IOCTL_DEV);
    *set = (struct ll_ruleset){.fs = fs};
    if (abi >= 4)
        set->net = LL_NET_BIND_TCP | LL_NET_CONNECT_TCP;
    if (abi >= 6)
        set->scoped = LL_SCOPE_ABSTRACT_UNIX | LL_SCOPE_SIGNAL;
    return abi >= 6   ? sizeof(*set)
           : abi >= 4 ? offsetof(struct ll_ruleset, scoped)
                      : offsetof(struct ll_ruleset, net);
}

static int allow_directory(int ruleset, const char *directory, uint64_t rights, struct err *err)
{
    _cleanup_fd_ int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", directory);
    const struct ll_path_beneath rule = {.allowed = rights, .parent_fd = fd};

    if (syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH, &rule, 0) < 0)
        return err_errno(err, errno, "landlock refuses the rule of %s", directory);
    return 0;
}

static int allow_ports(int ruleset, const struct sandbox_config *config, struct err *err)
{
    for (size_t i = 0; i < config->tcp_ports_n; i++) {
        const struct ll_net_port rule = {LL_NET_CONNECT_TCP, config->tcp_ports[i]};

        if (syscall(SYS_landlock_add_rule, ruleset, LL_RULE_NET_PORT, &rule, 0) < 0)
            return err_errno(err, errno, "landlock refuses the rule of port %u",
                             config->tcp_ports[i]);
    }
    return 0;
}

static int enter_landlock(const struct sandbox_config *config, const struct env *env,
                          const struct sandbox_profile *profile, struct err *err)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_CREATE_VERSION);
    struct ll_ruleset set;

    if (abi < 1) {
        log_event(env->log, LOG_WARN, "sandbox", 0, "the kernel has no landlock",
                  LOG_STR("reason", strerror(errno)));
        return 0;
    }
    size_t size = fit_to_abi(abi, &set);
    _cleanup_fd_ int ruleset = (int)syscall(SYS_landlock_create_ruleset, &set, size, 0);

    if (ruleset < 0)
        return err_errno(err, errno, "cannot make a landlock ruleset");
    int rc = profile->directory_rights ? allow_directory(ruleset, config->directory,
                                                         profile->directory_rights & set.fs, err)
                                       : 0;

    if (rc == 0 && profile->connects && set.net != 0)
        rc = allow_ports(ruleset, config, err);
    if (rc == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        rc = err_errno(err, errno, "cannot enter landlock");
    return rc;
}

/* ---- seccomp ---- */

/* Calls that this architecture or library does not know need no rule. */
static int add_rule(scmp_filter_ctx filter, const struct sandbox_rule *rule, struct err *err)
{
    int number = seccomp_syscall_resolve_name(rule->call);
    uint32_t action = rule->error ? SCMP_ACT_ERRNO((uint32_t)rule->error) : SCMP_ACT_ALLOW;

    if (number == __NR_SCMP_ERROR)
        return 0;
    int rc = seccomp_rule_add_array(filter, action, number, rule->conditions, rule->arg);

    return rc < 0 ? err_errno(err, -rc, "seccomp refuses the rule of %s", rule->call) : 0;
}

static int add_calls(scmp_filter_ctx filter, const char *const *calls, struct err *err)
{
    int rc = 0;

    for (; *calls && rc == 0; calls++)
        rc = add_rule(filter, &(struct sandbox_rule){.call = *calls}, err);
    return rc;
}

static int add_rules(scmp_filter_ctx filter, const struct sandbox_config *config,
                     const struct sandbox_rule *rules, struct err *err)
{
    int rc = 0;

    /* Refusals would hinder the tools for which log_only is meant. */
    for (; rules->call && rc == 0; rules++)
        if (rules->error == 0 || !config->log_only)
            rc = add_rule(filter, rules, err);
    return rc;
}

static int fill_filter(scmp_filter_ctx filter, const struct sandbox_config *config,
                       const struct sandbox_profile *profile, struct err *err)
{
    /* abort(3) raises its signal in this way, and only in ourselves. */
    const struct sandbox_rule own_signal = {
        "tgkill", 0, 1, {SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0)}};
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

    if (rc == 0)
        rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (rc < 0)
        return err_errno(err, -rc, "cannot set up seccomp");
    rc = add_calls(filter, sandbox_common_calls, err);
    if (rc == 0)
        rc = add_calls(filter, profile->calls, err);
    if (rc == 0)
        rc = add_rules(filter, config, sandbox_common_rules, err);
    if (rc == 0)
        rc = add_rules(filter, config, profile->rules, err);
    return rc == 0 ? add_rule(filter, &own_signal, err) : rc;
}

static int enter_seccomp(const struct sandbox_config *config, const struct env *env,
                         const struct sandbox_profile *profile, struct err *err)
{
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 && errno == EINVAL) {
        log_event(env->log, LOG_WARN, "sandbox", 0, "the kernel has no seccomp");
        return 0;
    }
    scmp_filter_ctx filter = seccomp_init(config->log_only ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);

    if (!filter)
        return err_set(err, ERR_NOMEM, "cannot set up seccomp");
    int rc = fill_filter(filter, config, profile, err);

    if (rc == 0) {
        int loaded = seccomp_load(filter);

        if (loaded < 0)
            rc = err_errno(err, -loaded, "cannot load the seccomp filter");
    }
    seccomp_release(filter);
    return rc;
}

int sandbox_enter(const struct sandbox_config *config, const struct env *env, struct err *err)
{
    const struct sandbox_profile *profile = sandbox_profile_of(config->role);
    int rc = set_limits(config, err);

    if (rc == 0)
        rc = drop_capabilities(err);
    if (rc == 0 && !config->log_only)
        rc = enter_landlock(config, env, profile, err);
    if (rc == 0)
        rc = enter_seccomp(config, env, profile, err);
    return rc < 0 ? err_prefix(err, "sandbox %s", profile->name) : 0;
}
