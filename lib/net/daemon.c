#include "net/daemon.h"

#include "base/random.h"

#include <signal.h>
#include <string.h>

const struct setting log_settings[] = {
    {.flag = "log-level",
     .env = "LOG_LEVEL",
     .type = SETTING_CHOICE,
     .offset = offsetof(struct log_config, level),
     .fallback = "info",
     .choices = "error|warn|info|debug",
     .help = "how much is logged; read again on SIGHUP"},
    {.env = "DEBUG",
     .type = SETTING_TEXT,
     .offset = offsetof(struct log_config, debug),
     .help = "vp:presence among its names means log level debug"},
};

static bool names_us(struct span name)
{
    return span_equal(name, SPAN("vp:presence")) || span_equal(name, SPAN("vp:*")) ||
           span_equal(name, SPAN("*"));
}

enum log_level log_config_level(const struct log_config *config)
{
    const char *at = config->debug ? config->debug : "";
    while (*at) {
        size_t len = strcspn(at, ", ");
        if (names_us((struct span){at, len}))
            return LOG_LEVEL_DEBUG;
        at += len + strspn(at + len, ", ");
    }
    return (enum log_level)config->level;
}

static void on_stop(void *arg, int signum)
{
    const struct daemon_signals *signals = arg;
    log_info("stopping", LOG_T("signal", signum == SIGTERM ? "TERM" : "INT"));
    signals->stop(signals->arg);
}

static void on_reload(void *arg, int signum)
{
    const struct daemon_signals *signals = arg;
    if (signals->reload)
        signals->reload(signals->arg);
}

void daemon_on_signals(struct loop *loop, const struct daemon_signals *signals)
{
    loop_on_signal(loop, SIGTERM, on_stop, (void *)signals);
    loop_on_signal(loop, SIGINT, on_stop, (void *)signals);
    loop_on_signal(loop, SIGHUP, on_reload, (void *)signals);
}

void daemon_node_id(char out[DAEMON_NODE_ID_SIZE])
{
    random_hex(out, DAEMON_NODE_ID_SIZE - 1);
}
