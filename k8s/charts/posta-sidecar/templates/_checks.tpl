{{/* What cannot work stops with a sentence; sizes are checked where they are worked out. */}}

{{/* No two elements of a list have the same value of a key. (dict "items" LIST "key" K "taken" OTHERS "what" NAME) */}}
{{- define "posta-sidecar.once" -}}
{{- $seen := .taken | default list -}}
{{- range .items -}}
{{- $name := get . $.key | toString -}}
{{- if has $name $seen }}{{ fail (printf "posta: %s: %s %s is there twice, or is one of the chart's own" $.what $.key $name) }}{{ end -}}
{{- $seen = append $seen $name -}}
{{- end -}}
{{- end }}

{{/* resources.requests are not above resources.limits. (dict "resources" R "what" NAME) */}}
{{- define "posta-sidecar.checkRequests" -}}
{{- $requests := .resources.requests | default dict -}}{{- $limits := .resources.limits | default dict -}}
{{- if and $requests.memory $limits.memory -}}
{{- $request := include "posta-sidecar.bytes" (dict "size" $requests.memory "what" (printf "%s.requests.memory" .what)) | int64 -}}
{{- if gt $request (include "posta-sidecar.bytes" (dict "size" $limits.memory "what" (printf "%s.limits.memory" .what)) | int64) -}}
{{- fail (printf "posta: %s.requests.memory (%s) is above the limit of %s" .what ($requests.memory | toString) ($limits.memory | toString)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Names of the brokers have ports that there are. */}}
{{- define "posta-sidecar.checkHosts" -}}
{{- range (include "posta-sidecar.values" . | fromJson).kafka.hosts -}}
{{- if gt (regexFind "[0-9]+$" . | default "1" | int) 65535 }}{{ fail (printf "posta: kafka.hosts: %s has no port that there is" .) }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "posta-sidecar.checkLogs" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $path := printf "%s/" ($v.logs.path | trimSuffix "/") -}}
{{- range list "/var/lib/posta/" "/etc/" "/proc/" "/sys/" "/dev/" "/usr/" -}}
{{- if hasPrefix $path . | or (hasPrefix . $path) }}{{ fail (printf "posta: logs.path (%s) would hide %s or lie in it; give a folder that is for logs alone" $v.logs.path (trimSuffix "/" .)) }}{{ end -}}
{{- end -}}
{{- include "posta-sidecar.once" (dict "items" $v.inputs "key" "id" "what" "inputs") -}}
{{- include "posta-sidecar.once" (dict "items" $v.inputs "key" "file" "what" "inputs") -}}
{{- end }}

{{- define "posta-sidecar.check" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- include "posta-sidecar.checkTls" . -}}
{{- include "posta-sidecar.checkHosts" . -}}
{{- include "posta-sidecar.checkLogs" . -}}
{{- if eq $v.name $v.appContainer }}{{ fail (printf "posta: name and appContainer are both %s: posta's container needs a name of its own" $v.name) }}{{ end -}}
{{- $env := list "POSTA_ROLE" -}}
{{- if $v.kubernetesMetadata }}{{ $env = concat $env (list "POD_NAME" "POD_NAMESPACE" "POD_UID" "POD_IP" "NODE_NAME" "CONTAINER_NAME") }}{{ end -}}
{{- include "posta-sidecar.once" (dict "items" $v.extraEnv "key" "name" "what" "extraEnv" "taken" $env) -}}
{{- $volumes := list -}}
{{- range list "logs" "spool" "config" "tls" "podinfo" }}{{ $volumes = append $volumes (printf "%s-%s" $v.name .) }}{{ end -}}
{{- include "posta-sidecar.once" (dict "items" $v.extraVolumes "key" "name" "what" "extraVolumes" "taken" $volumes) -}}
{{- $mounts := list $v.logs.path "/var/lib/posta" "/etc/posta" "/etc/posta-tls" "/etc/podinfo" -}}
{{- include "posta-sidecar.once" (dict "items" $v.extraVolumeMounts "key" "mountPath" "what" "extraVolumeMounts" "taken" $mounts) -}}
{{- end }}
