# Is this Prometheus' text format 0.0.4, or with -v open=1 OpenMetrics 1.0? Prints each line that is not as it must be.
function wrong(what) { printf "%d: %s: %s\n", NR, what, $0 }
# Base name of a sample, from which its family is known.
function family_of(name,    base) {
    if (name in type) return name
    base = name; sub(/_(total|info|bucket|sum|count)$/, "", base)
    return base
}
/^# HELP / {
    if ($3 in help) wrong("a second HELP")
    help[$3] = 1
    if (NF < 4) wrong("no text")
    next
}
/^# TYPE / {
    if ($3 in type) wrong("a second TYPE")
    if (!($3 in help)) wrong("no HELP before")
    if ($4 !~ (open ? "^(counter|gauge|histogram|info)$" : "^(counter|gauge|histogram)$")) wrong("type")
    if ($4 == "counter" && !open && $3 !~ /_total$/) wrong("a counter without _total")
    if ($4 == "counter" && open && $3 ~ /_total$/) wrong("a counter's family with _total")
    type[$3] = $4; now = $3
    next
}
/^# EOF$/ { if (!open) wrong("EOF"); ended = 1; next }
{
    if (ended) wrong("behind EOF")
    if ($0 !~ /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\[\\"n])*",?)+\})? ([-+]?[0-9.]+([eE][-+]?[0-9]+)?|[-+]Inf|NaN)$/) { wrong("no sample"); next }
    name = $0; sub(/[ {].*/, "", name)
    family = family_of(name)
    if (!(family in type)) { wrong("no TYPE"); next }
    if (family != now) wrong("its family was left before")
    value = $0; sub(/^.* /, "", value)
    series = $0; sub(/ [^ ]*$/, "", series)
    if (series in seen) wrong("twice")
    seen[series] = value; n++
    suffix = substr(name, length(family) + 1)
    if (type[family] == "counter" && open && suffix != "_total") wrong("a counter's sample without _total")
    if (type[family] == "counter" && value !~ /^[0-9.e+]+$/) wrong("a counter below 0")
    if (type[family] == "info" && (suffix != "_info" || value != 1)) wrong("an info")
    if (type[family] == "histogram" && suffix !~ /^_(bucket|sum|count)$/) wrong("a histogram's sample")
    if (suffix == "_bucket") { if (value + 0 < last + 0) wrong("buckets must not fall"); last = value; if (series ~ /le="\+Inf"/) { inf = value; last = 0 } }
    if (suffix == "_count" && value != inf) wrong("count is not the last bucket")
}
END {
    if (open && !ended) print "no EOF"
    if (n == 0) print "no samples"
}
