/* The feed's table of functions, filled with the messages of wire/message.h. */
#ifndef WIRE_CODEC_H
#define WIRE_CODEC_H

#include "presence/feed.h"

extern const struct feed_codec wire_codec;

#endif
