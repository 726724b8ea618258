# Events (slurped) against fields.txt (as $fields, raw): prints what does not fit, one line each.
def kind_fits($wanted; $value):
    ($value | type) as $t
    | if $wanted == "any" then true
      elif $wanted == "long" then $t == "number" and $value == ($value | floor) and $value >= 0
      elif $wanted == "boolean" then $t == "boolean"
      elif $wanted == "date" then $t == "string" and ($value | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$"))
      elif $wanted == "ip" then $t == "string" and ($value | test("^[0-9a-f.:]+$"))
      else $t == "string" end;
def leaf_name: map(select(type == "string")) | join(".");
($fields | split("\n") | map(select(length > 0 and (startswith("#") | not)) | split(" "))) as $rows
| ($rows | map(select(.[0] | endswith("*") | not) | {key: .[0], value: .[1]}) | from_entries) as $exact
| ($rows | map(select(.[0] | endswith("*")) | {prefix: (.[0] | rtrimstr("*")), type: .[1]})) as $open
| ($rows | map(select(.[2] == "must") | .[0])) as $must
| .[]
| . as $event
| (.monitor.id // "?") as $id
| ( [paths(type != "object" and type != "array")] | .[]
    | . as $path
    | leaf_name as $name
    | ($exact[$name] // ([$open[] | select(.prefix as $p | $name | startswith($p))][0].type)) as $type
    | ($event | getpath($path)) as $value
    | if $type == null then "\($id): \($name) is not in the list"
      elif kind_fits($type; $value) | not then "\($id): \($name) is no \($type): \($value | tojson)"
      else empty end ),
  ( $must[] | . as $name | select($event | getpath($name | split(".")) == null) | "\($id): \($name) is missing" ),
  ( select(has("summary") != (.event.type == "heartbeat/summary")) | "\($id): summary without its event.type" ),
  ( select(has("summary") != has("state")) | "\($id): summary without state" ),
  ( select((.monitor.status == "down") != has("error")) | "\($id): down and error do not go together" )
