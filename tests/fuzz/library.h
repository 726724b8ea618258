/* library.h: jansson, to compare with. A few of its names are posta's too: here they are others. */
#ifndef FUZZ_LIBRARY_H
#define FUZZ_LIBRARY_H

#define json_string library_json_string
#define json_copy   library_json_copy
#define JSON_NULL   LIBRARY_JSON_NULL
#define JSON_STRING LIBRARY_JSON_STRING
#define JSON_ARRAY  LIBRARY_JSON_ARRAY
#define JSON_OBJECT LIBRARY_JSON_OBJECT
#include <jansson.h>
#undef json_string
#undef json_copy
#undef JSON_NULL
#undef JSON_STRING
#undef JSON_ARRAY
#undef JSON_OBJECT

#include <posta/buf.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* JSON that the library has no room for: numbers that are too large, names with a NUL in them. */
static inline bool library_cannot(const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow ||
           json_error_code(error) == json_error_null_byte_in_key;
}

/* Members of an object: JSON, with every one once. */
static inline void library_check_members(const struct buf *members)
{
    struct buf out = BUF_INIT;
    json_error_t error;
    buf_putc(&out, '{');
    buf_append(&out, members->data, members->len);
    buf_putc(&out, '}');
    json_t *json = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, &error);
    if (!json && !library_cannot(&error)) {
        fprintf(stderr, "%s: %s\n", error.text, buf_str(&out));
        abort();
    }
    json_decref(json);
    buf_free(&out);
}

#endif
