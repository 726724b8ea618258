# bars.awk: a picture (SVG) of horizontal bars, for light and dark pages. In: LABEL<TAB>VALUE[<TAB>SECOND VALUE]; the second bar of
# a label is the lighter one. posta's are coloured, others grey.
#
#   awk -v title="CPU seconds" -v first="user" -v second="system" -v format=%.2f -f bars.awk
BEGIN { FS = "\t"; width = 720; left = 190; right = 70; bar = 14; gap = 12; top = first == "" ? 40 : 64 }

{
    label[NR] = $1
    value[NR, 1] = $2
    value[NR, 2] = $3
    n_bars[NR] = NF > 2 ? 2 : 1
    if ($2 > most) most = $2
    if (NF > 2 && $3 > most) most = $3
}

function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    return text
}

function one_bar(y, class, amount,    length_px) {
    length_px = most > 0 ? amount / most * (width - left - right) : 0
    printf "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n", class, left, y, length_px < 1 ? 1 : length_px, bar
    printf "<text class=\"number\" x=\"%.1f\" y=\"%d\">" format "</text>\n", left + length_px + 6, y + bar - 3, amount
}

function legend(x, class, text) {
    if (text == "") return x
    printf "<rect class=\"%s\" x=\"%d\" y=\"38\" width=\"10\" height=\"10\" rx=\"2\"/>\n", class, x
    printf "<text class=\"number\" x=\"%d\" y=\"47\">%s</text>\n", x + 15, escaped(text)
    return x + 30 + 7 * length(text)
}

END {
    height = top + 8
    for (i = 1; i <= NR; i++) height += n_bars[i] * (bar + 2) + gap
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", width, height, width, height
    printf "<title>%s</title>\n", escaped(title)
    print "<style>text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}.number{font-size:12px;fill:#57606a}"
    print ".a{fill:#8c959f}.b{fill:#c4cad1}.posta.a{fill:#1f6feb}.posta.b{fill:#8db9f7}"
    print "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.number{fill:#9da7b3}.a{fill:#848d97}.b{fill:#4d555e}.posta.a{fill:#4493f8}.posta.b{fill:#1f4f8f}}</style>"
    printf "<text class=\"title\" x=\"8\" y=\"22\">%s</text>\n", escaped(title)
    x = legend(left, "a", first)
    legend(x, "b", second)
    y = top
    for (i = 1; i <= NR; i++) {
        class = label[i] ~ /^posta/ ? "posta " : ""
        printf "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left - 10, y + (n_bars[i] * (bar + 2)) / 2 + 4, escaped(label[i])
        one_bar(y, class "a", value[i, 1])
        if (n_bars[i] == 2) one_bar(y + bar + 2, class "b", value[i, 2])
        y += n_bars[i] * (bar + 2) + gap
    }
    print "</svg>"
}
