/* command.h - what a subcommand is, and what it is given.
 *
 * A subcommand is a row of the table in commands.c and a function `int bc_NAME(struct bc_context *)`, which returns an
 * exit status (enum bc_exit). main.c has read the command line by then: options are asked for with bc_option(), other
 * arguments are context->arguments.
 */
#ifndef BC_COMMAND_H
#define BC_COMMAND_H

#include <brain.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses; commands.c has the words for each. */
enum bc_exit {
    BC_DONE = 0,
    BC_NO = 1,    /* the answer is no: no such name, damage or a problem was found */
    BC_USAGE = 2, /* the command line makes no sense */
    BC_NO_STORE = 3,
    BC_DENIED = 4,
    BC_FULL = 5, /* or a quota */
    BC_TIMEOUT = 6,
    BC_DAMAGED = 7, /* or of another format */
    BC_SYSTEM = 8,  /* the operating system refused something */
    BC_REFUSED = 9, /* a confirmation was refused, or could not be asked for */
    BC_INTERRUPTED = 130,
};
#define BC_EXIT(status) (1u << ((status) == BC_INTERRUPTED ? 31 : (status))) /* in a set of them */

/* What an argument, or the value of an option, is: for completion. */
enum bc_words {
    BC_WORDS_NONE,
    BC_WORDS_NAMES,  /* of the namespace */
    BC_WORDS_SPACES, /* namespaces of the store */
    BC_WORDS_FILES,
    BC_WORDS_DIRECTORIES,
    BC_WORDS_COMMANDS, /* subcommands */
    BC_WORDS_LIST,     /* those of `list`, with a | between them */
};

/* An option of a subcommand, or one that all have. The end of a list of them has no `name`. */
struct bc_option_row {
    const char *name;     /* the long one, without its -- */
    char letter;          /* the short one, or 0 */
    const char *argument; /* what its value is called, or NULL: it has none */
    const char *help;     /* a clause that begins in lower case */
    enum bc_words words;
    const char *list;
};

struct bc_context;

/* A subcommand. */
struct bc_command {
    const char *name;
    const char *arguments; /* as in a synopsis: "NAME [FILE]" */
    int n_min, n_max;      /* how many; -1: any number */
    enum bc_words words;   /* what they are */
    const char *list;      /* BC_WORDS_LIST */
    const char *summary;   /* one line, in lower case, without a full stop */
    const char *text;      /* paragraphs, an empty line between them; a line that begins with four
                                        spaces stands as it is */
    const struct bc_option_row *options; /* or NULL */
    unsigned exits; /* set of BC_EXIT(), beside 0, 2, 8 and 130 that all can have */
    int (*run)(struct bc_context *); /* NULL: it is a program of its own, brain-NAME */
};

#define BC_OPTIONS_MAX 32 /* of one subcommand, those that all have included */

/* An invocation. */
struct bc_context {
    const char *program; /* argv[0] */
    const struct bc_command *command;
    const char *path;    /* of the store: -s, BRAIN_PATH, or the default one */
    bool path_is_named;  /* by the user, not the default one */
    const char *space;   /* -n, or "default": without escapes */
    bool space_is_given; /* it is -n's, as it was given yet */
    bool json, yes, escaped;
    bool is_terminal; /* stdout is one: texts are for people */
    bool colour;      /* and may have colours */
    int columns;      /* how wide the terminal is; 0: no terminal */
    char **arguments; /* that are no options, terminated by NULL */
    int n_arguments;
    struct {
        const struct bc_option_row *row;
        const char *value;
    } given[64];
    int n_given;
    brain_store *store;            /* bc_open()'s; */
    struct brain_spiller *spiller; /* and, for changes of one that spills, who makes room */
};

/* The value of an option that was given, the last one where several were; "" of one that has none. NULL: it was
 * not given. `name` is the long one. */
const char *bc_option(const struct bc_context *context, const char *name);

/* As a number of bytes ("64M"), a number, and seconds ("0.5"): `*value_out` is untouched where it was not given.
 * Return 0, or BC_USAGE, and it has been said why. */
int bc_option_size(const struct bc_context *context, const char *name, uint64_t *value_out);
int bc_option_number(const struct bc_context *context, const char *name, uint64_t *value_out);
int bc_option_seconds(const struct bc_context *context, const char *name, double *value_out);

enum bc_access {
    BC_LOOK,   /* read-only: takes no lock */
    BC_CHANGE, /* for changes */
};

/* Open the store that the command line means, as context->store, which main.c closes. Returns 0, or an exit status,
 * and it has been said why. */
int bc_open(struct bc_context *context, enum bc_access access);

/* Close it. */
void bc_close(struct bc_context *context);

/* The namespace that the command line means; to be given to brain_space_close(). As bc_open(). */
int bc_open_space(struct bc_context *context, brain_space **space_out);

/* A name as it was given on the command line: with --escaped, its escapes are read, in place. Returns 0 or
 * BC_USAGE. */
int bc_name(const struct bc_context *context, char *argument, const char **name_out,
            size_t *name_len_out);

/* The same of a namespace, which has no zero byte in it. */
int bc_space_name(const struct bc_context *context, const char *given, const char **space_out);

/* The exit status for an error code of the library. */
int bc_exit_of(int code);

/* Say what went wrong, as brain_error_detail() has it, on stderr, and return bc_exit_of(code). `about`: what it is
 * about, as a printable text, or NULL. */
int bc_fail(const struct bc_context *context, int code, const char *about);

/* Say something on stderr, as "brain SUBCOMMAND: ...". bc_usage() adds where help is, and returns BC_USAGE. */
__attribute__((format(printf, 2, 3))) void bc_say(const struct bc_context *context,
                                                  const char *format, ...);
__attribute__((format(printf, 2, 3))) int bc_usage(const struct bc_context *context,
                                                   const char *format, ...);

/* Become the program brain-`name`, with `arguments` (terminated by NULL) behind its own name. Returns only where
 * there is none (BC_NO, nothing said) or it cannot be run (BC_SYSTEM, said). */
int bc_become(struct bc_context *context, const char *name, char **arguments);

/* What a Ctrl-C does: end the process with 130 at once; or, while held, note it. Held: bc_interrupted() says
 * whether there was one; system calls that wait say EINTR; the second one ends the process all the same. A SIGTERM does
 * the same, but that the process dies by it, as whoever sent it expects: by bc_end_interrupted(), when all is tidied. */
void bc_hold_interrupts(bool hold);
bool bc_interrupted(void);
void bc_end_interrupted(void);

#endif
