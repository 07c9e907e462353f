/* SPDX-License-Identifier: MIT */
/* A token's text: its shape, its size, and all the ways to get it wrong. */
#include "auth/token.h"
#include "base/base64.h"
#include "support/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW    1700000000
/* 16 bytes each: base64url leaves spare bits. */
#define HEADER  "{\"alg\":\"HS256\" }"
#define PAYLOAD "{\"uid\":\"user12\"}"

/* H, P, S: the parts of a good HS256 token; h, p, s: the same with a spare bit set; all else stands for
 * itself. */
struct text_row {
    const char *name;
    struct span form;
    enum token_result result;
};

static const struct text_row text_rows[] = {
    {"as it should be", SPAN("H.P.S"), TOKEN_OK},
    {"nothing", SPAN(""), TOKEN_MISSING},
    {"a dot", SPAN("."), TOKEN_MALFORMED},
    {"two dots", SPAN(".."), TOKEN_MALFORMED},
    {"three dots", SPAN("..."), TOKEN_MALFORMED},
    {"one part", SPAN("H"), TOKEN_MALFORMED},
    {"two parts", SPAN("H.P"), TOKEN_MALFORMED},
    {"no signature", SPAN("H.P."), TOKEN_MALFORMED},
    {"no payload", SPAN("H..S"), TOKEN_MALFORMED},
    {"no header", SPAN(".P.S"), TOKEN_MALFORMED},
    {"a fourth part", SPAN("H.P.S.S"), TOKEN_MALFORMED},
    {"five parts, as encrypted ones", SPAN("H.P.S.S.S"), TOKEN_MALFORMED},
    {"a dot at the end", SPAN("H.P.S."), TOKEN_MALFORMED},
    {"a dot at the start", SPAN(".H.P.S"), TOKEN_MALFORMED},
    {"padding", SPAN("H.P.S="), TOKEN_MALFORMED},
    {"much padding", SPAN("H.P.S==="), TOKEN_MALFORMED},
    {"exclamation marks", SPAN("H.P.S!!!!"), TOKEN_MALFORMED},
    {"one character more", SPAN("H.P.SA"), TOKEN_SIGNATURE},
    {"two characters more", SPAN("H.P.SAA"), TOKEN_MALFORMED},
    {"signature twice", SPAN("H.P.SAS"), TOKEN_SIGNATURE},
    {"payload twice", SPAN("H.PP.S"), TOKEN_MALFORMED},
    {"parts swapped", SPAN("P.H.S"), TOKEN_ALGORITHM},
    {"a space behind", SPAN("H.P.S "), TOKEN_MALFORMED},
    {"a space before", SPAN(" H.P.S"), TOKEN_MALFORMED},
    {"a space within", SPAN("H. P.S"), TOKEN_MALFORMED},
    {"a line break behind", SPAN("H.P.S\n"), TOKEN_MALFORMED},
    {"a tab behind", SPAN("H.P.S\t"), TOKEN_MALFORMED},
    {"NUL behind", SPAN("H.P.S\0"), TOKEN_MALFORMED},
    {"NUL and more behind", SPAN("H.P.S\0.x"), TOKEN_MALFORMED},
    {"NUL within", SPAN("H\0.P.S"), TOKEN_MALFORMED},
    {"NUL alone", SPAN("\0"), TOKEN_MALFORMED},
    {"standard base64", SPAN("H.P.+/S"), TOKEN_MALFORMED},
    {"high bytes", SPAN("H.P.\xff\xfe"), TOKEN_MALFORMED},
    {"percent code", SPAN("H%2eP%2eS"), TOKEN_MALFORMED},
    {"Bearer in front", SPAN("Bearer H.P.S"), TOKEN_MALFORMED},
    {"spare bit in the header", SPAN("h.P.S"), TOKEN_MALFORMED},
    {"spare bit in the payload", SPAN("H.p.S"), TOKEN_MALFORMED},
    {"spare bit in the signature", SPAN("H.P.s"), TOKEN_MALFORMED},
};

#define TEXT_ROWS (sizeof(text_rows) / sizeof(text_rows[0]))

static void token_write(struct span header, struct span payload, struct bytes *out)
{
    bytes_auto signature = BYTES_INIT;
    signer_text(header, payload, out);
    signer_hmac(SPAN(SECRET), EVP_sha256(), bytes_span(out), &signature);
    bytes_append_char(out, '.');
    base64url_encode(bytes_span(&signature), out);
}

