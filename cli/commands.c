/* commands.c - the one table of all subcommands: help, completion and man pages are made from it. */
#include "commands.h"

#include <string.h>

#define FLAG(name, letter, help)            { name, letter, NULL, help, BC_WORDS_NONE, NULL }
#define VALUE(name, letter, argument, help) { name, letter, argument, help, BC_WORDS_NONE, NULL }
#define END                                 { NULL, 0, NULL, NULL, BC_WORDS_NONE, NULL }

const struct bc_option_row BC_GLOBAL_OPTIONS[] = {
    { "store", 's', "PATH", "the store's path; else $BRAIN_PATH, else /tmp/plasma",
      BC_WORDS_DIRECTORIES, NULL },
    { "namespace", 'n', "NAME", "the namespace; else $BRAIN_NAMESPACE, else default",
      BC_WORDS_SPACES, NULL },
    FLAG("json", 0, "print JSON"),
    FLAG("yes", 'y', "do not ask before what cannot be undone"),
    FLAG("escaped", 'e', "names have escapes, as ls prints them: \\n, \\x1b, \\u{202e}, \\\\"),
    VALUE("wait", 0, "SECONDS", "how long a change waits for another writer (10)"),
    FLAG("help", 'h', "show help"),
    FLAG("version", 'V', "show the version"),
    END,
};

const struct bc_exit_row BC_EXITS[] = {
    { BC_DONE, "done" },
    { BC_NO,
      "the answer is no: there is no such name, or there is one already; damage or a problem "
      "was found" },
    { BC_USAGE, "the command line makes no sense" },
    { BC_NO_STORE, "there is no store at the path, or it was just removed" },
    { BC_DENIED, "not allowed: the mode or the owner of the store, or of a file" },
    { BC_FULL, "the store is full, or a quota is reached, or a disk has no room" },
    { BC_TIMEOUT, "a writer held the lock for too long, or what was waited for did not happen" },
    { BC_DAMAGED, "damaged, or of another format; what could be read has been shown" },
    { BC_SYSTEM, "the operating system refused something, as to write the output" },
    { BC_REFUSED, "a confirmation was refused, or there was no terminal to ask on: --yes" },
    { BC_INTERRUPTED, "interrupted" },
    { 0, NULL },
};

#define LOOKING  (BC_EXIT(BC_NO_STORE) | BC_EXIT(BC_DENIED) | BC_EXIT(BC_DAMAGED))
#define CHANGING (LOOKING | BC_EXIT(BC_TIMEOUT))

static const struct bc_option_row create_options[] = {
    VALUE("capacity", 'c', "SIZE",
          "what values may take, as 500M or 2Gi; else half of what is free"),
    VALUE("mode", 'm', "MODE", "0600, or for a group 0640 (it may read) or 0660 (and write)"),
    VALUE("group", 'g', "GROUP", "the group, by name or number"),
    { "directory", 'd', "DIRECTORY", "where its memory is: a directory on a tmpfs",
      BC_WORDS_DIRECTORIES, NULL },
    { "when-full", 'w', "MODE", "error; lru: what was not used for longest goes; spill: to a disk",
      BC_WORDS_LIST, "error|lru|spill" },
    END,
};

static const struct bc_option_row ls_options[] = {
    FLAG("names", '1', "the names alone, one a line"),
    FLAG("long", 'l', "with description, and whether the value is away in a file"),
    FLAG("namespaces", 0, "list the namespaces, with how many names and bytes each has"),
    FLAG("all", 'a', "the names of all namespaces, also the library's own"),
    { "sort", 'S', "KEY",
      "by name, size, created or version (the last three: largest first); none: as they come",
      BC_WORDS_LIST, "name|size|created|version|none" },
    FLAG("reverse", 'r', "the other way round"),
    END,
};

static const struct bc_option_row get_options[] = {
    { "output", 'o', "FILE", "write to a file, which is there only when it is whole",
      BC_WORDS_FILES, NULL },
    FLAG("raw", 0, "the bytes as they lie in the store, on a terminal, too"),
    VALUE("rows", 0, "N", "of an array, on a terminal: how many rows at each end (3)"),
    END,
};

