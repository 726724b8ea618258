{{- define "posta.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* (dict "root" . "component" "daemonset") */}}
{{- define "posta.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "posta.labels" -}}
{{- $own := include "posta.selector" . | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/version" (.root.Chart.AppVersion | replace "+" "_") -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- merge (deepCopy (.labels | default dict)) .root.Values.commonLabels $own | toYaml -}}
{{- end }}

{{/* Of a pod: the selector's stand over all. (dict "root" . "component" C "labels" L) */}}
{{- define "posta.podLabels" -}}
{{- merge (include "posta.selector" . | fromYaml) (.labels | default dict) .root.Values.commonLabels | toYaml -}}
{{- end }}

{{/* metadata of an object. (dict "root" . "component" C "suffix" S "annotations" A "cluster" true) */}}
{{- define "posta.metadata" -}}
name: {{ printf "%s%s" (include "posta.fullname" .root) (empty .suffix | ternary "" (printf "-%s" (.suffix | default ""))) | quote }}
{{- if not .cluster }}
namespace: {{ .namespace | default .root.Release.Namespace | quote }}
{{- end }}
labels:
  {{- include "posta.labels" . | nindent 2 }}
{{- with merge (deepCopy (.annotations | default dict)) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "posta.isDaemonSet" -}}{{- if has .Values.role (list "daemonset" "both") }}true{{ end -}}{{- end }}
{{- define "posta.isSidecar" -}}{{- if has .Values.role (list "sidecar" "both") }}true{{ end -}}{{- end }}

{{- define "posta.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "posta.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{/* tls with what cert-manager or Strimzi make filled in, as JSON. */}}
{{- define "posta.tls" -}}
{{- $tls := deepCopy (omit .Values.tls "certManager" "strimzi") -}}
{{- $name := include "posta.fullname" . -}}
{{- if .Values.tls.certManager.create -}}
{{- $_ := set $tls "secretName" ($tls.secretName | default (printf "%s-tls" $name)) -}}
{{- else if .Values.tls.strimzi.create -}}
{{- $_ := set $tls "secretName" ($tls.secretName | default $name) -}}
{{- $_ := set $tls "certKey" "user.crt" -}}
{{- $_ := set $tls "keyKey" "user.key" -}}
{{- $_ := set $tls "caSecretName" ($tls.caSecretName | default (printf "%s-cluster-ca-cert" .Values.tls.strimzi.cluster)) -}}
{{- end -}}
{{- $tls | toJson -}}
{{- end }}

{{/* Values for the templates of posta-sidecar: beside a web server. */}}
{{- define "posta.sidecarValues" -}}
{{- $v := deepCopy (omit .Values.sidecar "global") -}}
{{- $tls := mergeOverwrite (deepCopy .Values.sidecar.tls) (include "posta.tls" . | fromJson) -}}
{{- $_ := set $v "image" .Values.image -}}
{{- $_ := set $v "kafka" .Values.kafka -}}
{{- $_ := set $v "tls" $tls -}}
{{- $_ := set $v "openshift" .Values.openshift -}}
{{- $_ := set $v "metrics" (dict "enabled" (or .Values.podMonitor.enabled .Values.sidecar.metrics.enabled) "host" .Values.metrics.host "port" .Values.metrics.port) -}}
{{- $v | toJson -}}
{{- end }}

{{/* The same on a node: what its templates ask for. */}}
{{- define "posta.nodeValues" -}}
{{- $tls := include "posta.tls" . | fromJson -}}
{{- $_ := set $tls "optional" false -}}
{{- dict "image" .Values.image "kafka" .Values.kafka "tls" $tls "config" .Values.daemonset.config "openshift" .Values.openshift | toJson -}}
{{- end }}

{{/* Folder of the node for the spool; empty: none. */}}
{{- define "posta.spoolPath" -}}
{{- $path := tpl .Values.daemonset.spool.hostPath . -}}
{{- if and $path (not (regexMatch "^/[^/]+/" $path)) }}{{ fail (printf "posta: daemonset.spool.hostPath (%s) must be a folder of its own, as /var/lib/posta" $path) }}{{ end -}}
{{- $path -}}
{{- end }}

{{- define "posta.image" -}}
{{- include "posta-sidecar.image" (dict "root" . "values" (dict "image" .Values.image)) -}}
{{- end }}

{{- define "posta.sidecarConfigMap" -}}
{{- .Values.sidecar.existingConfigMap | default (printf "%s-sidecar" (include "posta.fullname" .)) -}}
{{- end }}
