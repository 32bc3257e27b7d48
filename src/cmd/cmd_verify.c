/* Checks the directory and the mail of a data directory, shard by shard. Reads only: the server may
 * be running. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/command.h"
#include "store/verify.h"

static void print_problem(void *owner, const char *class_name, const char *what, const char *advice)
{
    const char *shard = owner;

    (void)printf("%s: %s: %s (%s)\n", shard, class_name, what, advice);
}

static int is_shard(const struct dirent *entry)
{
    return slice_starts(slice_str(entry->d_name), SLICE("shard-"));
}

static int verify_shard(const char *directory, char *name, struct verify_summary *total,
                        struct err *err)
{
    const struct verify_options options = {.problem = print_problem, .owner = name};
    struct verify_summary sum;
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    int rc = verify_directory(path, &options, &sum, err);

    if (rc < 0)
        return rc;
    (void)printf("%s: %" PRIu64 " bodies, %" PRIu64 " octets, %" PRIu64 " problem%s\n", name,
                 sum.bodies, sum.body_bytes, sum.problems, sum.problems == 1 ? "" : "s");
    total->problems += sum.problems;
    return 0;
}

static int verify_accounts_of(const char *directory, struct verify_summary *total, struct err *err)
{
    char name[] = "directory";
    const struct verify_options options = {.problem = print_problem, .owner = name};
    struct verify_summary sum;
    int rc = verify_accounts(directory, &options, &sum, err);

    if (rc < 0)
        return rc;
    (void)printf("%s: %" PRIu64 " problem%s\n", name, sum.problems, sum.problems == 1 ? "" : "s");
    total->problems += sum.problems;
    return 0;
}

static int verify_all(const char *directory, struct err *err)
{
    struct verify_summary total = {0};
    struct dirent **entries;
    int n = scandir(directory, &entries, is_shard, alphasort);
    int rc = 0;

    if (n < 0)
        return err_errno(err, errno, "cannot look into %s", directory);
    if (n == 0)
        rc = err_set(err, ERR_NOT_FOUND, "there is no mail in %s", directory);
    else
        rc = verify_accounts_of(directory, &total, err);
    for (int i = 0; i < n; i++) {
        if (rc == 0)
            rc = verify_shard(directory, entries[i]->d_name, &total, err);
        free(entries[i]);
    }
    free(entries);
    if (rc == 0 && total.problems > 0)
        rc = err_set(err, ERR_DAMAGED, "%" PRIu64 " problem%s found", total.problems,
                     total.problems == 1 ? "" : "s");
    return rc;
}

int cmd_verify(const struct invocation *in, struct err *err)
{
    struct config_errors errors = {0};
    struct config *config;

    if (in->args_n > 0)
        return verify_all(in->args[0], err);
    int rc = config_load(in->config_path, &config, &errors);

    if (rc < 0) {
        (void)err_set(err, ERR_INVALID, "%s", errors.n > 0 ? errors.text[0] : "out of memory");
    } else {
        rc = verify_all(config->data_directory, err);
        config_free(config);
    }
    config_errors_done(&errors);
    return rc;
}
