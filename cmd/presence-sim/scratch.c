/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_LEN 48

extern char **environ;

char *scratch_create(void)
{
    const char *base = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof(path), "%.400s/presence-sim-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(path))
        return mem_strdup(path);
    fprintf(stderr, "presence-sim: %s: %s\n", path, strerror(errno));
    return NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

void scratch_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *scratch_own_directory(void)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len <= 0) {
        fprintf(stderr, "presence-sim: /proc/self/exe: %s\n", strerror(errno));
        return NULL;
    }
    path[len] = '\0';
    *strrchr(path, '/') = '\0';
    return mem_strdup(path);
}

char *scratch_secret(void)
{
    char *secret = mem_alloc(SECRET_LEN + 1);
    random_hex(secret, SECRET_LEN);
    return secret;
}

static int is_ours(const char *entry)
{
    static const char *const prefixes[] = {"PRESENCE_", "REDIS_", "JWT_", "SECRET_KEY"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (!strncmp(entry, prefixes[i], strlen(prefixes[i])))
            return 1;
    return 0;
}

static void unset(const char *entry)
{
    size_t len = strcspn(entry, "=");
    mem_auto char *name = mem_strndup(entry, len);
    unsetenv(name);
}

void scratch_environment(const char *secret)
{
    for (size_t i = 0; environ[i];)
        if (is_ours(environ[i]))
            unset(environ[i]);
        else
            i++;
    setenv("SECRET_KEY", secret, 1);
}
