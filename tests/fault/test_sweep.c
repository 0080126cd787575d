/* test_sweep.c - who sweeps up after dead makers meets one that is done in that very moment.
 *
 * A maker holds the lock on its `data` until its directory has its final name. Here it gets that name when
 * the sweeper, who has opened both, asks for the lock: what it has open is a store in use by then, and has
 * to stay. fcntl() is wrapped by the linker (tests/meson.build).
 */
#include "../unit/check.h"

#include <sys/stat.h>

#include "wrap_fcntl.h"

static char temp[300], place[300];
static int n_renamed;

/* The name that a descriptor was opened by, as the kernel has it. */
static bool is_in_temp(int fd)
{
    char link[64], target[400];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    return temp[0] != '\0' && strncmp(target, temp, strlen(temp)) == 0;
}

static bool before_fcntl(int fd, int command, void *argument)
{
    (void)argument;
    if (command == F_OFD_SETLK && n_renamed == 0 && is_in_temp(fd)) {
        CHECK_SYS(rename(temp, place));
        n_renamed++;
    }
    return true;
}

int main(void)
{
    check_begin();
    const char *folder = check_path_in("/dev/shm"); /* which nobody else sweeps */
    CHECK_SYS(mkdir(folder, 0700));
    const char *path = check_path_in(folder), *next = check_path_in(folder);
    snprintf(place, sizeof place, "%s", path);
    snprintf(temp, sizeof temp, "%s/.brain-new-test", folder);
    brain_store *store = check_open(path, CHECK_MIB);
    brain_space *space = check_space(store, "default");
    CHECK_OK(brain_put_bytes(space, "a", 1, "1", 1));
    brain_space_close(space);
    brain_close(store);
    CHECK_SYS(rename(place, temp));
    store = check_open(next, CHECK_MIB); /* makes one, and sweeps before */
    CHECK_U64(n_renamed, 1);
    check_destroy(store);
    store = check_open_with(path, 0, BRAIN_OPEN_EXISTING);
    space = check_space(store, "default");
    CHECK_OK(brain_exists(space, "a", 1, NULL));
    brain_space_close(space);
    check_destroy(store);
    CHECK_SYS(rmdir(folder));
    return 0;
}