static const struct bc_option_row put_options[] = {
    VALUE("text", 't', "TEXT", "put this text, as str"),
    VALUE("int", 'i', "NUMBER", "put this number, as int"),
    VALUE("float", 'f', "NUMBER", "put this number, as float"),
    { "kind", 'k', "KIND", "what the bytes are: bytes (else), str or raw", BC_WORDS_LIST,
      "bytes|str|raw" },
    VALUE("description", 'd', "TEXT", "describe it; else it keeps the description that it has"),
    VALUE("size", 0, "SIZE",
          "of what comes from a pipe: so many bytes, which need not be gathered first"),
    FLAG("not-empty", 0, "only if something comes: else nothing is put, and the status is 1"),
    FLAG("new", 0, "only if there is no such name"),
    VALUE("if-version", 0, "N", "only if the name has this version"),
    END,
};

static const struct bc_option_row rm_options[] = {
    FLAG("recursive", 'r', "remove the namespaces that are named, with all their names"),
    FLAG("force", 'f', "names that are not there are no error"),
    END,
};

static const struct bc_option_row move_options[] = {
    { "to", 't', "NAMESPACE", "put them there; else in the namespace of -n", BC_WORDS_SPACES,
      NULL },
    FLAG("new", 0, "only if there is no such name there yet"),
    END,
};

static const struct bc_option_row quota_options[] = {
    END,
};

static const struct bc_option_row dump_options[] = {
    VALUE("level", 'z', "LEVEL", "compress with zstd: 1 (fast) to 19 (small); 0: not at all (0)"),
    VALUE("threads", 0, "N", "that compress"),
    FLAG("all", 'a', "the whole store, which is so without names and -n, too"),
    END,
};

static const struct bc_option_row load_options[] = {
    FLAG("keep", 'k', "leave names that are there as they are"),
    FLAG("damaged", 0, "of a damaged file load what is whole"),
    FLAG("pickles", 0, "load pickles, whoever may have written the file"),
    FLAG("list", 0, "print what became of each name"),
    END,
};

static const struct bc_option_row destroy_options[] = {
    END,
};

static const struct bc_option_row watch_options[] = {
    FLAG("all", 'a', "all namespaces"),
    VALUE("count", 'c', "N", "end after so many changes"),
    VALUE("timeout", 't', "SECONDS", "end after so long; with 6 where --count was not reached"),
    FLAG("existing", 'x', "print first what is there already, as 'there'"),
    FLAG("ready", 0, "say on stderr when it begins: what is changed from then on is printed"),
    END,
};

static const struct bc_option_row doctor_options[] = {
    FLAG("fix", 'f',
         "do what harms nobody, each asked for: give back what the dead held and memory that "
         "nobody needs, "
         "let a stopped writer go on"),
    FLAG("check", 0, "verify every invariant, too: it has the lock meanwhile (brain check)"),
    END,
};

static const struct bc_option_row top_options[] = {
    VALUE("delay", 'd', "SECONDS", "between two looks (2)"),
    FLAG("once", 'b', "print one report over that time; so it is in a pipe, and with --json"),
    END,
};

static const struct bc_option_row who_options[] = {
    FLAG("all", 'a', "on a terminal: all that a process holds, and not the largest alone"),
    END,
};

static const struct bc_option_row metrics_options[] = {
    FLAG("serve", 0, "serve them over HTTP: brain serve-metrics [PORT]"),
    END,
};

static const struct bc_option_row check_options[] = {
    VALUE("max", 0, "N", "print at most so many problems (100)"),
    END,
};

