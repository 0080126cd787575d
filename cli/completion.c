/* completion.c - scripts that complete command lines, made from the table of subcommands.
 *
 * What can be known beforehand is in the script; names, namespaces and programs it asks for, with `brain __complete`,
 * which says nothing where there is no store. Names are given as they are escaped by `ls`, and a name that has an
 * escape is left out, since a shell would need --escaped for it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "text.h"

#define N_MAX 10000u /* names that are given: nobody looks at more */

/* ---- what only the store knows */

static bool is_plain(const char *bytes, size_t len)
{
    char *shown = bc_text_name(bytes, len, 0);
    bool is = len > 0 && strlen(shown) == len && memcmp(shown, bytes, len) == 0;
    free(shown);
    return is;
}

static void print_plain(brain_iter *iter, const char *prefix)
{
    const void *name;
    size_t len, prefix_len = strlen(prefix), n = 0;
    while (n < N_MAX && brain_iter_next(iter, &name, &len) == 0) {
        if (len < prefix_len || memcmp(name, prefix, prefix_len) != 0 || !is_plain(name, len))
            continue;
        printf("%.*s\n", (int)len, (const char *)name);
        n++;
    }
}

static int complete_names(struct bc_context *context, const char *prefix)
{
    brain_space *space;
    brain_iter *names;
    if (brain_space_open(context->store, context->space, strlen(context->space), &space) != 0)
        return 0;
    if (brain_iter_names(space, NULL, &names) == 0) {
        print_plain(names, prefix);
        brain_iter_free(names);
    }
    brain_space_close(space);
    return 0;
}

static int complete_spaces(struct bc_context *context, const char *prefix)
{
    brain_iter *spaces;
    if (brain_iter_spaces(context->store, NULL, &spaces) == 0) {
        print_plain(spaces, prefix);
        brain_iter_free(spaces);
    }
    return 0;
}

int bc_complete(struct bc_context *context)
{
    const char *what = context->arguments[0];
    const char *prefix = context->n_arguments > 1 ? context->arguments[1] : "";
    brain_options options = BRAIN_OPTIONS_INIT;
    options.flags = BRAIN_OPEN_EXISTING | BRAIN_OPEN_READ_ONLY |
                    (context->path_is_named ? BRAIN_OPEN_SHARED : 0);
    if (brain_open(context->path, &options, &context->store) != 0) return 0;
    return strcmp(what, "spaces") == 0 ? complete_spaces(context, prefix)
                                       : complete_names(context, prefix);
}

/* ---- bash */

static void print_option_words(const struct bc_option_row *row)
{
    for (; row != NULL && row->name != NULL; row++) {
        printf(" --%s", row->name);
        if (row->letter != 0) printf(" -%c", row->letter);
    }
}

static void print_list_words(const char *list)
{
    for (; *list != '\0'; list++) {
        putchar(*list == '|' ? ' ' : *list);
    }
}

/* Subcommands that take both names and files say so in their synopsis; of all others the arguments are of one kind. */
enum mixture {
    ONE_KIND,
    NAME_FILE,  /* a name, then a file */
    FILE_NAMES, /* a file, then names */
};

static enum mixture mixture_of(const struct bc_command *command)
{
    const char *name = strstr(command->arguments, "NAME"),
               *file = strstr(command->arguments, "FILE");
    if (name == NULL || file == NULL) return ONE_KIND;
    return name < file ? NAME_FILE : FILE_NAMES;
}

/* What bash does for one kind of words. */
static void print_bash_words(enum bc_words words, const char *list)
{
    switch (words) {
    case BC_WORDS_NAMES:
        fputs("_brain_ask names", stdout);
        break;
    case BC_WORDS_SPACES:
        fputs("_brain_ask spaces", stdout);
        break;
    case BC_WORDS_FILES:
        fputs("_brain_files -f", stdout);
        break;
    case BC_WORDS_DIRECTORIES:
        fputs("_brain_files -d", stdout);
        break;
    case BC_WORDS_COMMANDS:
        fputs("_brain_words \"$_brain_commands\"", stdout);
        break;
    case BC_WORDS_LIST:
        fputs("_brain_words '", stdout);
        print_list_words(list);
        putchar('\'');
        break;
    default:
        putchar(':');
    }
}

