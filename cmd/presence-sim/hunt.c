/* presence-sim hunt: the simulation's own options from the tables. */
#include "world/hunt.h"
#include "commands.h"

#include <stdio.h>

int command_hunt(const struct options *options)
{
    const struct hunt_options hunt = {
        .first_seed = options->seed ? (uint64_t)options->seed : 1,
        .seeds = options->hunt_trace || options->hunt_without ? 1 : options->hunt_seeds,
        .minutes = options->hunt_minutes,
        .without = options->hunt_without,
        .trace = options->hunt_trace,
        .shrink = options->hunt_shrink,
        .json = options->json,
        .quiet = options->quiet,
    };
    int result = hunt_run(&hunt);

    if (result == 2)
        fprintf(stderr, "presence-sim: --without %s: numbers and ranges below 1024, as 3,17-20\n",
                options->hunt_without);
    return result == 2 ? EXIT_USAGE : result ? EXIT_NO : EXIT_YES;
}
