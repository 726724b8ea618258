{{/* posta.yml of a node. */}}
{{- define "posta.daemonsetConfig" -}}
{{- $d := .Values.daemonset -}}
{{- $own := printf "/%s_%s-[a-z0-9]{5}_" .Release.Namespace (include "posta.fullname" . | replace "." "[.]") -}}
{{- $input := dict
    "type" "filestream"
    "id" "containers"
    "paths" $d.paths
    "prospector.scanner.exclude_files" (append $d.excludeFiles $own)
    "parsers" (concat (list (dict "container" (dict "stream" "all"))) $d.parsers)
    "processors" (list (dict "add_kubernetes_metadata" (dict "mode" "node" "api.enabled" $d.kubernetesApi)))
-}}
{{- $config := dict
    "filebeat.inputs" (list $input)
    "output.kafka" (include "posta-sidecar.outputKafka" (dict "root" . "values" (include "posta.nodeValues" . | fromJson)) | fromYaml)
    "path.data" "/var/lib/posta"
    "queue.disk" (dict "max_size" $d.spool.maxSize "at_limit" $d.spool.atLimit)
    "shutdown.deadline" (printf "%ds" ($d.shutdownDeadlineSeconds | int64))
    "name" "${NODE_NAME}"
-}}
{{- if $d.hostMetrics -}}
{{- $_ := set $config "system.hostfs" "/hostfs" -}}
{{- $_ := set $config "metricbeat.modules" (list (dict "module" "system" "metricsets" (list "cpu" "load" "memory" "network" "diskio" "filesystem" "process_summary") "period" "10s")) -}}
{{- end -}}
{{- include "posta-sidecar.merged" (dict "base" $config "extra" $d.config) -}}
{{- end }}

{{/* Logs on a node belong to root and are for root alone: user 0, without any capability. */}}
{{- define "posta.daemonsetSecurityContext" -}}
runAsUser: 0
runAsGroup: 0
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* The account's token and the cluster's authority, only for who asks the API server. */}}
{{- define "posta.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 0400
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
{{- end }}
