{{/* Sizes of the two volumes and of the memory, worked out and checked. */}}

{{/* Smallest size of the logs' volume in bytes: what the logs may take before posta gives lines up or says that it is above the limit. */}}
{{- define "posta-sidecar.logsNeed" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $n := len $v.inputs | int64 -}}
{{- $limit := include "posta-sidecar.bytes" (dict "size" $v.rotation.limit "what" "rotation.limit") | int64 -}}
{{- $size := include "posta-sidecar.bytes" (dict "size" $v.rotation.size "what" "rotation.size") | int64 -}}
{{- $files := mul $size (add1 ($v.rotation.keep | int64)) -}}
{{- if eq $v.rotation.mode "external" -}}
{{- 1048576 -}}
{{- else if and (gt $limit 0) (lt $limit (add $files 1048576)) (eq $v.rotation.mode "managed") -}}
{{- fail (printf "posta: rotation.limit (%s) must be at least 1MB more than the files of a managed log, %d of rotation.size %s" ($v.rotation.limit | toString) (add1 ($v.rotation.keep | int64)) ($v.rotation.size | toString)) -}}
{{- else if lt $limit 1048576 -}}
{{- fail (printf "posta: rotation.limit (%s) must be at least 1MB: a log grows while posta is restarted" ($v.rotation.limit | toString)) -}}
{{- else -}}
{{- mul $n $limit -}}
{{- end -}}
{{- end }}

{{- define "posta-sidecar.logsSizeLimit" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $need := include "posta-sidecar.logsNeed" . | int64 -}}
{{- if not $v.logs.sizeLimit -}}
{{- if eq $v.rotation.mode "external" -}}
{{- fail "posta: rotation.mode external: set logs.sizeLimit to more than all files that your rotation keeps, and what is written while posta restarts" -}}
{{- end -}}
{{- include "posta-sidecar.mebibytes" (div (mul $need 5) 4) -}}
{{- else -}}
{{- $given := include "posta-sidecar.bytes" (dict "size" $v.logs.sizeLimit "what" "logs.sizeLimit") | int64 -}}
{{- if lt $given $need -}}
{{- fail (printf "posta: logs.sizeLimit (%s) is too small: %d logs of rotation.limit %s need %s; a full volume makes the web server drop lines" $v.logs.sizeLimit (len $v.inputs) ($v.rotation.limit | toString) (include "posta-sidecar.mebibytes" $need)) -}}
{{- end -}}
{{- $v.logs.sizeLimit -}}
{{- end -}}
{{- end }}

{{- define "posta-sidecar.spoolSizeLimit" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $max := include "posta-sidecar.bytes" (dict "size" $v.spool.maxSize "what" "spool.maxSize") | int64 -}}
{{- $need := add (div (mul $max 11) 10) 8388608 -}}
{{- if lt $max 4194304 -}}
{{- fail (printf "posta: spool.maxSize (%s) must be at least 4MB" ($v.spool.maxSize | toString)) -}}
{{- end -}}
{{- if not $v.spool.sizeLimit -}}
{{- include "posta-sidecar.mebibytes" $need -}}
{{- else if lt (include "posta-sidecar.bytes" (dict "size" $v.spool.sizeLimit "what" "spool.sizeLimit") | int64) $need -}}
{{- fail (printf "posta: spool.sizeLimit (%s) is too small for spool.maxSize %s: it needs %s, or the pod is evicted" $v.spool.sizeLimit ($v.spool.maxSize | toString) (include "posta-sidecar.mebibytes" $need)) -}}
{{- else -}}
{{- $v.spool.sizeLimit -}}
{{- end -}}
{{- end }}

{{/* resources of the container: the memory of a spool on tmpfs is charged to posta. */}}
{{- define "posta-sidecar.resources" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $own := 67108864 | int64 -}}
{{- $need := $own -}}
{{- if eq $v.spool.medium "Memory" -}}
{{- $need = add $own (include "posta-sidecar.bytes" (dict "size" (include "posta-sidecar.spoolSizeLimit" .) "what" "spool.sizeLimit") | int64) -}}
{{- end -}}
{{- $resources := deepCopy ($v.resources | default dict) -}}
{{- $limits := get $resources "limits" | default dict -}}
{{- if not $limits.memory -}}
{{- $_ := set $limits "memory" (include "posta-sidecar.mebibytes" $need) -}}
{{- else if lt (include "posta-sidecar.bytes" (dict "size" $limits.memory "what" "resources.limits.memory") | int64) (sub $need 33554432) -}}
{{- fail (printf "posta: resources.limits.memory (%s) is too small: the spool's volume is in memory and counts; give at least %s, or set spool.medium: \"\"" ($limits.memory | toString) (include "posta-sidecar.mebibytes" (sub $need 33554432))) -}}
{{- end -}}
{{- $_ := set $resources "limits" $limits -}}
{{- include "posta-sidecar.checkRequests" (dict "resources" $resources "what" "resources") -}}
{{- toYaml $resources -}}
{{- end }}
