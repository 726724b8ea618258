# Events against tests/metrics/fields.txt: every field is in the table of its metricset, with its type, or in the envelope.
#   jq -n -r --rawfile table fields.txt -f schema.jq <events      prints what is wrong, a line each
def rows: $table | split("\n") | map(select(length > 0) | split(" ") | {set: .[0], name: .[1], type: .[2]});
def pattern: "^" + (gsub("\\."; "\\.") | gsub("\\*"; "[^.]+")) + "$";
def tables: rows | group_by(.set) | map({key: .[0].set, value: map({re: (.name | pattern), type})}) | from_entries;
def leaves($at):
    if type == "object" then to_entries[] | .key as $k | .value | leaves($at + [$k]) else {name: ($at | join(".")), value: .} end;
def is_whole: type == "number" and . == floor;
def is_type($wanted):
    if $wanted == "long" then is_whole
    elif $wanted == "float" then type == "number"
    elif $wanted == "keyword" then type == "string" or (type == "array" and all(.[]; type == "string"))
    elif $wanted == "date" then type == "string" and test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$")
    else false end;
def envelope: {
    "@timestamp": "date", "@metadata.beat": "keyword", "@metadata.type": "keyword", "@metadata.version": "keyword",
    "@metadata._id": "keyword", "event.id": "keyword", "event.dataset": "keyword", "event.module": "keyword",
    "event.duration": "long", "metricset.name": "keyword", "metricset.period": "long", "service.type": "keyword",
    "service.address": "keyword", "error.message": "keyword", "ecs.version": "keyword", "host.name": "keyword",
    "agent.name": "keyword", "agent.type": "keyword", "agent.version": "keyword", "agent.id": "keyword",
    "agent.ephemeral_id": "keyword", "tags": "keyword"};
def type_of($tables; $set; $name):
    envelope[$name] // first(($tables[$set] // [])[] | select(.re as $re | $name | test($re)) | .type) // "none";
tables as $tables
| inputs as $event
| ($event | leaves([]))
| select(.name | startswith("fields.") | not)
| type_of($tables; $event.event.dataset; .name) as $type
| . as $leaf
| select($leaf.value | is_type($type) | not)
| "\($event.event.dataset): \(.name) = \(.value): expected \($type)"
