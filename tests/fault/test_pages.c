/* test_pages.c - a kernel whose pages are larger than those of a store (AArch64: 16 or 64 KiB).
 *
 * Nothing could be mapped where it has to be: open says so, and leaves nothing behind. sysconf() is wrapped
 * by the linker (tests/meson.build).
 */
#include "../unit/check.h"

static long page_bytes; /* 0: what the system says */

long __real_sysconf(int name);
long __wrap_sysconf(int name);
long __wrap_sysconf(int name)
{
    return name == _SC_PAGESIZE && page_bytes != 0 ? page_bytes : __real_sysconf(name);
}

static void test_larger_pages_are_an_error_at_open(long bytes, const char *shown)
{
    const char *path = check_path();
    brain_store *store = NULL;
    page_bytes = bytes;
    CHECK_CODE(brain_open(path, NULL, &store), BRAIN_E_IO);
    CHECK(strstr(brain_error_detail(), shown) != NULL);
    CHECK(access(path, F_OK) != 0);
    page_bytes = 0;
    brain_close(check_open(path, 0));
}

int main(void)
{
    check_begin();
    test_larger_pages_are_an_error_at_open(16384, "16384");
    test_larger_pages_are_an_error_at_open(65536, "65536");
    return 0;
}
