/* recover_copy.c - opens, recovers and uses a store that somebody left: for `test_every_instruction --beside`.
 *
 *     recover_copy DIRECTORY
 *
 * So another build of the library than the one that is stepped recovers what a death left: one that counts
 * what it reaches (tests/coverage), or one with sanitizers. The store is spoilt by it.
 *
 * Exits with 0, or 1 after a line that says what was found.
 */
#include <stdio.h>

#include "examine.h"
#include "kit.h"

int main(int argc, char **argv)
{
    static struct examine_report report;
    struct state_catalogue *catalogue = state_catalogue_new();
    if (argc != 2) {
        kit_die("usage: recover_copy DIRECTORY");
    }
    examine(argv[1], catalogue, true, NULL, &report);
    state_catalogue_free(catalogue);
    if (report.problem[0] != '\0') {
        printf("  recover_copy: %s\n", report.problem);
        return 1;
    }
    return 0;
}
