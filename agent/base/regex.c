/* regex.c: the one door to PCRE2; see regex.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <posta/buf.h>
#include <posta/regex.h>

#include <pcre2.h>
#include <stdlib.h>

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
};

int regex_new(struct regex **out, const char *pattern, struct err *err)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                         PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (!compiled) {
        PCRE2_UCHAR text[256];
        pcre2_get_error_message(code, text, sizeof text);
        return err_set(err, ERR_CONFIG, "pattern '%s': %s at character %zu", pattern,
                       (const char *)text, (size_t)at + 1);
    }
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* slower without, not wrong */
    struct regex *re = mem_alloc(sizeof *re);
    *re = (struct regex) {.code = compiled,
                          .match = pcre2_match_data_create_from_pattern(compiled, NULL)};
    *out = re;
    return 0;
}

void regex_free(struct regex *re)
{
    if (!re)
        return;
    pcre2_match_data_free(re->match);
    pcre2_code_free(re->code);
    free(re);
}

bool regex_finds(const struct regex *re, const char *text, size_t len)
{
    return pcre2_match(re->code, (PCRE2_SPTR)text, len, 0, 0, re->match, NULL) >= 0;
}