/* case branches `COMMAND|--long|-l)` for the options with a value. */
static void print_bash_values(const char *command, const struct bc_option_row *row)
{
    for (; row != NULL && row->name != NULL; row++) {
        if (row->argument == NULL) continue;
        printf("    '%s --%s'", command, row->name);
        if (row->letter != 0) printf(" | '%s -%c'", command, row->letter);
        fputs(") ", stdout);
        print_bash_words(row->words, row->list);
        puts("; return ;;");
    }
}

/* The options that take a value, for who looks for the subcommand. */
static void print_bash_skipping(void)
{
    bool is_first = true;
    for (const struct bc_option_row *row = BC_GLOBAL_OPTIONS; row->name != NULL; row++) {
        if (row->argument == NULL) continue;
        printf("%s--%s | -%c", is_first ? "" : " | ", row->name, row->letter);
        is_first = false;
    }
}

/* What comes behind a subcommand. */
static void print_bash_command(const struct bc_command *row)
{
    printf("    %s)\n        if [[ $cur == -* ]]; then _brain_words '", row->name);
    print_option_words(row->options);
    print_option_words(BC_GLOBAL_OPTIONS);
    fputs("'; ", stdout);
    if (mixture_of(row) == NAME_FILE) {
        fputs("elif ((n_words == 0)); then _brain_ask names; ", stdout);
    } else if (mixture_of(row) == FILE_NAMES) {
        fputs("elif ((n_words > 0)); then _brain_ask names; ", stdout);
    }
    fputs("else ", stdout);
    print_bash_words(row->words, row->list);
    puts("; fi ;;");
}

static void print_bash(void)
{
    fputs("# bash completion for brain(1)\n\n_brain_commands='", stdout);
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        printf("%s%s", row == BC_COMMANDS ? "" : " ", row->name);
    }
    puts("'\n\n"
         "# Lines of a command, quoted as this shell needs it.\n"
         "_brain_add() {\n"
         "    local line\n"
         "    while IFS= read -r line; do\n"
         "        [[ $line == \"$cur\"* ]] && COMPREPLY+=(\"$(printf '%q' \"$line\")\")\n"
         "    done\n"
         "}\n\n"
         "_brain_ask() {\n"
         "    _brain_add < <(command \"${COMP_WORDS[0]}\" \"${global[@]}\" __complete \"$1\" -- "
         "\"$cur\" 2>/dev/null)\n"
         "}\n\n"
         "_brain_words() {\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
         "}\n\n"
         "_brain_files() {\n"
         "    compopt -o filenames 2>/dev/null\n"
         "    mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
         "}\n\n"
         "_brain() {\n"
         "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= word "
         "i n_words=0\n"
         "    local global=()\n"
         "    COMPREPLY=()\n"
         "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "        word=${COMP_WORDS[i]}\n"
         "        case $word in");
    fputs("        ", stdout);
    print_bash_skipping();
    puts(") global+=(\"$word\" \"${COMP_WORDS[i + 1]}\"); ((i++)) ;;\n"
         "        -*) ;;\n"
         "        *) if [[ -z $command ]]; then command=$word; else ((n_words++)); fi ;;\n"
         "        esac\n"
         "    done\n"
         "    case \"$command $prev\" in");
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        print_bash_values(row->name, row->options);
    }
    puts("    esac\n"
         "    case \" $prev\" in");
    print_bash_values("", BC_GLOBAL_OPTIONS);
    puts("    esac\n"
         "    case $command in");
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        print_bash_command(row);
    }
    fputs("    '')\n        if [[ $cur == -* ]]; then _brain_words '", stdout);
    print_option_words(BC_GLOBAL_OPTIONS);
    puts("'; else _brain_words \"$_brain_commands\"; fi ;;\n"
         "    esac\n"
         "}\n\n"
         "complete -F _brain brain");
}