/* Verifies in memory of exactly the text's size, so that reading past it shows. */
static enum token_result verify(const struct token_keys *keys, struct span text)
{
    struct token token;
    char *copy = malloc(text.len + (text.len == 0));
    assert_non_null(copy);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    enum token_result result = token_verify(keys, (struct span){copy, text.len}, NOW, &token);
    free(copy);
    if (result == TOKEN_OK)
        token_finish(&token);
    return result;
}

static struct token_keys *keys;

static void part_append(struct span part, bool spare_bit, struct bytes *out)
{
    bytes_append_span(out, part);
    if (spare_bit)
        out->data[out->len -
                  1]++; /* the last letter has spare bits of zero, so the next one sets the lowest */
}

static void check_text(void **state)
{
    const struct text_row *row = *state;
    bytes_auto good = BYTES_INIT;
    bytes_auto text = BYTES_INIT;
    token_write(SPAN(HEADER), SPAN(PAYLOAD), &good);
    struct span rest = bytes_span(&good);
    struct span header = span_split(&rest, '.');
    struct span payload = span_split(&rest, '.');
    for (size_t i = 0; i < row->form.len; i++) {
        char c = row->form.data[i];
        switch (c) {
        case 'H':
        case 'h': part_append(header, c == 'h', &text); break;
        case 'P':
        case 'p': part_append(payload, c == 'p', &text); break;
        case 'S':
        case 's': part_append(rest, c == 's', &text); break;
        default: bytes_append_char(&text, c);
        }
    }
    assert_string_equal(token_result_text(verify(keys, bytes_span(&text))), token_result_text(row->result));
}

/* A rightly signed token of `size` bytes, filled up with a claim. Base64 has no text of 4n + 1 bytes, so the
 * header's length has to suit. */
static enum token_result verify_sized(struct span header, size_t size)
{
    bytes_auto payload = BYTES_INIT;
    bytes_auto text = BYTES_INIT;
    size_t header_text = (header.len * 4 + 2) / 3;
    size_t payload_size = (size - header_text - 43 - 2) * 3 / 4;
    bytes_append_text(&payload, "{\"uid\":\"a\",\"x\":\"");
    while (payload.len < payload_size - 2)
        bytes_append_char(&payload, 'x');
    bytes_append_text(&payload, "\"}");
    token_write(header, bytes_span(&payload), &text);
    assert_int_equal(text.len, size);
    return verify(keys, bytes_span(&text));
}

static void size_bound(void **state)
{
    assert_int_equal(verify_sized(SPAN("{\"alg\":\"HS256\"  }"), TOKEN_SIZE_MAX), TOKEN_OK);
    assert_int_equal(verify_sized(SPAN(HEADER), TOKEN_SIZE_MAX + 1), TOKEN_MALFORMED);
}

/* `depth` lists within each other, as a claim. */
static enum token_result verify_nested(size_t depth)
{
    bytes_auto payload = BYTES_INIT;
    bytes_auto text = BYTES_INIT;
    bytes_append_text(&payload, "{\"uid\":\"a\",\"x\":");
    for (size_t i = 0; i < depth; i++)
        bytes_append_char(&payload, '[');
    for (size_t i = 0; i < depth; i++)
        bytes_append_char(&payload, ']');
    bytes_append_char(&payload, '}');
    token_write(SPAN(HEADER), bytes_span(&payload), &text);
    assert_true(text.len <= TOKEN_SIZE_MAX);
    return verify(keys, bytes_span(&text));
}

static void nested(void **state)
{
    assert_int_equal(verify_nested(100), TOKEN_OK);
    assert_int_equal(verify_nested(3000), TOKEN_MALFORMED);
}

static int set_up(void **state)
{
    struct token_config config = {.secret = SECRET, .leeway_s = 60};
    struct token_warnings warnings;
    char error[256];
    return token_keys_load(&config, &keys, &warnings, error, sizeof(error));
}

static int tear_down(void **state)
{
    token_keys_destroy(keys);
    return 0;
}

#define OTHERS 2

int main(void)
{
    struct CMUnitTest tests[TEXT_ROWS + OTHERS] = {
        cmocka_unit_test(size_bound),
        cmocka_unit_test(nested),
    };
    for (size_t i = 0; i < TEXT_ROWS; i++)
        tests[i + OTHERS] =
            (struct CMUnitTest){text_rows[i].name, check_text, NULL, NULL, (void *)&text_rows[i]};
    return cmocka_run_group_tests_name("token text", tests, set_up, tear_down);
}
