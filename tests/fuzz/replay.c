/* replay.c - what stands for libFuzzer where there is none: gives a fuzzer the files it is told.
 *
 * usage: replay_NAME FILE_OR_FOLDER ...
 *
 * A file NAME.hex is many inputs, one in each of its lines (packs.py).
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define LONGEST_S 60

static unsigned n_files;

static void replay(const char *path);

__attribute__((noreturn)) static void fail(const char *path)
{
    perror(path);
    exit(1);
}

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

static void use(const char *name, unsigned long line, const uint8_t *bytes, size_t size)
{
    /* Flushed, so that the last line names what a crash is of. */
    if (line > 0) {
        printf("%s, line %lu\n", name, line);
    } else {
        printf("%s\n", name);
    }
    fflush(stdout);
    /* In memory of its own: a sanitizer sees who reads beyond it. */
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL) {
        fail(name);
    }
    memcpy(exact, bytes, size);
    alarm(LONGEST_S);
    (void)LLVMFuzzerTestOneInput(exact, size);
    alarm(0);
    free(exact);
    n_files++;
}

static unsigned digit(char of)
{
    const char *digits = "0123456789abcdef", *at = of != '\0' ? strchr(digits, of) : NULL;
    return at != NULL ? (unsigned)(at - digits) : 16;
}

static void replay_packed(const char *path, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    for (unsigned long n = 1; getline(&line, &room, file) >= 0; n++) {
        size_t size = 0;
        if (line[0] == '#') {
            continue;
        }
        while (digit(line[2 * size]) < 16 && digit(line[2 * size + 1]) < 16) {
            unsigned byte = digit(line[2 * size]) << 4 | digit(line[2 * size + 1]);
            line[size++] = (char)byte;
        }
        if (line[2 * size] != ' ' && line[2 * size] != '\n') {
            fprintf(stderr, "%s, line %lu: not in hexadecimal digits\n", path, n);
            exit(1);
        }
        use(path, n, (const uint8_t *)line, size);
    }
    free(line);
}

static void replay_file(const char *path, FILE *file, size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) {
        fail(path);
    }
    use(path, 0, bytes, size);
    free(bytes);
}

static void replay(const char *path)
{
    struct stat st;
    const char *suffix = strrchr(path, '.');
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        replay_folder(path);
        return;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail(path);
    }
    if (suffix != NULL && strcmp(suffix, ".hex") == 0) {
        replay_packed(path, file);
    } else {
        replay_file(path, file, (size_t)st.st_size);
    }
    fclose(file);
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
