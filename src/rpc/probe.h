/* For tests of the sandbox, in builds with -Dtest_hooks=true only: a role that runs tries what its
 * sandbox forbids. */
#pragma once

#include <stdint.h>

#include "control.pb-c.h"

/* 0 when it worked, or an errno. Does not return when the kernel ends the process. */
uint32_t probe_try(const Gw__Probe *probe);
