{{/* For the web server's side. */}}

{{/* An element of its volumeMounts: the logs' folder. It also hides the links to stdout and stderr that nginx's images have there. */}}
{{- define "posta-sidecar.nginxVolumeMount" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
- name: {{ include "posta-sidecar.logsVolume" . | quote }}
  mountPath: {{ $v.logs.path | quote }}
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
access_log "{{ $path }}/{{ .file }}" {{ $v.nginx.format }};
{{- else if eq (.parser | default "none") "error" }}
error_log "{{ $path }}/{{ .file }}" {{ $v.nginx.errorLevel }};
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
    {{- if $v.openshift }}
    # OpenShift's name servers listen there, and a policy sees the pods behind a Service.
    - {protocol: UDP, port: 5353}
    - {protocol: TCP, port: 5353}
    {{- end }}
{{- with include "posta-sidecar.brokerPorts" . | fromJsonArray }}
- ports:
    {{- range . }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{/* Ports of the brokers, as JSON: kafka.ports, or those of the hosts' names. */}}
{{- define "posta-sidecar.brokerPorts" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $config := include "posta-sidecar.nested" ($v.config | default dict) | fromJson -}}
{{- $output := $config.output | default dict -}}
{{- $ports := list -}}
{{- range concat ($v.kafka.hosts | default list) ((get $output "kafka" | default dict).hosts | default list) }}
{{- if contains "${" . }}{{ $ports = append $ports 0 }}{{ else }}{{ $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default "9092" | int) }}{{ end -}}
{{- end -}}
{{- if $v.kafka.ports }}{{ $ports = $v.kafka.ports }}{{ end -}}
{{- if has 0 $ports }}{{ fail "posta: a NetworkPolicy needs the brokers' ports, and kafka.hosts has a variable: set kafka.ports" }}{{ end -}}
{{- $ports | uniq | toJson -}}
{{- end }}
