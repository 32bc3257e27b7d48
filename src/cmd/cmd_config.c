#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "supervisor/describe.h"
#include "supervisor/tls_files.h"

#define DESCRIBE_MAX (256u * 1024)

int cmd_config_test(const struct invocation *in, struct err *err)
{
    struct config_errors errors = {0};
    struct config *config = NULL;
    struct tls_files tls;
    int rc = config_load(in->config_path, &config, &errors);

    if (rc < 0) {
        size_t n = errors.n;

        config_errors_print(&errors, stderr);
        config_errors_done(&errors);
        return err_set(err, ERR_INVALID, "%zu error%s in the configuration", n, n == 1 ? "" : "s");
    }
    rc = tls_files_read(config, &tls, err);
    if (rc == 0) {
        tls_files_done(&tls);
        (void)printf("config OK\n");
    }
    config_free(config);
    return rc;
}

int cmd_config_describe(const struct invocation *in, struct err *err)
{
    struct builder out;

    if (in->args_n > 0 && strcmp(in->args[0], "mdoc") != 0)
        return err_set(err, ERR_INVALID, "the only other form is mdoc");
    build_init(&out, DESCRIBE_MAX);
    if (in->args_n > 0)
        describe_mdoc(&out);
    else
        describe_template(&out);
    struct slice text = build_slice(&out);
    bool written = build_ok(&out) && fwrite(text.p, 1, text.n, stdout) == text.n;

    build_done(&out);
    return written ? 0 : err_set(err, ERR_IO, "cannot write the description");
}