/* ---- zsh */

/* Within single quotes and an _arguments specification. */
static void print_zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
        } else {
            if (strchr("[]:\\", *text) != NULL) putchar('\\');
            putchar(*text);
        }
    }
}

static const char *zsh_action(enum bc_words words)
{
    switch (words) {
    case BC_WORDS_NAMES:
        return "_brain_names";
    case BC_WORDS_SPACES:
        return "_brain_spaces";
    case BC_WORDS_FILES:
        return "_files";
    case BC_WORDS_DIRECTORIES:
        return "_files -/";
    case BC_WORDS_COMMANDS:
        return "_brain_commands";
    default:
        return " ";
    }
}

static void print_zsh_action(enum bc_words words, const char *list)
{
    if (words == BC_WORDS_LIST) {
        putchar('(');
        print_list_words(list);
        putchar(')');
    } else {
        fputs(zsh_action(words), stdout);
    }
}

static void print_zsh_options(const struct bc_option_row *row)
{
    for (; row != NULL && row->name != NULL; row++) {
        for (int is_short = 0; is_short <= (row->letter != 0); is_short++) {
            fputs(" \\\n            '", stdout);
            if (is_short) {
                printf("-%c[", row->letter);
            } else {
                printf("--%s%s[", row->name, row->argument != NULL ? "=" : "");
            }
            print_zsh_text(row->help);
            putchar(']');
            if (row->argument != NULL) {
                printf(":%s:", row->argument);
                print_zsh_action(row->words, row->list);
            }
            putchar('\'');
        }
    }
}

static void print_zsh_arguments(const struct bc_command *command)
{
    if (command->n_max == 0) return;
    const char *first = zsh_action(command->words);
    if (mixture_of(command) == NAME_FILE) {
        fputs(" \\\n            '1:NAME:_brain_names' \\\n            '2:FILE:_files'", stdout);
    } else if (mixture_of(command) == FILE_NAMES) {
        fputs(" \\\n            '1:FILE:_files' \\\n            '*:NAME:_brain_names'", stdout);
    } else if (command->words == BC_WORDS_LIST) {
        fputs(" \\\n            '*: :", stdout);
        print_zsh_action(command->words, command->list);
        putchar('\'');
    } else {
        printf(" \\\n            '*: :%s'", first);
    }
}

static void print_zsh(void)
{
    puts("#compdef brain\n"
         "# zsh completion for brain(1)\n\n"
         "_brain_ask() {\n"
         "    local -a found\n"
         "    found=(${(f)\"$(command brain ${_brain_global[@]} __complete $1 -- ${(Q)PREFIX} "
         "2>/dev/null)\"})\n"
         "    compadd -a found\n"
         "}\n"
         "_brain_names() { _brain_ask names }\n"
         "_brain_spaces() { _brain_ask spaces }\n"
         "_brain_commands() {\n"
         "    local -a found\n"
         "    found=(");
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        printf("        '%s:", row->name);
        print_zsh_text(row->summary);
        puts("'");
    }
    puts("    )\n"
         "    _describe subcommand found\n"
         "}\n\n"
         "_brain() {\n"
         "    local curcontext=$curcontext state line\n"
         "    local -a _brain_global\n"
         "    local -i i\n"
         "    for ((i = 2; i < CURRENT; i++)); do\n"
         "        case $words[i] in\n"
         "        -s | -n | --store | --namespace) _brain_global+=($words[i] ${(Q)words[i+1]}) ;;\n"
         "        esac\n"
         "    done");
    fputs("    _arguments -C", stdout);
    print_zsh_options(BC_GLOBAL_OPTIONS);
    puts(" \\\n            '1:subcommand:_brain_commands' \\\n            "
         "'*::argument:->arguments'\n"
         "    [[ $state == arguments ]] || return\n"
         "    case $line[1] in");
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        printf("    %s)\n        _arguments", row->name);
        print_zsh_options(row->options);
        print_zsh_options(BC_GLOBAL_OPTIONS);
        print_zsh_arguments(row);
        puts(" ;;");
    }
    puts("    esac\n"
         "}\n\n"
         "_brain \"$@\"");
}

