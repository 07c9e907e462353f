/* SPDX-License-Identifier: MIT */
#include "support/cases.h"
#include "wire/message.h"

static void test_headers(void **state)
{
    static const struct {
        uint64_t len;
        struct span header;
    } cases[] = {
        {0, SPAN("\x82\x00")},
        {125, SPAN("\x82\x7d")},
        {126, SPAN("\x82\x7e\x00\x7e")},
        {65535, SPAN("\x82\x7e\xff\xff")},
        {65536, SPAN("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00")},
        {UINT64_C(0x0102030405060708), SPAN("\x82\x7f\x01\x02\x03\x04\x05\x06\x07\x08")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t out[10];
        size_t len = frame_header(0x82, cases[i].len, out);

        expect_span("header", ((struct span){(const char *)out, len}), cases[i].header);
    }
}

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define X122    HUNDRED TEN TEN "01"

static void test_control(void **state)
{
    static const struct {
        const char *name;
        unsigned code;
        const char *reason;
        struct span frame;
    } cases[] = {
        {"guide's reason", 1008, "Web clients cannot send heartbeat",
         SPAN("\x88\x23\x03\xf0Web clients cannot send heartbeat")},
        {"no reason", 1000, "", SPAN("\x88\x02\x03\xe8")},
        {"ours", 4401, "x", SPAN("\x88\x03\x11\x31x")},
        {"123 bytes", 1000, X122 "2", SPAN("\x88\x7d\x03\xe8" X122 "2")},
        {"124 bytes", 1000, X122 "23", SPAN("\x88\x7d\x03\xe8" X122 "2")},
        {"cut in front of a character", 1000, X122 "\xc3\x9c", SPAN("\x88\x7c\x03\xe8" X122)},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bytes_auto out = BYTES_INIT;

        frame_write_close(cases[i].code, cases[i].reason, &out);
        expect_span(cases[i].name, bytes_span(&out), cases[i].frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
