/* hugepages.c - whether a directory lies on a file system that gives huge pages.
 *
 * That is a tmpfs mounted with huge=always, within_size or advise. The kernel says so among the
 * options of the file system, in the last field of its line of /proc/self/mountinfo.
 */
#include "hugepages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/types.h>

#define TMPFS 0x01021994 /* TMPFS_MAGIC of linux/magic.h */
#define HOW   "mount -t tmpfs -o huge=always,size=SIZE tmpfs DIRECTORY"

/* Whether a comma-separated list has huge= with a value that gives some. */
static bool has_huge(char *options)
{
    char *rest = options;
    for (char *option; (option = strsep(&rest, ",")) != NULL;) {
        if (strcmp(option, "huge=always") == 0 || strcmp(option, "huge=within_size") == 0 ||
            strcmp(option, "huge=advise") == 0) {
            return true;
        }
    }
    return false;
}

/* The file system's own options, of a line of mountinfo about `device`; NULL where it is about
 * another one. Spaces within a field are written as \040. */
static char *options_of(char *line, dev_t device)
{
    unsigned major_number, minor_number;
    if (sscanf(line, "%*d %*d %u:%u", &major_number, &minor_number) != 2 ||
        makedev(major_number, minor_number) != device || strstr(line, " - ") == NULL) {
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return strrchr(line, ' ') + 1;
}

static bool device_has_huge(dev_t device)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    while (file != NULL && !found && getline(&line, &room, file) > 0) {
        char *options = options_of(line, device);
        found = options != NULL && has_huge(options);
    }
    free(line);
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

const char *hugepages_problem(const char *directory, char *text, size_t room)
{
    struct statfs fs;
    struct stat st;
    if (statfs(directory, &fs) != 0 || stat(directory, &st) != 0) {
        snprintf(text, room, "cannot look at %s: %s", directory, strerror(errno));
    } else if (fs.f_type != TMPFS) {
        snprintf(text, room, "%s is on no tmpfs. Mount one that has huge pages: %s", directory,
                 HOW);
    } else if (!device_has_huge(st.st_dev)) {
        snprintf(text, room, "the tmpfs of %s has no huge pages. Mount one that has: %s", directory,
                 HOW);
    } else {
        return NULL;
    }
    return text;
}
