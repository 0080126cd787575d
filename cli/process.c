/* process.c - processes of clients, as they are seen from here.
 *
 * A row of a store has the pid that its process has in its own PID namespace. Where that is ours the pid is right here;
 * what has the pid by now may be another, that began after the client did. Where it is another, below ours, the last
 * number of NSpid in /proc/PID/status is the pid there, and the link /proc/PID/ns/pid says which namespace. That link
 * may be looked at by root, and by the process's own user. What lies above ours, or beside, is not visible at all.
 */
#include "process.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "text.h"

char *bc_read_file(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "re");
    size_t room = 4096, n = 0;
    if (file == NULL) return NULL;
    char *text = bc_alloc(room);
    while ((n += fread(text + n, 1, room - n - 1, file)) == room - 1) {
        text = bc_realloc(text, room *= 2);
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    text[n] = '\0';
    if (size_out != NULL) *size_out = n;
    if (failed) {
        free(text);
        return NULL;
    }
    return text;
}

static char *read_of(int32_t pid, const char *name, size_t *size_out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return bc_read_file(path, size_out);
}

/* Which PID namespace it is in; 0: not known. */
static uint64_t pid_namespace_of(int32_t pid)
{
    struct stat stat_;
    char path[64] = "/proc/self/ns/pid";
    if (pid != 0) snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
    return stat(path, &stat_) == 0 ? stat_.st_ino : 0;
}

/* ---- what the kernel says of a process */

/* Behind the command, which is in parentheses and may have any bytes. */
static char *fields_of(int32_t pid, char **text_out)
{
    *text_out = read_of(pid, "stat", NULL);
    char *behind = *text_out != NULL ? strrchr(*text_out, ')') : NULL;
    return behind != NULL && behind[1] == ' ' ? behind + 2 : NULL;
}

char bc_process_state(int32_t pid)
{
    char *text, *fields = fields_of(pid, &text), state = fields != NULL ? fields[0] : '\0';
    free(text);
    return state;
}

/* When it began, in nanoseconds since 1970, to a tenth of a second or so; 0: not known. */
static uint64_t start_of(int32_t pid)
{
    char *text, *at = fields_of(pid, &text);
    unsigned long long ticks = 0, boot = 0;
    for (int field = 3; at != NULL && field < 22; field++) {
        at = strchr(at, ' ');
        if (at != NULL) at++;
    }
    if (at != NULL) ticks = strtoull(at, NULL, 10);
    free(text);
    char *stat_text = bc_read_file("/proc/stat", NULL);
    const char *line = stat_text != NULL ? strstr(stat_text, "\nbtime ") : NULL;
    if (line != NULL) boot = strtoull(line + 7, NULL, 10);
    free(stat_text);
    long rate = sysconf(_SC_CLK_TCK);
    if (ticks == 0 || boot == 0 || rate <= 0) return 0;
    return boot * UINT64_C(1000000000) + ticks * (UINT64_C(1000000000) / (uint64_t)rate);
}

/* ---- other PID namespaces */

struct other {
    int32_t pid, own_pid;
    uint64_t pid_namespace;
};

static struct other *others;
static size_t n_others;
static bool others_are_known;

/* The pid that a process has in its own namespace: the last number of NSpid. */
static int32_t own_pid_of(int32_t pid)
{
    char *text = read_of(pid, "status", NULL);
    char *line = text != NULL ? strstr(text, "\nNSpid:") : NULL;
    long own = 0;
    if (line != NULL) {
        char *end = strchr(line + 1, '\n');
        if (end != NULL) *end = '\0';
        char *last = strrchr(line, '\t');
        own = last != NULL ? strtol(last + 1, NULL, 10) : 0;
    }
    free(text);
    return (int32_t)own;
}

static void learn_others(void)
{
    DIR *proc = others_are_known ? NULL : opendir("/proc");
    uint64_t ours = pid_namespace_of(0);
    size_t room = 0;
    others_are_known = true;
    for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end != '\0' || pid <= 0) continue;
        uint64_t its = pid_namespace_of((int32_t)pid);
        if (its == 0 || its == ours) continue;
        if (n_others == room) others = bc_realloc(others, (room = 2 * room + 16) * sizeof *others);
        others[n_others++] = (struct other){ (int32_t)pid, own_pid_of((int32_t)pid), its };
    }
    if (proc != NULL) closedir(proc);
}

static int32_t find_pid(const brain_client *client)
{
    if (client->pid_namespace == pid_namespace_of(0)) return client->pid;
    learn_others();
    for (size_t i = 0; i < n_others; i++) {
        if (others[i].own_pid == client->pid && others[i].pid_namespace == client->pid_namespace) {
            return others[i].pid;
        }
    }
    return 0;
}

/* ---- */

static char *whole_command(int32_t pid)
{
    size_t n;
    char *text = read_of(pid, "cmdline", &n);
    while (n > 0 && text != NULL && text[n - 1] == '\0') {
        n--;
    }
    for (size_t i = 0; text != NULL && i < n; i++) {
        if (text[i] == '\0') text[i] = ' ';
    }
    if (text != NULL && n == 0) {
        free(text);
        text = NULL;
    }
    return text;
}

#define CLOCKS_DIFFER_NS UINT64_C(2000000000) /* btime is in seconds */

void bc_process_find(const brain_client *client, struct bc_process *out)
{
    int32_t pid = client->alive ? find_pid(client) : 0;
    uint64_t start_ns = pid != 0 ? start_of(pid) : 0;
    /* One that began after the client attached has got its pid. (The clock may have been set meanwhile: a client that
     * is known to live, in our own namespace, is the one that has the pid.) */
    bool is_it = start_ns != 0 && (start_ns <= client->start_ns + CLOCKS_DIFFER_NS ||
                                   client->pid_namespace == pid_namespace_of(0));
    out->pid = is_it ? pid : 0;
    out->state = is_it ? bc_process_state(pid) : '\0';
    out->command = is_it ? whole_command(pid) : NULL;
    if (out->command == NULL) {
        out->command = bc_alloc(sizeof client->command);
        memcpy(out->command, client->command, sizeof client->command);
    }
}

void bc_process_free(struct bc_process *process)
{
    free(process->command);
    process->command = NULL;
}
