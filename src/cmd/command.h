/* The subcommands of `godwit`: one file each, one table in commands.c. */
#pragma once

#include <stdio.h>

#include "base/err.h"
#include "supervisor/config.h"

#define COMMAND_ARGS_MAX 100
#define COMMAND_EXIT_USAGE 2

/* The flags of single commands; args.c has their names. */
enum command_flag {
    FLAG_DIR,
    FLAG_IP,
    FLAG_BASE_PORT,
    FLAG_STRICT,
    FLAG_JSON,
    FLAG_POST_PUBLIC,
    FLAG_LIST_MEMBERS,
    FLAG_ALLOW_MSG_FROM,
    FLAG_MAILBOX,
    FLAG_REFUSE,
    FLAG_AUTH_REQUIRED,
    FLAG_SEPARATORS,
    FLAG_CASE_SENSITIVE,
    FLAG_DMARC_REPORTS,
    FLAG_TLS_REPORTS,
    FLAG_POSTMASTER,
    FLAG_QUOTA,
    FLAG_MESSAGES_PER_DAY,
    FLAG_RECIPIENTS_PER_DAY,
    FLAG_NO_IMAP_PREAUTH,
    COMMAND_FLAGS_N
};
#define FLAG_BIT(flag) (1u << (flag))

/* What a command was called with. Text is borrowed from argv. */
struct invocation {
    const char *config_path; /* --config, GODWIT_CONFIG or the default */
    const char *program_directory;
    const char *flags[COMMAND_FLAGS_N]; /* NULL: not given; "" for those without a value */
    const char *args[COMMAND_ARGS_MAX];
    size_t args_n;
};

struct command {
    const char *words;   /* "config account add" */
    const char *params;  /* "NAME ADDRESS"; "[CMD...]" for any number; "" */
    const char *summary; /* one line */
    const char *text;    /* further explanation, or NULL */
    size_t args_min, args_max;
    unsigned flags; /* FLAG_BIT of those that it has */
    /* 0, or a failure, which is printed in one line. COMMAND_EXIT_USAGE: has said what is wrong. */
    int (*run)(const struct invocation *in, struct err *err);
};

extern const struct command commands[];
extern const size_t commands_n;

/* How argv was understood. */
enum args_kind {
    ARGS_RUN,   /* *command with *invocation */
    ARGS_HELP,  /* --help: about `words`, which may be empty */
    ARGS_USAGE, /* wrong: `words` is the longest prefix that commands have, `problem` what is wrong
                 */
};
struct args {
    enum args_kind kind;
    const struct command *command;
    struct invocation in;
    char words[128];
    char problem[160];
};
/* config_fallback: the value without --config. */
void args_parse(int argc, char *const argv[], const char *config_fallback, struct args *out);

/* Commands that begin with these words ("" for all): usage lines. Returns how many. */
size_t usage_print(const char *words, FILE *to);
/* The same with explanations; full text when the words are one command. */
size_t help_print(const char *words, FILE *to);

int cmd_serve(const struct invocation *in, struct err *err);
int cmd_localserve(const struct invocation *in, struct err *err);
int cmd_stop(const struct invocation *in, struct err *err);
int cmd_status(const struct invocation *in, struct err *err);
int cmd_reload(const struct invocation *in, struct err *err);
int cmd_loglevels(const struct invocation *in, struct err *err);
int cmd_config_test(const struct invocation *in, struct err *err);
int cmd_config_describe(const struct invocation *in, struct err *err);
int cmd_config_describe_sendmail(const struct invocation *in, struct err *err);
int cmd_sendmail(const struct invocation *in, struct err *err);
int cmd_account_add(const struct invocation *in, struct err *err);
int cmd_account_rm(const struct invocation *in, struct err *err);
int cmd_account_list(const struct invocation *in, struct err *err);
int cmd_account_addresses(const struct invocation *in, struct err *err);
int cmd_account_disable(const struct invocation *in, struct err *err);
int cmd_account_set(const struct invocation *in, struct err *err);
int cmd_account_print(const struct invocation *in, struct err *err);
int cmd_account_enable(const struct invocation *in, struct err *err);
int cmd_address_add(const struct invocation *in, struct err *err);
int cmd_address_rm(const struct invocation *in, struct err *err);
int cmd_address_list(const struct invocation *in, struct err *err);
int cmd_address_set(const struct invocation *in, struct err *err);
int cmd_address_print(const struct invocation *in, struct err *err);
int cmd_address_account(const struct invocation *in, struct err *err);
int cmd_alias_add(const struct invocation *in, struct err *err);
int cmd_alias_update(const struct invocation *in, struct err *err);
int cmd_alias_rm(const struct invocation *in, struct err *err);
int cmd_alias_addaddr(const struct invocation *in, struct err *err);
int cmd_alias_rmaddr(const struct invocation *in, struct err *err);
int cmd_alias_list(const struct invocation *in, struct err *err);
int cmd_alias_print(const struct invocation *in, struct err *err);
int cmd_app_password_add(const struct invocation *in, struct err *err);
int cmd_app_password_rm(const struct invocation *in, struct err *err);
int cmd_app_password_list(const struct invocation *in, struct err *err);
int cmd_login_attempts(const struct invocation *in, struct err *err);
int cmd_domain_add(const struct invocation *in, struct err *err);
int cmd_domain_rm(const struct invocation *in, struct err *err);
int cmd_domain_list(const struct invocation *in, struct err *err);
int cmd_domain_set(const struct invocation *in, struct err *err);
int cmd_domain_print(const struct invocation *in, struct err *err);
int cmd_installation_set(const struct invocation *in, struct err *err);
int cmd_installation_print(const struct invocation *in, struct err *err);
int cmd_domain_disable(const struct invocation *in, struct err *err);
int cmd_domain_enable(const struct invocation *in, struct err *err);
int cmd_tlspubkey_list(const struct invocation *in, struct err *err);
int cmd_tlspubkey_get(const struct invocation *in, struct err *err);
int cmd_tlspubkey_add(const struct invocation *in, struct err *err);
int cmd_tlspubkey_rm(const struct invocation *in, struct err *err);
int cmd_tlspubkey_gen(const struct invocation *in, struct err *err);
int cmd_setaccountpassword(const struct invocation *in, struct err *err);
int cmd_message_parse(const struct invocation *in, struct err *err);
int cmd_verify(const struct invocation *in, struct err *err);
int cmd_version(const struct invocation *in, struct err *err);
int cmd_help(const struct invocation *in, struct err *err);
