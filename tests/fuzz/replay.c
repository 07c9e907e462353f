/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over files, each named or found in a named directory: the corpora as a test, without
 * libFuzzer. */
#include "base/bytes.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory of exactly the input's size, so that a sanitizer sees a read behind it. */
static void run_bytes(struct span input)
{
    uint8_t *copy = mem_alloc(input.len);
    if (input.len)
        memcpy(copy, input.data, input.len);
    LLVMFuzzerTestOneInput(copy, input.len);
    free(copy);
}

static int run_file(const char *path)
{
    bytes_auto input = BYTES_INIT;
    FILE *file = fopen(path, "rb");
    size_t got;

    if (!file) {
        perror(path);
        return -1;
    }
    while ((got = fread(bytes_reserve(&input, 4096), 1, 4096, file)) > 0)
        input.len += got;
    fclose(file);
    run_bytes(bytes_span(&input));
    return 1;
}

static int run_path(const char *path);

/* The number of files run, -1 when one can't be read. */
static int run_directory(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    int total = 0;
    if (!directory) {
        perror(path);
        return -1;
    }
    while (total >= 0 && (entry = readdir(directory))) {
        bytes_auto name = BYTES_INIT;
        int count;

        if (entry->d_name[0] == '.')
            continue;
        bytes_printf(&name, "%s/%s", path, entry->d_name);
        count = run_path(bytes_text(&name));
        total = count < 0 ? -1 : total + count;
    }
    closedir(directory);
    return total;
}

static int run_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) < 0) {
        perror(path);
        return -1;
    }
    return S_ISDIR(info.st_mode) ? run_directory(path) : run_file(path);
}

/* An empty corpus proves nothing, so it fails. */
int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = run_path(argv[i]);

        if (count < 0)
            return 1;
        total += count;
    }
    printf("%d inputs\n", total);
    return total > 0 ? 0 : 1;
}
