# One JSON object a line -> indented, two columns a level. Strings are left as they are.

function newline() { out = out "\n" sprintf("%" (2 * depth) "s", "") }

{
    out = ""; depth = 0; in_string = 0
    for (i = 1; i <= length($0); i++) {
        c = substr($0, i, 1)
        if (in_string) {
            out = out c
            if (c == "\\") out = out substr($0, ++i, 1)
            else if (c == "\"") in_string = 0
        } else if (c == "{" || c == "[") {
            depth++; out = out c; newline()
        } else if (c == "}" || c == "]") {
            depth--; newline(); out = out c
        } else if (c == ",") {
            out = out c; newline()
        } else if (c == ":") {
            out = out ": "
        } else {
            if (c == "\"") in_string = 1
            out = out c
        }
    }
    print out
}
