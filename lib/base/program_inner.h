/* Inside the program module: what help and the completions share. Not for others. */
#ifndef BASE_PROGRAM_INNER_H
#define BASE_PROGRAM_INNER_H

#include "base/program.h"
#include "base/settings_inner.h"

/* --completions; nothing is stored through it. */
extern const struct setting_table program_everywhere;

/* Goes through all flags that hold for every command: the program's, then those of every program. */
struct flag_cursor {
    const struct setting_table *tables;
    size_t count, table, row;
    unsigned everywhere;
};

struct flag_cursor program_flags(const struct program_info *p);
/* The flags of one command alone. */
struct flag_cursor command_flags(const struct command_info *command);
/* The next row that has a flag; NULL at the end. */
const struct setting *flag_next(struct flag_cursor *c);

/* One word of a command's `arguments`, "USER...", "FILE", "online|offline", "[GROUP]". */
struct argument {
    struct span name; /* without brackets and dots */
    bool repeats;
};

/* Takes the first off *rest: false at the end. */
bool argument_next(struct span *rest, struct argument *ret);
enum value_kind argument_kind(struct span name);

/* "a|b" as "a b". */
void append_words(struct span choices, struct bytes *out);
/* presence-ctl as presence_ctl, for a shell's function. */
void append_function(const char *name, struct bytes *out);

void completion_bash(const struct program_info *p, struct bytes *out);
void completion_zsh(const struct program_info *p, struct bytes *out);
void completion_fish(const struct program_info *p, struct bytes *out);

#endif
