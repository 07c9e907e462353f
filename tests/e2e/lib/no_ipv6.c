/* SPDX-License-Identifier: MIT */
/* no_ipv6 COMMAND...: runs it where no IPv6 socket can be made. */
#include "../../unit/support/lose_family.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2 || lose_family(AF_INET6))
        return 127;
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
