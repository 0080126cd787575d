/* mark.c - words by which a process knows itself from its children.
 *
 * Owns:     pages that the kernel wipes for a child (MADV_WIPEONFORK), a word of them for each mark.
 * Promise:  a mark is given out once. Where words are left is not wiped: a child goes on behind those
 *           that its parent has given out.
 * Never:    gives a page back: a mark is for good. Takes no lock, which a child could find held by a
 *           thread that it has not.
 */
#include "mark.h"

#include <stddef.h>

#include "base/os.h"
#include "layout.h"

/* The address of the next word; at the start of a page: none is left, as there is none at first. */
static _Atomic uintptr_t next;

/* A fresh page, whose first word is given out here. Where another thread had one first, it is given
 * back, and `*seen` is that one's word: then NULL, without an error. */
static _Atomic uint32_t *begin_page(uintptr_t *seen, int *err_out)
{
    void *page;
    *err_out = bn_os_wipe_on_fork(BN_PAGE, &page);
    if (*err_out != 0) {
        return NULL;
    }
    _Atomic uint32_t *words = page;
    if (bn_cas_seq(&next, seen, (uintptr_t)(words + 1))) {
        return words;
    }
    bn_os_unmap(page, BN_PAGE);
    return NULL;
}

_Atomic uint32_t *bn_mark_new(void)
{
    int err = 0;
    _Atomic uint32_t *mark = NULL;
    uintptr_t seen = bn_load_relaxed(&next); /* the exchange says whether it still holds */
    while (mark == NULL && err == 0) {
        if (seen % BN_PAGE == 0) {
            mark = begin_page(&seen, &err);
        } else if (bn_cas_seq(&next, &seen, seen + sizeof *mark)) {
            mark = (_Atomic uint32_t *)seen;
        }
    }
    return mark;
}
