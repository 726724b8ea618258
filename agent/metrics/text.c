/* text.c: the kernel's texts: lines, words, numbers. Whatever is in them, nothing is read beyond their end. */
#include "metrics.h"

#include <stdlib.h>

bool text_until(struct text *line, char c, struct text *part)
{
    if (line->at == line->end)
        return false;
    const char *found = memchr(line->at, c, text_len(*line));
    *part = (struct text) {line->at, found ? found : line->end};
    line->at = found ? found + 1 : line->end;
    return true;
}

bool text_line(struct text *text, struct text *line)
{
    return text_until(text, '\n', line);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool text_word(struct text *line, struct text *word)
{
    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    word->at = line->at;
    while (line->at < line->end && !is_blank(*line->at))
        line->at++;
    word->end = line->at;
    return word->at < word->end;
}

bool text_is(struct text text, const char *word)
{
    return strlen(word) == text_len(text) && memcmp(text.at, word, text_len(text)) == 0;
}

bool text_to_u64(struct text text, uint64_t *value)
{
    uint64_t sum = 0;
    if (text.at == text.end)
        return false;
    for (const char *at = text.at; at < text.end; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
            return false;
    }
    *value = sum;
    return true;
}

bool text_u64(struct text *line, uint64_t *value)
{
    struct text word;
    *value = NO_VALUE;
    return text_word(line, &word) && text_to_u64(word, value);
}

bool text_to_float(struct text text, double *value)
{
    char copy[48], *end;
    size_t len = text_len(text);
    if (len == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, text.at, len);
    copy[len] = '\0';
    if (strspn(copy, "0123456789.-+eE") != len)
        return false;
    *value = strtod(copy, &end);
    return *end == '\0';
}

static bool is_key(struct text word, const char *key)
{
    if (word.end[-1] == ':')
        word.end--;
    return text_is(word, key);
}

static bool read_line(struct text line, const struct text_key *key, void *into)
{
    struct text unit;
    uint64_t value;
    if (!text_u64(&line, &value))
        return false;
    if (text_word(&line, &unit) && text_is(unit, "kB"))
        value *= 1024;
    memcpy((char *)into + key->at, &value, sizeof value);
    return true;
}

size_t text_read_keys(struct text text, const struct text_key *keys, size_t n, void *into)
{
    const uint64_t none = NO_VALUE;
    struct text line, word;
    size_t n_found = 0;
    for (size_t i = 0; i < n; i++)
        memcpy((char *)into + keys[i].at, &none, sizeof none);
    while (text_line(&text, &line)) {
        if (!text_word(&line, &word))
            continue;
        for (size_t i = 0; i < n; i++)
            if (is_key(word, keys[i].key))
                n_found += read_line(line, &keys[i], into);
    }
    return n_found;
}
