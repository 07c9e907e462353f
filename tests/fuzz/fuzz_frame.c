/* SPDX-License-Identifier: MIT */
/* What a server may send to presence-sim and presence-ctl: frames, in any pieces. */
#include "presence-sim/ws_frame.h"

#include <stdlib.h>

#define MESSAGE_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All events of the bytes, given in pieces of `step`, as one text; returns the last result. */
static int read_all(struct span bytes, size_t step, struct bytes *out)
{
    struct ws_reader r = {.message_max = MESSAGE_MAX};
    int result = 0;
    while (bytes.len > 0 && result >= 0) {
        struct span piece = {bytes.data, bytes.len < step ? bytes.len : step};
        struct ws_event e;
        bytes.data += piece.len;
        bytes.len -= piece.len;
        while ((result = ws_reader_next(&r, &piece, &e)) > 0) {
            if (e.payload.len > MESSAGE_MAX && e.opcode < FRAME_CLOSE)
                abort();
            bytes_printf(out, "%d %u %zu ", (int)e.opcode, e.opcode == FRAME_CLOSE ? e.close_code : 0,
                         e.payload.len);
            bytes_append_span(out, e.payload);
        }
    }
    ws_reader_finish(&r);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span bytes = {(const char *)data, size};
    bytes_auto whole = BYTES_INIT, torn = BYTES_INIT;
    size_t step = size > 0 ? 1 + data[0] % 7 : 1;
    int a = read_all(bytes, size + 1, &whole), b = read_all(bytes, step, &torn);
    if (a != b || !span_equal(bytes_span(&whole), bytes_span(&torn)))
        abort();
    return 0;
}
