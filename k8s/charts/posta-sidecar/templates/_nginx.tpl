{{/* For the web server's side. */}}

{{/* An element of its volumeMounts: the logs' folder. It also hides the links to stdout and stderr that nginx's images have there. */}}
{{- define "posta-sidecar.nginxVolumeMount" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
- name: {{ include "posta-sidecar.logsVolume" . }}
  mountPath: {{ $v.logs.path }}
{{- end }}

{{/*
Lines for its configuration, in each server {}: they stand over those of http {}, where access_log of the image's own nginx.conf would log
every request a second time. access_log has no buffer=: what is buffered is not written yet.
*/}}
{{- define "posta-sidecar.nginxLogs" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $path := $v.logs.path | trimSuffix "/" -}}
{{- range $v.inputs }}
{{- if eq (.parser | default "none") "access" }}
access_log {{ $path }}/{{ .file }} {{ $v.nginx.format }};
{{- else if eq (.parser | default "none") "error" }}
error_log {{ $path }}/{{ .file }} {{ $v.nginx.errorLevel }};
{{- end }}
{{- end }}
{{- if $v.nginx.teeErrors }}
error_log stderr {{ $v.nginx.errorLevel }};
{{- end }}
{{- end }}

{{/* egress rules of a NetworkPolicy of the pod, which is one for all its containers: names, and every broker. */}}
{{- define "posta-sidecar.networkPolicyEgress" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
- ports:
    {{- range include "posta-sidecar.brokerPorts" . | fromJsonArray }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}

{{/* Ports of kafka.hosts, as JSON. Brokers beyond the first ones are reached at the same ports. */}}
{{- define "posta-sidecar.brokerPorts" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $ports := list -}}
{{- range $v.kafka.hosts }}{{- $ports = append $ports (regexFind "[0-9]+$" . | default "9092" | int) }}{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end }}
