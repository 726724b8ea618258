{{- define "nginx-example.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "nginx-example.selector" -}}
app.kubernetes.io/name: nginx-example
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "nginx-example.labels" -}}
{{ include "nginx-example.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end }}

{{/* What cannot work stops with a sentence. */}}
{{- define "nginx-example.check" -}}
{{- if and .Values.posta.metrics.enabled (eq (int .Values.posta.metrics.port) 8080) }}{{ fail "nginx-example: posta.metrics.port is 8080, which is nginx's own" }}{{ end -}}
{{- if .Values.posta.logs.existingVolume }}{{ fail (printf "nginx-example: posta.logs.existingVolume: this chart's pod has no volume %s" .Values.posta.logs.existingVolume) }}{{ end -}}
{{- if ne .Values.posta.appContainer "nginx" }}{{ fail "nginx-example: posta.appContainer must be nginx: that is the name of the container here" }}{{ end -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" .Release.Name) }}{{ fail (printf "nginx-example: release %s cannot be the name of a Service: it begins with a letter and has no dots" .Release.Name) }}{{ end -}}
{{- include "nginx-example.checkMemory" . -}}
{{- include "posta-sidecar.checkRequests" (dict "resources" .Values.resources "what" "nginx-example's resources") -}}
{{- end }}

{{/* The logs' tmpfs counts as memory of nginx, who writes it. */}}
{{- define "nginx-example.checkMemory" -}}
{{- $limit := ((.Values.resources.limits | default dict).memory) -}}
{{- if and $limit (eq .Values.posta.logs.medium "Memory") (not .Values.posta.logs.existingVolume) -}}
{{- $given := include "posta-sidecar.bytes" (dict "size" $limit "what" "resources.limits.memory") | int64 -}}
{{- $logs := include "posta-sidecar.bytes" (dict "size" (include "posta-sidecar.logsSizeLimit" .) "what" "posta.logs.sizeLimit") | int64 -}}
{{- if lt $given (add $logs 33554432) -}}
{{- fail (printf "nginx-example: resources.limits.memory (%s) has no room for the logs' volume of %s and 32Mi for nginx: a full volume would end nginx for lack of memory" $limit (include "posta-sidecar.logsSizeLimit" .)) -}}
{{- end -}}
{{- end -}}
{{- end }}
