#include "cmd/command.h"
#include "supervisor/supervisor.h"

int cmd_serve(const struct invocation *in, struct err *err)
{
    struct config_errors errors = {0};
    struct supervisor_options options = {.config_path = in->config_path,
                                         .program_directory = in->program_directory,
                                         .config_errors = &errors};
    int rc = supervisor_run(&options, err);

    if (errors.n > 0) {
        (void)err_set(err, ERR_INVALID, "%zu error%s in the configuration: nothing was started",
                      errors.n, errors.n == 1 ? "" : "s");
        config_errors_print(&errors, stderr);
    }
    config_errors_done(&errors);
    return rc;
}
