/* The completion scripts, tried in the shells themselves where there are. */
#include "program_sample.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/completion-XXXXXX";
static char script_path[64];

static int set_up(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(script_path, sizeof(script_path), "%s/script", directory);
    return 0;
}

/* fish leaves a history and more in its home. */
static int tear_down(void **state)
{
    char command[80];

    snprintf(command, sizeof(command), "rm -rf %s", directory);
    return system(command);
}

static void write_script(const struct program_info *p, const char *shell)
{
    bytes_auto script = BYTES_INIT;
    FILE *f = fopen(script_path, "w");

    assert_non_null(f);
    assert_int_equal(program_completion(p, shell, &script), 0);
    assert_int_equal(fwrite(script.data, 1, script.len, f), script.len);
    assert_int_equal(fclose(f), 0);
}

/* What a shell command prints, lines joined by spaces; its exit code. */
static int shell(const char *command, struct bytes *out)
{
    FILE *f = popen(command, "r");
    int c;

    assert_non_null(f);
    while ((c = fgetc(f)) != EOF)
        bytes_append_char(out, c == '\n' ? ' ' : (char)c);
    return pclose(f);
}

static bool have(const char *shell_name)
{
    bytes_auto command = BYTES_INIT, ignored = BYTES_INIT;

    bytes_printf(&command, "command -v %s", shell_name);
    return !shell(bytes_text(&command), &ignored);
}

/* The words as bash splits them: '=' stands alone. */
static void test_bash(void **state)
{
    static const struct {
        const char *words, *expected; /* the last word is the one to complete */
    } rows[] = {
        {"''", "status wait run "},
        {"w", "wait "},
        {"-l debug ''", "status wait run "},
        {"--log-level = debug r", "run "},
        {"--redis-host wait ''", "status wait run "},
        {"--l", "--log-level "},
        {"--log-level ''", "error warn info debug "},
        {"--log-level =", "error warn info debug "},
        {"--log-level = d", "debug "},
        {"-l w", "warn "},
        {"--completions ''", "bash zsh fish "},
        {"status --t", ""},
        {"wait --t", "--timeout "},
        {"wait --timeout ''", ""},
        {"wait ''", ""},
        {"wait user ''", "online offline "},
        {"wait --timeout 5s user of", "offline "},
        {"wait --json user of", "offline "},
        {"wait -t 5s --json = false user on", "online "},
        {"status user of", ""},
        {"run /dev/nul", "/dev/null "},
        {"--config /dev/nul", "/dev/null "},
        {"wait --out /dev/nul", "/dev/null "},
        {"run x /dev/nul", ""},
        {"status --out /dev/nul", ""},
    };

    write_script(&with_commands, "bash");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto command = BYTES_INIT, out = BYTES_INIT;

        bytes_printf(&command,
                     "bash --norc -c '. %s; COMP_WORDS=(sample-ctl \"$@\"); COMP_CWORD=$#; _sample_ctl;"
                     " [ ${#COMPREPLY[@]} = 0 ] || printf \"%%s\\n\" \"${COMPREPLY[@]}\"' bash %s",
                     script_path, rows[i].words);
        shell(bytes_text(&command), &out);
        if (strcmp(bytes_text(&out), rows[i].expected))
            fail_msg("%s -> '%s'", rows[i].words, out.data);
    }
}

static void test_fish(void **state)
{
    static const struct {
        const char *line, *expected;
    } rows[] = {
        {"sample-ctl w", "wait\twait for a status: really "},
        {"sample-ctl --log-level d", "debug\twhat to [log]: the user's choice "},
        {"sample-ctl wait --ti", "--timeout\thow long to wait "},
        {"sample-ctl status --ti", ""},
        {"sample-ctl wait user of", "offline "},
        {"sample-ctl status /dev/nul", ""},
        {"sample-ctl run /dev/nul", "/dev/null "},
    };

    if (!have("fish"))
        skip();
    write_script(&with_commands, "fish");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto command = BYTES_INIT, out = BYTES_INIT;

        bytes_printf(&command,
                     "HOME=%s fish --no-config -c 'source %s;"
                     " complete -C \"%s\"'",
                     directory, script_path, rows[i].line);
        shell(bytes_text(&command), &out);
        if (strcmp(bytes_text(&out), rows[i].expected))
            fail_msg("%s -> '%s'", rows[i].line, out.data);
    }
}

static void test_zsh_reads_it(void **state)
{
    const struct program_info *const programs[] = {&with_commands, &without_commands};

    if (!have("zsh"))
        skip();
    for (size_t i = 0; i < 2; i++) {
        bytes_auto command = BYTES_INIT, out = BYTES_INIT;

        write_script(programs[i], "zsh");
        bytes_printf(&command, "zsh -n %s 2>&1", script_path);
        assert_int_equal(shell(bytes_text(&command), &out), 0);
        assert_int_equal(out.len, 0);
    }
}

static void test_texts(void **state)
{
    static const struct {
        const char *shell, *says;
    } rows[] = {
        {"bash", "complete -F _sample_ctl sample-ctl\n"},
        {"bash", "*:--log-level | *:-l) mapfile -t COMPREPLY < <(compgen -W 'error warn info debug'"},
        {"bash", "wait:--timeout | wait:-t) ((i++)) ;;"},
        {"zsh", "#compdef sample-ctl\n"},
        {"zsh", "'(-l --log-level)'{-l+,--log-level=}'[what to \\[log\\]\\: the user'\\''s choice]"
                ":log-level:(error warn info debug)'\n"},
        {"zsh", "'--redis-host=[where Redis is]:HOST:_hosts'\n"},
        {"zsh", "'wait:wait for a status\\: really'\n"},
        {"zsh", "'2:choice:(online offline)'\n"},
        {"zsh", "'*:USER: '\n"},
        {"zsh", "'1:FILE:_files'\n"},
        {"fish", "complete -c sample-ctl -s l -l log-level -x -a 'error warn info debug' -d "
                 "'what to [log]: the user\\'s choice'\n"},
        {"fish", "complete -c sample-ctl -n '__fish_seen_subcommand_from wait' -s t -l timeout -x "},
        {"fish", "complete -c sample-ctl -n '__fish_seen_subcommand_from run' -F\n"},
    };
    bytes_auto none = BYTES_INIT;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bytes_auto script = BYTES_INIT;

        assert_int_equal(program_completion(&with_commands, rows[i].shell, &script), 0);
        if (!strstr(bytes_text(&script), rows[i].says))
            fail_msg("no '%s' in:\n%s", rows[i].says, script.data);
        assert_null(strstr(script.data, "secret"));
    }
    assert_int_equal(program_completion(&with_commands, "tcsh", &none), -1);
    assert_int_equal(none.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bash),
        cmocka_unit_test(test_fish),
        cmocka_unit_test(test_zsh_reads_it),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
