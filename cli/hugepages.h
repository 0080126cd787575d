/* hugepages.h - whether a directory lies on a file system that gives huge pages. */
#ifndef HUGEPAGES_H
#define HUGEPAGES_H

#include <stddef.h>

/* NULL where files in `directory` get huge pages; else why they do not, in words that go on from
 * "-h: ", in `text`. What it says may also be that the directory cannot be looked at. */
const char *hugepages_problem(const char *directory, char *text, size_t room);

#endif
