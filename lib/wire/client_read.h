/* The two readers behind client_read: each fills a zeroed message, 0 or -1 with it partly filled. */
#ifndef WIRE_CLIENT_READ_H
#define WIRE_CLIENT_READ_H

#include "wire/client.h"

int client_read_msgpack(struct span message, struct client_message *m);
int client_read_json(struct span message, struct client_message *m);

#endif
