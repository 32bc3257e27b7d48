/* faults-undo LOG: after `kill -9` of a program that ran with FAULTINJECT_UNDO=LOG, throws away
 * what it had not synced. */
#include <stdio.h>

#include "faultinject.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: faults-undo log\n");
        return 2;
    }
    return faultundo_apply(argv[1]) < 0;
}
