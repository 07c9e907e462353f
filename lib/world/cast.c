#include "world/cast.h"

#include <stdio.h>

static void on_server_ended(void *arg)
{
    struct post *post = arg;
    world_tell("%s has ended", post->process->name);
    ws_daemon_finish(post->ws);
    process_kill(post->process);
    post->ws = NULL;
    cast_start_server(post->number);
}

void cast_start_server(size_t i)
{
    struct post *post = &cast.servers[i];
    char name[24];
    if (post->ws)
        return;
    snprintf(name, sizeof(name), "server%zu", i);
    post->number = i;
    post->process = process_start(name, post->wall_offset_us);
    post->process->on_end = on_server_ended;
    post->process->arg = post;
    post->ws = ws_daemon_start(post->process, &cast.settings);
    world_tell("%s starts as %s", name, ws_daemon_node(post->ws));
}

void cast_kill_server(size_t i)
{
    struct post *post = &cast.servers[i];
    if (!post->ws)
        return;
    world_tell("%s is killed", post->process->name);
    process_kill(post->process);
    ws_daemon_finish(post->ws);
    post->ws = NULL;
}

void cast_drain_server(size_t i)
{
    if (!cast.servers[i].ws)
        return;
    world_tell("%s drains", cast.servers[i].process->name);
    ws_daemon_drain(cast.servers[i].ws);
}

static void on_expiryd_ended(void *arg)
{
    struct post *post = arg;
    expiryd_daemon_finish(post->expiryd);
    process_kill(post->process);
    post->expiryd = NULL;
    cast_start_expiryd(post->number);
}

void cast_start_expiryd(size_t i)
{
    struct post *post = &cast.expiryds[i];
    char name[24];
    if (post->expiryd)
        return;
    snprintf(name, sizeof(name), "expiryd%zu", i);
    post->number = i;
    post->process = process_start(name, post->wall_offset_us);
    post->process->on_end = on_expiryd_ended;
    post->process->arg = post;
    post->expiryd = expiryd_daemon_start(post->process, &cast.settings);
    world_tell("%s starts", name);
}

void cast_kill_expiryd(size_t i)
{
    struct post *post = &cast.expiryds[i];
    if (!post->expiryd)
        return;
    world_tell("%s is killed", post->process->name);
    process_kill(post->process);
    expiryd_daemon_finish(post->expiryd);
    post->expiryd = NULL;
}

void cast_stop_expiryd(size_t i)
{
    if (!cast.expiryds[i].expiryd)
        return;
    world_tell("%s leaves", cast.expiryds[i].process->name);
    expiryd_daemon_leave(cast.expiryds[i].expiryd);
}
