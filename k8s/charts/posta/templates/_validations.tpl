{{/* What cannot work stops with a sentence. */}}
{{- define "posta.validate" -}}
{{- $cm := .Values.tls.certManager -}}{{- $st := .Values.tls.strimzi -}}
{{- if and $cm.create $st.create }}{{ fail "posta: tls.certManager.create and tls.strimzi.create are both on: one of them makes the certificate" }}{{ end -}}
{{- if and (or $cm.create $st.create) (not .Values.tls.enabled) }}{{ fail "posta: a certificate is to be made, but tls.enabled is false" }}{{ end -}}
{{- if and $cm.create (not $cm.issuerRef.name) }}{{ fail "posta: tls.certManager.issuerRef.name is empty: name the Issuer or ClusterIssuer whose certificates the brokers trust" }}{{ end -}}
{{- if and $cm.create (not .Values.tls.caSecretName) }}{{ fail "posta: tls.caSecretName is empty: with cert-manager name the Secret with the brokers' authority; the ca.crt of a client's certificate need not be theirs" }}{{ end -}}
{{- if and $st.create (not $st.cluster) }}{{ fail "posta: tls.strimzi.cluster is empty: name the Kafka" }}{{ end -}}
{{- if and $st.create (contains "%{" .Values.kafka.topic) (not $st.topics) }}{{ fail (printf "posta: tls.strimzi.topics is empty, and kafka.topic %s is no single topic: name the topics that posta may write to" .Values.kafka.topic) }}{{ end -}}
{{- if include "posta.isDaemonSet" . -}}
{{- include "posta-sidecar.checkKafka" (dict "root" . "values" (include "posta.nodeValues" . | fromJson)) -}}
{{- $d := .Values.daemonset -}}
{{- if lt ($d.terminationGracePeriodSeconds | int64) (add ($d.shutdownDeadlineSeconds | int64) 5) }}{{ fail (printf "posta: daemonset.terminationGracePeriodSeconds (%d) must be at least 5 more than daemonset.shutdownDeadlineSeconds (%d), or posta is killed while it delivers" ($d.terminationGracePeriodSeconds | int64) ($d.shutdownDeadlineSeconds | int64)) }}{{ end -}}
{{- if not $d.paths }}{{ fail "posta: daemonset.paths is empty: name the logs, as /var/log/pods/*/*/*.log*" }}{{ end -}}
{{- range $d.paths }}{{ if not (hasPrefix "/var/log/" .) }}{{ fail (printf "posta: daemonset.paths: %s is not below /var/log, which is what is mounted; mount its folder by daemonset.extraVolumes and read it by daemonset.config" .) }}{{ end }}{{ end -}}
{{- end -}}
{{- if and .Values.injection.enabled (not (include "posta.isSidecar" .)) }}{{ fail "posta: injection.enabled needs role: sidecar or both" }}{{ end -}}
{{- if and .Values.injection.enabled (eq (.Values.sidecar.native | toString) "false") }}{{ fail "posta: injection puts posta among the init containers, so sidecar.native must be auto or true: an ordinary container there would hold up the pod for ever" }}{{ end -}}
{{- if and .Values.injection.enabled (semverCompare "<1.34.0-0" .Capabilities.KubeVersion.Version) }}{{ fail (printf "posta: injection needs Kubernetes 1.34 or later, and this is %s; use the library chart posta-sidecar" .Capabilities.KubeVersion.Version) }}{{ end -}}
{{- end }}
