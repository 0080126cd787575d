/* backing.c - a fallocate() that writes down what it is asked for. */
#undef _FILE_OFFSET_BITS /* with it, <fcntl.h> gives both functions below the same name */
#include "backing.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kit.h"

static struct backing_log *in_use;

struct backing_log *backing_log_open(int fd)
{
    void *log = mmap(NULL, sizeof(struct backing_log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    kit_must(log != MAP_FAILED, "mmap");
    return log;
}

struct backing_log *backing_log_new(void)
{
    int fd = memfd_create("backing-log", 0);
    kit_must(fd >= 0 && ftruncate(fd, sizeof(struct backing_log)) == 0, "memfd_create");
    struct backing_log *log = backing_log_open(fd);
    log->fd = fd;
    return log;
}

void backing_log_free(struct backing_log *log)
{
    close(log->fd);
    munmap(log, sizeof *log);
}

void backing_log_use(struct backing_log *log)
{
    in_use = log;
}

static struct backing_call *write_down(int fd, int mode, off_t off, off_t len)
{
    struct stat status;
    uint32_t n = atomic_load(&in_use->n);
    if (n >= BACKING_MAX || fstat(fd, &status) != 0) {
        kit_die("the log of fallocate calls is full");
    }
    in_use->calls[n] = (struct backing_call){ status.st_ino, mode, off, len, BACKING_ASKED, 0 };
    atomic_store(&in_use->n, n + 1);
    return &in_use->calls[n];
}

/* In place of the C library's. */
int fallocate(int fd, int mode, off_t off, off_t len)
{
    struct backing_call *call = in_use == NULL ? NULL : write_down(fd, mode, off, len);
    long rc = syscall(SYS_fallocate, fd, mode, off, len);
    if (call != NULL) {
        atomic_store(&call->step, rc == 0 ? BACKING_DONE : BACKING_REFUSED);
    }
    return (int)rc;
}

/* The name that <fcntl.h> turns calls into where it is told that offsets have 64 bits. */
int fallocate64(int fd, int mode, off64_t off, off64_t len)
{
    return fallocate(fd, mode, (off_t)off, (off_t)len);
}
