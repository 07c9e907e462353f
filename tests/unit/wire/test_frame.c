/* SPDX-License-Identifier: MIT */
#include "support/cases.h"
#include "wire/frame.h"

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

static void test_heads(void **state)
{
    static const struct {
        const char *name;
        struct span data;
        int result;
        uint64_t payload;
    } cases[] = {
        {"nothing", SPAN(""), 0, 0},
        {"a byte", SPAN("\x82"), 0, 0},
        {"short", SPAN("\x82\x7d"), 1, 125},
        {"half a length", SPAN("\x82\x7e\x00"), 0, 0},
        {"16 bits", SPAN("\x82\x7e\x00\x7e"), 1, 126},
        {"64 bits", SPAN("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"), 1, 65536},
        {"not minimal in 16 bits", SPAN("\x82\x7e\x00\x7d"), -1, 0},
        {"not minimal in 64 bits", SPAN("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), -1, 0},
        {"2^63", SPAN("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), -1, 0},
        {"a mask", SPAN("\x82\x80"), -1, 0},
        {"a reserved bit", SPAN("\xc2\x00"), -1, 0},
        {"opcode 3", SPAN("\x83\x00"), -1, 0},
        {"opcode 11", SPAN("\x8b\x00"), -1, 0},
        {"a ping", SPAN("\x89\x7d"), 1, 125},
        {"a long ping", SPAN("\x89\x7e\x00\x7e"), -1, 0},
        {"a ping in fragments", SPAN("\x09\x00"), -1, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct frame_head head = {0};
        expect_int(cases[i].name, frame_head_read(cases[i].data, &head), cases[i].result);
        expect_int(cases[i].name, head.payload, cases[i].payload);
        expect_int(cases[i].name, head.length, cases[i].result == 1 ? cases[i].data.len : 0);
    }
}

static void test_masks(void **state)
{
    const uint8_t mask[FRAME_MASK_SIZE] = {1, 2, 4, 8};
    bytes_auto header = BYTES_INIT, out = BYTES_INIT;
    frame_append_header_masked(0x81, 5, mask, &header);
    expect_span("header", bytes_span(&header), SPAN("\x81\x85\x01\x02\x04\x08"));
    frame_mask(SPAN("aa"), mask, 0, &out);
    frame_mask(SPAN("aaa"), mask, 2, &out);
    expect_span("in two pieces", bytes_span(&out), SPAN("`cei`"));
}

static void test_close_faults(void **state)
{
    static const struct {
        const char *name;
        struct span payload;
        unsigned fault;
    } cases[] = {
        {"none", SPAN(""), 0},
        {"a code", SPAN("\x03\xe8"), 0},
        {"a reason", SPAN("\x0f\xa0gr\xc3\xbc\xc3\x9f"), 0},
        {"half a code", SPAN("\x03"), 1002},
        {"1005", SPAN("\x03\xed"), 1002},
        {"2999", SPAN("\x0b\xb7"), 1002},
        {"5000", SPAN("\x13\x88"), 1002},
        {"no UTF-8", SPAN("\x03\xe8\xff"), 1007},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect_int(cases[i].name, frame_close_fault(cases[i].payload), cases[i].fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers), cmocka_unit_test(test_control),      cmocka_unit_test(test_heads),
        cmocka_unit_test(test_masks),   cmocka_unit_test(test_close_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
