/* replay.c - what stands for libFuzzer where there is none: gives a fuzzer the files it is told.
 *
 * usage: replay_NAME FILE_OR_FOLDER ...
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define LONGEST_S 60

static unsigned n_files;

static void replay(const char *path);

static void replay_folder(const char *path)
{
    char name[4096];
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
            replay(name);
        }
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
}

static void replay(const char *path)
{
    struct stat st;
    FILE *file = stat(path, &st) == 0 && !S_ISDIR(st.st_mode) ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        replay_folder(path);
        return;
    }
    size_t size = (size_t)st.st_size;
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    printf("%s\n", path); /* flushed, so that the last line names what a crash is of */
    fflush(stdout);
    alarm(LONGEST_S);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    alarm(0);
    free(bytes);
    n_files++;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize != NULL) {
        (void)LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    printf("%u inputs\n", n_files);
    return n_files > 0 ? 0 : 1;
}
