{{/* posta.yml, made of the values. */}}

{{/* output.kafka; also used where posta is a DaemonSet. */}}
{{- define "posta-sidecar.outputKafka" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $kafka := dict "hosts" $v.kafka.hosts -}}
{{- if $v.kafka.topic }}{{- $_ := set $kafka "topic" $v.kafka.topic }}{{- end -}}
{{- if ne $v.kafka.delivery "at_least_once" }}{{- $_ := set $kafka "delivery" $v.kafka.delivery }}{{- end -}}
{{- if $v.tls.enabled -}}
{{- $_ := set $kafka "ssl" (dict "certificate_authorities" (list "/etc/posta-tls/ca.crt") "certificate" "/etc/posta-tls/client.crt" "key" "/etc/posta-tls/client.key") -}}
{{- end -}}
{{- toYaml (mergeOverwrite $kafka (deepCopy ($v.kafka.options | default dict))) -}}
{{- end }}

{{/* A map as JSON, whose keys with dots (output.kafka: ...) are maps in maps: so one key is one key, however it is written. */}}
{{- define "posta-sidecar.nested" -}}
{{- $all := dict -}}
{{- range $key, $value := . -}}
{{- $nested := deepCopy (dict "value" $value) -}}
{{- range reverse (splitList "." $key) }}{{ $nested = dict "value" (dict . $nested.value) }}{{ end -}}
{{- $all = mergeOverwrite $all $nested.value -}}
{{- end -}}
{{- $all | toJson -}}
{{- end }}

{{/* posta.yml: what the chart makes (base), and the user's over it (extra). Another output than Kafka stands instead of it. */}}
{{- define "posta-sidecar.merged" -}}
{{- $base := include "posta-sidecar.nested" .base | fromJson -}}
{{- $extra := include "posta-sidecar.nested" (.extra | default dict) | fromJson -}}
{{- if omit ($extra.output | default dict) "kafka" }}{{- $_ := unset $base "output" }}{{- end -}}
{{- $all := mergeOverwrite $base $extra -}}
{{- $kafka := ($all.output | default dict).kafka -}}
{{- if not $all.output }}{{ fail "posta: there is no output" }}{{ end -}}
{{- if and $kafka (not $kafka.hosts) }}{{ fail "posta: kafka.hosts is empty: name the brokers, as [kafka-1.example:9093], or give another output in config" }}{{ end -}}
{{- if and $kafka (not (or $kafka.topic $kafka.topics)) }}{{ fail "posta: kafka.topic is empty: name the topic of the events" }}{{ end -}}
{{- $all | toYaml -}}
{{- end }}

{{/* A missing Secret's name stops with a sentence. */}}
{{- define "posta-sidecar.checkTls" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- if and $v.tls.enabled (not $v.tls.secretName) }}{{ fail "posta: tls.secretName is empty: name the Secret with posta's certificate and key, or set tls.enabled: false where the brokers ask for none" }}{{ end -}}
{{- end }}

{{- define "posta-sidecar.input" -}}
{{- $in := .input -}}{{- $v := .v -}}
{{- $rotation := dict "mode" $v.rotation.mode -}}
{{- if ne $v.rotation.mode "external" -}}
{{- $_ := set $rotation "size" $v.rotation.size -}}
{{- $_ := set $rotation "limit" $v.rotation.limit -}}
{{- $_ := set $rotation "at_limit" $v.rotation.atLimit -}}
{{- end -}}
{{- if eq $v.rotation.mode "managed" -}}
{{- $_ := set $rotation "keep" ($v.rotation.keep | int64) -}}
{{- $_ := set $rotation "process" $v.rotation.process -}}
{{- end -}}
{{- $input := dict "type" "filestream" "id" $in.id "paths" (list (printf "%s/%s" ($v.logs.path | trimSuffix "/") $in.file)) "rotation" $rotation -}}
{{- $parser := $in.parser | default "none" -}}
{{- if eq $parser "access" -}}
{{- $_ := set $input "parsers" (list (dict "nginx" (dict "dataset" "access"))) -}}
{{- else if eq $parser "error" -}}
{{- $_ := set $input "parsers" (list (dict "multiline" (dict "pattern" `^\d{4}/\d{2}/\d{2} ` "negate" true "match" "after")) (dict "nginx" (dict "dataset" "error"))) -}}
{{- end -}}
{{- if $in.topic }}{{- $_ := set $input "fields" (dict "topic" $in.topic) }}{{- end -}}
{{- toYaml (mergeOverwrite $input (deepCopy ($in.options | default dict))) -}}
{{- end }}

{{/* Rules of topics when inputs name their own. */}}
{{- define "posta-sidecar.topics" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $named := list -}}
{{- range $v.inputs }}{{- if .topic }}{{- $named = append $named (dict "topic" .topic "when.equals" (dict "fields.topic" .topic)) }}{{- end }}{{- end -}}
{{- if $named }}{{ dict "topics" $named | toYaml }}{{ end -}}
{{- end }}

{{- define "posta-sidecar.config" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- include "posta-sidecar.check" . -}}
{{- $inputs := list -}}
{{- range $v.inputs }}{{- $inputs = append $inputs (include "posta-sidecar.input" (dict "input" . "v" $v) | fromYaml) }}{{- end -}}
{{- $kafka := include "posta-sidecar.outputKafka" . | fromYaml -}}
{{- $topics := include "posta-sidecar.topics" . -}}
{{- if $topics }}{{- $kafka = mergeOverwrite ($topics | fromYaml) $kafka }}{{- end -}}
{{- $config := dict
    "filebeat.inputs" $inputs
    "output.kafka" $kafka
    "path.data" "/var/lib/posta"
    "queue.disk" (dict "max_size" $v.spool.maxSize "at_limit" $v.spool.atLimit)
    "shutdown.deadline" (printf "%ds" ($v.shutdown.deadlineSeconds | int64))
-}}
{{- if $v.kubernetesMetadata }}{{- $_ := set $config "processors" (list (dict "add_kubernetes_metadata" (dict "mode" "sidecar"))) }}{{- end -}}
{{- include "posta-sidecar.merged" (dict "base" $config "extra" $v.config) -}}
{{- end }}

{{/* The ConfigMap, whole: a template of the application's chart has this one line. */}}
{{- define "posta-sidecar.configMap" -}}
{{- $root := ternary .root . (hasKey . "root") -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- if not $v.existingConfigMap -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "posta-sidecar.configMapName" . | quote }}
  namespace: {{ $root.Release.Namespace | quote }}
  labels:
    app.kubernetes.io/name: posta
    app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
    app.kubernetes.io/managed-by: {{ $root.Release.Service }}
data:
  posta.yml: |
    {{- include "posta-sidecar.config" . | nindent 4 }}
{{- end }}
{{- end }}