/* ---- fish */

static void print_fish_text(const char *text)
{
    putchar('\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\') putchar('\\');
        putchar(*text);
    }
    putchar('\'');
}

static void print_fish_words(enum bc_words words, const char *list)
{
    switch (words) {
    case BC_WORDS_NAMES:
        fputs(" -f -a '(__brain_ask names)'", stdout);
        break;
    case BC_WORDS_SPACES:
        fputs(" -f -a '(__brain_ask spaces)'", stdout);
        break;
    case BC_WORDS_FILES:
        fputs(" -F", stdout);
        break;
    case BC_WORDS_DIRECTORIES:
        fputs(" -f -a '(__fish_complete_directories)'", stdout);
        break;
    case BC_WORDS_COMMANDS:
        fputs(" -f -a '", stdout);
        for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
            printf("%s ", row->name);
        }
        putchar('\'');
        break;
    case BC_WORDS_LIST:
        fputs(" -f -a '", stdout);
        print_list_words(list);
        putchar('\'');
        break;
    default:
        fputs(" -f", stdout);
    }
}

static void print_fish_options(const char *condition, const struct bc_option_row *row)
{
    for (; row != NULL && row->name != NULL; row++) {
        printf("complete -c brain%s -l %s", condition, row->name);
        if (row->letter != 0) printf(" -s %c", row->letter);
        fputs(" -d ", stdout);
        print_fish_text(row->help);
        if (row->argument != NULL) {
            fputs(" -r", stdout);
            print_fish_words(row->words, row->list);
        }
        putchar('\n');
    }
}

static void print_fish(void)
{
    puts("# fish completion for brain(1)\n\n"
         "function __brain_ask\n"
         "    set -l words (commandline -opc)\n"
         "    set -l global\n"
         "    for i in (seq 2 (count $words))\n"
         "        contains -- $words[$i] -s -n --store --namespace; and set -a global $words[$i] "
         "$words[(math $i + 1)]\n"
         "    end\n"
         "    command brain $global __complete $argv[1] -- (commandline -ct) 2>/dev/null\n"
         "end\n\n"
         "complete -c brain -f");
    print_fish_options("", BC_GLOBAL_OPTIONS);
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        printf("complete -c brain -n __fish_use_subcommand -a %s -d ", row->name);
        print_fish_text(row->summary);
        putchar('\n');
    }
    for (const struct bc_command *row = BC_COMMANDS; row->name != NULL; row++) {
        char *condition = bc_format(" -n '__fish_seen_subcommand_from %s'", row->name);
        print_fish_options(condition, row->options);
        if (mixture_of(row) != ONE_KIND) {
            printf("complete -c brain%s -f -a '(__brain_ask names)'\n", condition);
        }
        if (row->words != BC_WORDS_NONE) {
            printf("complete -c brain%s", condition);
            print_fish_words(row->words, row->list);
            putchar('\n');
        }
        free(condition);
    }
}

int bc_completion(struct bc_context *context)
{
    const char *shell = context->arguments[0];
    if (strcmp(shell, "bash") == 0) {
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh();
    } else if (strcmp(shell, "fish") == 0) {
        print_fish();
    } else {
        return bc_usage(context, "there is a script for bash, zsh and fish, not for '%s'", shell);
    }
    return 0;
}
