/* yaml_explain.c: what libyaml says, in words for whoever wrote the file. */
#include "node.h"

#include <string.h>

struct saying {
    const char *theirs, *ours;
};

static const struct saying sayings[] = {
    {"did not find expected key", "wrong indentation, or ':' is missing after a key"},
    {"could not find expected ':'", "':' is missing after a key"},
    {"mapping values are not allowed in this context",
     "':' is not expected here: check the indentation, or put the text in quotes"},
    {"found character that cannot start any token",
     "a text cannot begin with this character: put it in quotes"},
    {"did not find expected ',' or ']'", "',' or ']' is missing"},
    {"did not find expected ',' or '}'", "',' or '}' is missing"},
    {"did not find expected '-' indicator",
     "wrong indentation: the next '-' of the list was expected"},
    {"block sequence entries are not allowed in this context",
     "'-' is not expected here: check the indentation"},
    {"found unexpected end of stream", "the file ends inside a text in quotes"},
    {"found unexpected document indicator", "the document ends inside a text in quotes"},
    {"found unknown escape character",
     "unknown escape after '\\' in double quotes: use single quotes, or write '\\\\'"},
    {"did not find expected alphabetic or numeric character",
     "'*' and '&' have a meaning in YAML: put the text in quotes"},
};

/* Does the line (from 1) begin with white space that holds a tab? */
static bool is_tab_indented(const char *bytes, size_t len, size_t line)
{
    const char *p = bytes, *end = p + len;
    while (line > 1 && p < end) {
        line -= *p++ == '\n';
    }
    while (p < end && *p == ' ') {
        p++;
    }
    return p < end && *p == '\t';
}

const char *yaml_explain(const char *theirs, const char *bytes, size_t len, size_t line)
{
    if (is_tab_indented(bytes, len, line)) {
        return "a tab: YAML is indented with spaces";
    }
    for (size_t i = 0; theirs != NULL && i < sizeof(sayings) / sizeof(sayings[0]); i++) {
        if (strcmp(sayings[i].theirs, theirs) == 0) {
            return sayings[i].ours;
        }
    }
    return theirs == NULL ? "not YAML" : theirs;
}
