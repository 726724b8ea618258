{{/*
Every template takes either the chart's own context, `include "posta-sidecar.volumes" .`, and finds the values below `posta-sidecar` or the
alias `posta`; or (dict "root" $ "values" VALUES).
*/}}


{{/* The values, as JSON. */}}
{{- define "posta-sidecar.values" -}}
{{- if hasKey . "root" -}}
{{- .values | toJson -}}
{{- else if hasKey .Values "posta-sidecar" -}}
{{- get .Values "posta-sidecar" | toJson -}}
{{- else if hasKey .Values "posta" -}}
{{- .Values.posta | toJson -}}
{{- else -}}
{{- fail "posta-sidecar: no values are found: name the dependency posta-sidecar, or give it the alias posta" -}}
{{- end -}}
{{- end }}

{{/* Bytes of a size: 64KB, 8MB (posta: powers of 1024), 16Mi, 1Gi, 1000K (Kubernetes), or a number. (dict "size" S "what" NAME) */}}
{{- define "posta-sidecar.bytes" -}}
{{- $text := .size | toString -}}
{{- if not (regexMatch "^[0-9]+(B|KB|MB|GB|Ki|Mi|Gi|k|K|M|G)?$" $text) -}}
{{- fail (printf "%s: %q is no size; write it as 64MB, 64Mi or a number of bytes" .what $text) -}}
{{- end -}}
{{- $number := regexFind "^[0-9]+" $text | int64 -}}
{{- $unit := regexReplaceAll "^[0-9]+" $text "" -}}
{{- $factors := dict "" 1 "B" 1 "KB" 1024 "MB" 1048576 "GB" 1073741824 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "k" 1000 "K" 1000 "M" 1000000 "G" 1000000000 -}}
{{- mul $number (get $factors $unit) -}}
{{- end }}

{{/* Bytes as whole Mi, rounded up. */}}
{{- define "posta-sidecar.mebibytes" -}}
{{- printf "%dMi" (div (add (int64 .) 1048575) 1048576) -}}
{{- end }}

{{/* "true" when posta is an init container that goes on. */}}
{{- define "posta-sidecar.isNative" -}}
{{- $root := ternary .root . (hasKey . "root") -}}
{{- $native := (include "posta-sidecar.values" . | fromJson).native | toString -}}
{{- $is_there := semverCompare ">=1.29.0-0" $root.Capabilities.KubeVersion.Version -}}
{{- if and (eq $native "true") (not $is_there) -}}
{{- fail (printf "posta: native: true needs Kubernetes 1.29 or later, and this is %s; set native: auto" $root.Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if or (eq $native "true") (and (eq $native "auto") $is_there) -}}true{{- end -}}
{{- end }}

{{/* Reference of the image. */}}
{{- define "posta-sidecar.image" -}}
{{- $root := ternary .root . (hasKey . "root") -}}
{{- $image := (include "posta-sidecar.values" . | fromJson).image -}}
{{- $global := $root.Values.global | default dict -}}
{{- $registry := $global.imageRegistry | default $image.registry -}}
{{- $name := ternary (printf "%s/%s" $registry $image.repository) $image.repository (ne $registry "") -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name ($image.tag | default "0.1.0") -}}
{{- end -}}
{{- end }}

{{/* Name of the ConfigMap with posta.yml. */}}
{{- define "posta-sidecar.configMapName" -}}
{{- $root := ternary .root . (hasKey . "root") -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $v.existingConfigMap | default (printf "%s-posta" ($root.Release.Name | trunc 50 | trimSuffix "-")) -}}
{{- end }}

{{/* Label by which monitors find the pods. */}}
{{- define "posta-sidecar.labels" -}}
posta-sidecar: "true"
{{- end }}

{{/* Annotations of the pod: a changed configuration makes pods anew. */}}
{{- define "posta-sidecar.annotations" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- if and $v.rollOnConfigChange (not $v.existingConfigMap) -}}
posta-sidecar/config: {{ include "posta-sidecar.config" . | sha256sum | quote }}
{{- else -}}
posta-sidecar/config: {{ include "posta-sidecar.configMapName" . | quote }}
{{- end }}
{{- end }}

{{/* securityContext of a pod in which both run as one user. */}}
{{- define "posta-sidecar.podSecurityContext" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
runAsNonRoot: true
{{- include "posta-sidecar.runAs" . }}
{{- if and $v.runAs.group (not $v.openshift) }}
fsGroup: {{ $v.runAs.group | int64 }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* terminationGracePeriodSeconds of the pod: the web server's time, posta's, and five seconds. */}}
{{- define "posta-sidecar.terminationGracePeriodSeconds" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- if include "posta-sidecar.isNative" . -}}
{{- add ($v.shutdown.appSeconds | int64) ($v.shutdown.deadlineSeconds | int64) 5 -}}
{{- else -}}
{{- add (max ($v.shutdown.appSeconds | int64) ($v.shutdown.deadlineSeconds | int64)) 5 -}}
{{- end -}}
{{- end }}

{{/* "true" when the pod needs shareProcessNamespace: true, so that posta can signal. */}}
{{- define "posta-sidecar.shareProcessNamespace" -}}
{{- if eq (include "posta-sidecar.values" . | fromJson).rotation.mode "managed" -}}true{{- else -}}false{{- end -}}
{{- end }}