const struct bc_command BC_COMMANDS[] = {
    { "create", "", 0, 0, BC_WORDS_NONE, NULL, "make a store",
      "Makes an empty store, at -s PATH, whose directory has to be there (else: status 8). It is "
      "an "
      "error if there is one.\n\n"
      "    brain -s /tmp/plasma create --capacity 2G\n"
      "    brain -s /dev/shm/shared create --mode 0660 --group staff",
      create_options, BC_EXIT(BC_NO) | BC_EXIT(BC_DENIED) | BC_EXIT(BC_FULL) | BC_EXIT(BC_DAMAGED),
      bc_create },
    { "ls", "[PATTERN...]", 0, -1, BC_WORDS_NAMES, NULL, "list names",
      "Lists the names of the namespace, as of one moment: all, or those that match a pattern as a "
      "shell has them (*, ?, [a-z]; quote it). In a pipe a line for each: name, kind, size in "
      "bytes, version and "
      "time of the put, a TAB between them; with -l also description and away; with -a the "
      "namespace in front.\n\n"
      "With --json: an array of objects with name, namespace, kind, size, version and created, and "
      "with -l "
      "description and away; with --namespaces of namespace, names, bytes and quota.\n\n"
      "    brain ls 'sales-*' --sort size\n"
      "    brain ls --namespaces\n"
      "    brain ls --json | jq -r '.[] | select(.size > 1e6) | .name'",
      ls_options, LOOKING | BC_EXIT(BC_NO), bc_ls },
    { "get", "NAME", 1, 1, BC_WORDS_NAMES, NULL, "print a value",
      "In a pipe, or with --raw or -o: the bytes of a str, of bytes, and of the elements of an "
      "array; a number, "
      "True, False or None as text, and a newline behind it (with --raw their bytes). On a "
      "terminal an array is shown with its type, its "
      "shape and its first and last rows.\n\n"
      "Tables, and what only Python understands, are shown by brain-show, which comes with the "
      "Python "
      "package; with --raw their bytes are here, too.\n\n"
      "    brain get greeting\n"
      "    brain get picture > picture.png",
      get_options, LOOKING | BC_EXIT(BC_NO), bc_get },
    { "put", "NAME [FILE]", 1, 2, BC_WORDS_FILES, NULL, "put a value under a name",
      "Puts what is in FILE, or what comes from stdin, as bytes; or a text or a number. A value "
      "that is there "
      "is replaced, in one step, when all has come. A file is not read into memory; what comes "
      "from a pipe is, since how "
      "long it is has to be known, unless --size says it.\n\n"
      "Whether what wrote into the pipe has failed nobody sees at its other end: what came until "
      "then "
      "is put. --not-empty refuses nothing at all; what may break off in the middle goes to a FILE "
      "first.\n\n"
      "With --json: an object with name, namespace, version and size of what is there now.\n\n"
      "    brain put report report.pdf\n"
      "    curl -sf https://example.org/rates.csv | brain put rates --kind str --not-empty\n"
      "    brain put --text hello greeting",
      put_options, CHANGING | BC_EXIT(BC_NO) | BC_EXIT(BC_FULL), bc_put },
    { "rm", "NAME...", 1, -1, BC_WORDS_NAMES, NULL, "remove names",
      "Removes names, all at once: if one is not there nothing is removed. Of more than one, and "
      "of a "
      "namespace, it asks first. A namespace that is put into again is made again: so default goes "
      "as any other, with its names, though Python's remove_namespace() refuses that one. With "
      "--json: an object with removed, how many names are gone.\n\n"
      "    brain rm old older\n"
      "    brain rm -r sessions --yes",
      rm_options, CHANGING | BC_EXIT(BC_NO) | BC_EXIT(BC_FULL) | BC_EXIT(BC_REFUSED), bc_rm },
    { "cp", "NAME NEW", 2, 2, BC_WORDS_NAMES, NULL, "copy a value to another name",
      "Copies a value with its metadata and its description. What NEW had is replaced. With "
      "--json: as put.",
      move_options, CHANGING | BC_EXIT(BC_NO) | BC_EXIT(BC_FULL), bc_cp },
    { "mv", "NAME NEW", 2, 2, BC_WORDS_NAMES, NULL, "give a value another name",
      "In one step: nobody sees the value under both names, or under none. It is copied, so for "
      "a moment there has to be room for it twice. What NEW had is replaced. With --json: as put.",
      move_options, CHANGING | BC_EXIT(BC_NO) | BC_EXIT(BC_FULL), bc_mv },
    { "stat", "", 0, 0, BC_WORDS_NONE, NULL, "show how full the store is",
      "Shows the numbers of the store: what values may take and do take, what was replaced or "
      "removed and is still "
      "held (limbo), what is being written (unsealed), memory, names, views of processes (pins), "
      "and "
      "how many processes but this one have it open (clients).",
      NULL, LOOKING, bc_stat },
    { "top", "", 0, 0, BC_WORDS_NONE, NULL, "show what goes on, again and again",
      "Shows how full the store is and how fast it grows; gets (and how many found something), "
      "puts, deletes and waits for "
      "the lock, a second, of all processes; the largest values; the processes, those that alone "
      "keep most first; and what "
      "was replaced and is kept, for whom. q ends it.\n\n"
      "Of a very large store a part is looked at each time, so that nobody else feels it: the list "
      "of the largest is "
      "whole after some time.",
      top_options, LOOKING, bc_top },
    { "watch", "[NAME...]", 0, -1, BC_WORDS_NAMES, NULL, "print changes as they come",
      "Prints changes of the namespace, or of these names in it, until Ctrl-C: when, put or "
      "deleted, namespace, name, "
      "version (of a deleted one: its last) and size. With --json: an object a line, with time, "
      "event, namespace, name, "
      "version, previous, size and kind.\n\n"
      "It waits for a namespace, without looking in between, and then compares versions: a name "
      "that changes "
      "several times in a moment is printed once, as it is then. All namespaces are looked at ten "
      "times a second. In a "
      "namespace of a million names a look takes a second or so: watch names, then.\n\n"
      "    brain watch --count 1 result && brain get result\n"
      "    brain watch --json | jq -r 'select(.event == \"put\") | .name'",
      watch_options, LOOKING | BC_EXIT(BC_TIMEOUT), bc_watch },
    { "who", "[NAME]", 0, 1, BC_WORDS_NAMES, NULL, "show who has the store open, and holds what",
      "Shows the processes that have the store open, what each has views of, its snapshots and "
      "what it is writing; "
      "those that keep most come first. With NAME: who has a view of it, or of what was under that "
      "name before.\n\n"
      "A value that was replaced or removed keeps its memory until nobody has a view of it, and no "
      "snapshot "
      "shows it: ALONE is what would be given back if this process let go. NOT BEFORE: a view has "
      "no time; it "
      "was taken when the process had attached and the value was put, or later.\n\n"
      "A process of another PID namespace (a container) has the pid here if it can be seen from "
      "here, else '?'. In a "
      "pipe: a line for each thing that is held, or 'open': pid, state (live, replaced, snapshot, "
      "draft), namespace, "
      "name, version, size, alone, not before, the pid that it has itself, command. With --json: "
      "an array of processes, "
      "each with its objects.\n\n"
      "    brain who --json | jq '.[] | select(.alone > 1e9) | .pid'",
      who_options, LOOKING | BC_EXIT(BC_NO), bc_who },
    { "explain", "NAME", 1, 1, BC_WORDS_NAMES, NULL, "say what is known of a value",
      "Says of what kind and how large a value is, its version, when it was put, its description, "
      "and who holds it; of an "
      "array type and shape.",
      NULL, LOOKING | BC_EXIT(BC_NO), bc_explain },
    { "check", "", 0, 0, BC_WORDS_NONE, NULL, "verify the whole store",
      "Verifies every invariant of the store. Meanwhile nobody can change it, but everybody read. "
      "Ends with 1 where there are "
      "problems.",
      check_options, CHANGING | BC_EXIT(BC_NO), bc_check },
    { "doctor", "", 0, 0, BC_WORDS_NONE, NULL, "look for what is wrong, and say what to do",
      "Looks, without the lock, for a writer that is stopped, for what the dead have left, for "
      "memory that nobody needs "
      "or that one process alone keeps, for damage; and at the system: room of the file system "
      "(Docker gives 64 MB), limits "
      "of processes and of the cgroup, systemd's RemoveIPC, memory. Of each find it says how bad "
      "it is (problem, warning, "
      "note), what it is, what shows it, and what to do. Ends with 0 where there are only notes, "
      "or all was fixed; else "
      "with 1.\n\n"
      "In a pipe a line for each: severity, id, fixed or -, what, evidence, advice.\n\n"
      "    brain doctor --fix --yes",
      doctor_options, CHANGING | BC_EXIT(BC_NO) | BC_EXIT(BC_REFUSED), bc_doctor },
    { "dump", "FILE [NAME...]", 1, -1, BC_WORDS_FILES, NULL, "write names to a file",
      "Writes the store to a file, as of one moment, while others go on: all of it; with -n a "
      "namespace; with names these "
      "of the namespace. FILE is there when it is whole. - is stdout.\n\n"
      "    brain dump all.brain --level 3\n"
      "    brain dump - | ssh elsewhere 'cat > all.brain'",
      dump_options, LOOKING | BC_EXIT(BC_NO) | BC_EXIT(BC_FULL), bc_dump },
    { "load", "FILE [NAME...]", 1, -1, BC_WORDS_FILES, NULL, "bring names back from a file",
      "Loads what a dump has: all of it; with -n a namespace; with names these of the namespace. "
      "First all of the file is "
      "verified. Where names are there that it would replace it asks first. Pickles, which are "
      "code, are left out of a file that others could have "
      "written.\n\n"
      "    brain create && brain load all.brain",
      load_options, CHANGING | BC_EXIT(BC_NO) | BC_EXIT(BC_FULL) | BC_EXIT(BC_REFUSED), bc_load },
    { "resize", "SIZE", 1, 1, BC_WORDS_NONE, NULL, "let the store hold more, or less",
      "Sets what values may take, for all who have the store open. Nothing is removed: where there "
      "is more than that, it "
      "is an error. With --json: an object with capacity and used.",
      NULL, CHANGING | BC_EXIT(BC_FULL), bc_resize },
    { "quota", "[SIZE]", 0, 1, BC_WORDS_NONE, NULL, "bound a namespace",
      "Shows what the values of the namespace of -n may take and do take, or sets it; 0: no quota. "
      "The namespace is made where "
      "there is none.",
      quota_options, CHANGING | BC_EXIT(BC_FULL), bc_quota },
    { "compact", "", 0, 0, BC_WORDS_NONE, NULL, "give memory that nobody needs back to the system",
      "Reaps the dead, empties limbo, and gives back all memory that no value uses.", NULL,
      CHANGING | BC_EXIT(BC_FULL), bc_compact },
    { "metrics", "[PORT]", 0, 1, BC_WORDS_NONE, NULL, "print the store's metrics",
      "Prints them as OpenMetrics text, which Prometheus reads; with --serve it serves them, on "
      "PORT.",
      metrics_options, LOOKING, bc_metrics },
    { "show", "NAME", 0, -1, BC_WORDS_NAMES, NULL, "show a table, or what only Python understands",
      "A program of the Python package, brain-show. brain show --help says what it takes.", NULL,
      LOOKING | BC_EXIT(BC_NO), NULL },
    { "import", "NAME FILE", 0, -1, BC_WORDS_FILES, NULL, "put a table that is in a file",
      "A program of the Python package, brain-import: Parquet, CSV, Arrow IPC. brain import --help "
      "says what it takes.",
      NULL, CHANGING | BC_EXIT(BC_NO) | BC_EXIT(BC_FULL), NULL },
    { "export", "NAME FILE", 0, -1, BC_WORDS_FILES, NULL, "write a table to a file",
      "A program of the Python package, brain-export: Parquet, CSV, Arrow IPC. brain export --help "
      "says what it takes.",
      NULL, LOOKING | BC_EXIT(BC_NO), NULL },
    { "serve-metrics", "[PORT]", 0, -1, BC_WORDS_NONE, NULL, "serve metrics over HTTP",
      "A program of the Python package, brain-serve-metrics. brain serve-metrics --help says what "
      "it takes.",
      NULL, LOOKING, NULL },
    { "destroy", "", 0, 0, BC_WORDS_NONE, NULL, "remove the store",
      "Removes the store, for everybody: who has it open gets errors from then on, but keeps the "
      "views that it has. It asks first. With "
      "--json: an object with path and directory, and names and used of what is gone.",
      destroy_options,
      BC_EXIT(BC_NO_STORE) | BC_EXIT(BC_DENIED) | BC_EXIT(BC_DAMAGED) | BC_EXIT(BC_REFUSED),
      bc_destroy },
    { "completion", "SHELL", 1, 1, BC_WORDS_LIST, "bash|zsh|fish",
      "print what completes command lines",
      "Prints a script for bash, zsh or fish. What is installed as a package has them in place; "
      "else:\n\n"
      "    source <(brain completion bash)",
      NULL, 0, bc_completion },
    { "help", "[SUBCOMMAND]", 0, 1, BC_WORDS_COMMANDS, NULL, "show help", "", NULL, 0, bc_help },
    { NULL, NULL, 0, 0, BC_WORDS_NONE, NULL, NULL, NULL, NULL, 0, NULL },
};

static const struct bc_command hidden[] = {
    { "__man", "", 0, 0, BC_WORDS_NONE, NULL, "print the manual page", "", NULL, 0, bc_man },
    { "__complete", "WHAT [PREFIX]", 1, 2, BC_WORDS_NONE, NULL, "print what could stand there", "",
      NULL, 0, bc_complete },
};

static const struct bc_command *find(const struct bc_command *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].name != NULL && strcmp(rows[i].name, name) == 0) return &rows[i];
    }
    return NULL;
}

const struct bc_command *bc_find_command(const char *name)
{
    return find(BC_COMMANDS, sizeof BC_COMMANDS / sizeof BC_COMMANDS[0], name);
}

const struct bc_command *bc_find_hidden(const char *name)
{
    return find(hidden, sizeof hidden / sizeof hidden[0], name);
}
