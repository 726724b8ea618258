/* regex.c: the one door to PCRE2; see regex.h.
 *
 * Happy path: a pattern is compiled to machine code once and matched in UTF mode, as RE2 does.
 * Failure modes: a match that needs more than MATCH_STEPS steps (some milliseconds) is given up: a pattern such as (a+)+$ costs
 * that much a line and no more; without JIT it is slower, not wrong.
 * On close: regex_free.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <posta/buf.h>
#include <posta/regex.h>

#include <pcre2.h>
#include <stdlib.h>

enum { MATCH_STEPS = 100 * 1000, HEAP_KIB = 1024, JIT_STACK_BYTES = 256 * 1024 };

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
};

static pcre2_code *compile(const char *pattern, int *code, PCRE2_SIZE *at)
{
    /* $ is the end of the text and not the place before a last newline, . is all but LF: as in RE2 */
    const uint32_t options =
        PCRE2_NEVER_BACKSLASH_C | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, code, at, context);
    pcre2_compile_context_free(context);
    return compiled;
}

static struct regex *make(pcre2_code *compiled)
{
    struct regex *re = mem_zero(1, sizeof *re);
    re->code = compiled;
    re->match = pcre2_match_data_create(1, NULL);
    re->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(re->limits, MATCH_STEPS);
    pcre2_set_heap_limit(re->limits, HEAP_KIB);
    if (pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE) == 0) {
        re->stack = pcre2_jit_stack_create(16 * 1024, JIT_STACK_BYTES, NULL);
        pcre2_jit_stack_assign(re->limits, NULL, re->stack);
    }
    return re;
}

int regex_new(struct regex **out, const char *pattern, struct err *err)
{
    int code;
    PCRE2_SIZE at;
    if (regex_check_syntax(pattern, err))
        return -1;
    pcre2_code *compiled = compile(pattern, &code, &at);
    if (!compiled) {
        PCRE2_UCHAR text[256];
        pcre2_get_error_message(code, text, sizeof text);
        return err_set(err, ERR_CONFIG, "pattern '%s': %s at character %zu", pattern,
                       (const char *)text, (size_t)at + 1);
    }
    *out = make(compiled);
    return 0;
}

void regex_free(struct regex *re)
{
    if (!re)
        return;
    pcre2_jit_stack_free(re->stack);
    pcre2_match_context_free(re->limits);
    pcre2_match_data_free(re->match);
    pcre2_code_free(re->code);
    free(re);
}

int regex_try(const struct regex *re, const char *text, size_t len)
{
    int rc = pcre2_match(re->code, (PCRE2_SPTR)text, len, 0, 0, re->match, re->limits);
    return rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

bool regex_finds(const struct regex *re, const char *text, size_t len)
{
    return regex_try(re, text, len) == 1;
}

/* ---- lists ---- */

int regex_list_new(struct regex_list *list, const struct str_list *patterns, struct err *err)
{
    *list = (struct regex_list) {.at = mem_zero(patterns->n, sizeof *list->at)};
    for (; list->n < patterns->n; list->n++)
        if (regex_new(&list->at[list->n], patterns->at[list->n], err)) {
            regex_list_free(list);
            return -1;
        }
    return 0;
}

void regex_list_free(struct regex_list *list)
{
    while (list->n > 0)
        regex_free(list->at[--list->n]);
    free(list->at);
    list->at = NULL;
}

int regex_list_try(const struct regex_list *list, const char *text, size_t len)
{
    int found = 0;
    for (size_t i = 0; i < list->n && found != 1; i++) {
        int one = regex_try(list->at[i], text, len);
        if (one != 0)
            found = one;
    }
    return found;
}
