{{/* What cannot work stops with a sentence. */}}
{{- define "posta.validate" -}}
{{- $cm := .Values.tls.certManager -}}{{- $st := .Values.tls.strimzi -}}
{{- if and $cm.create $st.create }}{{ fail "posta: tls.certManager.create and tls.strimzi.create are both on: one of them makes the certificate" }}{{ end -}}
{{- if and (or $cm.create $st.create) (not .Values.tls.enabled) }}{{ fail "posta: a certificate is to be made, but tls.enabled is false" }}{{ end -}}
{{- if and $cm.create (not $cm.issuerRef.name) }}{{ fail "posta: tls.certManager.issuerRef.name is empty: name the Issuer or ClusterIssuer whose certificates the brokers trust" }}{{ end -}}
{{- if and $cm.create (not .Values.tls.caSecretName) }}{{ fail "posta: tls.caSecretName is empty: with cert-manager name the Secret with the brokers' authority; the ca.crt of a client's certificate need not be theirs" }}{{ end -}}
{{- if and $st.create (not $st.cluster) }}{{ fail "posta: tls.strimzi.cluster is empty: name the Kafka" }}{{ end -}}
{{- if and $st.create .Values.tls.secretName (ne .Values.tls.secretName (include "posta.fullname" .)) (eq ($st.namespace | default .Release.Namespace) .Release.Namespace) }}{{ fail (printf "posta: tls.secretName is %s, but Strimzi names the Secret as the KafkaUser, %s: leave it empty" .Values.tls.secretName (include "posta.fullname" .)) }}{{ end -}}
{{- if and $st.create (contains "%{" .Values.kafka.topic) (not $st.topics) }}{{ fail (printf "posta: tls.strimzi.topics is empty, and kafka.topic %s is no single topic: name the topics that posta may write to" .Values.kafka.topic) }}{{ end -}}
{{- if include "posta.isDaemonSet" . -}}
{{- include "posta-sidecar.checkTls" (dict "root" . "values" (include "posta.nodeValues" . | fromJson)) -}}
{{- $d := .Values.daemonset -}}
{{- if lt ($d.terminationGracePeriodSeconds | int64) (add ($d.shutdownDeadlineSeconds | int64) 5) }}{{ fail (printf "posta: daemonset.terminationGracePeriodSeconds (%d) must be at least 5 more than daemonset.shutdownDeadlineSeconds (%d), or posta is killed while it delivers" ($d.terminationGracePeriodSeconds | int64) ($d.shutdownDeadlineSeconds | int64)) }}{{ end -}}
{{- include "posta-sidecar.checkHosts" (dict "root" . "values" (include "posta.nodeValues" . | fromJson)) -}}
{{- if and $d.spool.hostPath (not (has ((($d.updateStrategy.rollingUpdate | default dict).maxSurge | default 0) | toString) (list "0" "0%"))) }}{{ fail "posta: daemonset.updateStrategy.rollingUpdate.maxSurge: two pods on a node would want the one spool in daemonset.spool.hostPath; use maxUnavailable" }}{{ end -}}
{{- if lt (include "posta-sidecar.bytes" (dict "size" $d.spool.maxSize "what" "daemonset.spool.maxSize") | int64) 4194304 }}{{ fail (printf "posta: daemonset.spool.maxSize (%s) must be at least 4MB" ($d.spool.maxSize | toString)) }}{{ end -}}
{{- with ($d.resources.limits | default dict).memory -}}
{{- if lt (include "posta-sidecar.bytes" (dict "size" . "what" "daemonset.resources.limits.memory") | int64) 67108864 }}{{ fail (printf "posta: daemonset.resources.limits.memory (%s) must be at least 64Mi" (. | toString)) }}{{ end -}}
{{- end -}}
{{- include "posta-sidecar.checkRequests" (dict "resources" $d.resources "what" "daemonset.resources") -}}
{{- include "posta-sidecar.once" (dict "items" $d.extraEnv "key" "name" "what" "daemonset.extraEnv" "taken" (list "POSTA_ROLE" "NODE_NAME")) -}}
{{- include "posta-sidecar.once" (dict "items" $d.extraVolumes "key" "name" "what" "daemonset.extraVolumes" "taken" (list "logs" "spool" "config" "tls" "token" "hostfs")) -}}
{{- include "posta-sidecar.once" (dict "items" $d.extraVolumeMounts "key" "mountPath" "what" "daemonset.extraVolumeMounts" "taken" (list "/var/log" "/var/lib/posta" "/etc/posta" "/etc/posta-tls" "/hostfs")) -}}
{{- if and .Values.openshift (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}{{ fail "posta: serviceAccount.name is empty and serviceAccount.create false: the SCC would be for the namespace's default account, that is for all its pods; name an account" }}{{ end -}}
{{- if not $d.paths }}{{ fail "posta: daemonset.paths is empty: name the logs, as /var/log/pods/*/*/*.log*" }}{{ end -}}
{{- range $d.paths }}{{ if not (hasPrefix "/var/log/" .) }}{{ fail (printf "posta: daemonset.paths: %s is not below /var/log, which is what is mounted; mount its folder by daemonset.extraVolumes and read it by daemonset.config" .) }}{{ end }}{{ end -}}
{{- end -}}
{{- include "posta.validateMonitoring" . -}}
{{- if include "posta.isSidecar" . }}{{ include "posta.validateSidecar" . }}{{ end -}}
{{- if and .Values.injection.enabled (not (include "posta.isSidecar" .)) }}{{ fail "posta: injection.enabled needs role: sidecar or both" }}{{ end -}}
{{- if and .Values.injection.enabled (eq (.Values.sidecar.native | toString) "false") }}{{ fail "posta: injection puts posta among the init containers, so sidecar.native must be auto or true: an ordinary container there would hold up the pod for ever" }}{{ end -}}
{{- if and .Values.injection.enabled (semverCompare "<1.34.0-0" .Capabilities.KubeVersion.Version) }}{{ fail (printf "posta: injection needs Kubernetes 1.34 or later, and this is %s; use the library chart posta-sidecar" .Capabilities.KubeVersion.Version) }}{{ end -}}
{{- end }}

{{/* Seconds of 1h30m. */}}
{{- define "posta.seconds" -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+[hms]" . -1 }}{{ $sum = add $sum (mul (trimSuffix (regexFind "[hms]" .) . | int64) (get (dict "h" 3600 "m" 60 "s" 1) (regexFind "[hms]" .))) }}{{ end -}}
{{- $sum -}}
{{- end }}

{{- define "posta.validateMonitoring" -}}
{{- $pm := .Values.podMonitor -}}{{- $cm := .Values.tls.certManager -}}
{{- if gt (include "posta.seconds" $pm.scrapeTimeout | int64) (include "posta.seconds" $pm.interval | int64) }}{{ fail (printf "posta: podMonitor.scrapeTimeout (%s) is above podMonitor.interval (%s): the Prometheus operator refuses that" $pm.scrapeTimeout $pm.interval) }}{{ end -}}
{{- if and $cm.create (ge (include "posta.seconds" $cm.renewBefore | int64) (include "posta.seconds" $cm.duration | int64)) }}{{ fail (printf "posta: tls.certManager.renewBefore (%s) must be less than tls.certManager.duration (%s)" $cm.renewBefore $cm.duration) }}{{ end -}}
{{- $alerts := list -}}
{{- range (.Files.Get "files/alerts.yaml" | fromYaml).rules }}{{ $alerts = append $alerts .alert }}{{ end -}}
{{- range .Values.prometheusRule.disabled }}{{ if not (has . $alerts) }}{{ fail (printf "posta: prometheusRule.disabled: there is no alert %s; there are %s" . (join ", " $alerts)) }}{{ end }}{{ end -}}
{{- end }}

{{/* Below sidecar stand the library's own values, but for those that both roles share: there they would do nothing. */}}
{{- define "posta.validateSidecar" -}}
{{- $s := .Values.sidecar -}}
{{- $mine := dict "kafka.hosts" $s.kafka.hosts "kafka.topic" $s.kafka.topic "kafka.options" $s.kafka.options "tls.secretName" $s.tls.secretName "tls.caSecretName" $s.tls.caSecretName "image.tag" $s.image.tag "image.digest" $s.image.digest "openshift" $s.openshift -}}
{{- range $name, $value := $mine }}{{ if $value }}{{ fail (printf "posta: sidecar.%s does nothing here: set %s, which is for both roles" $name $name) }}{{ end }}{{ end -}}
{{- if ne $s.image.registry "registry.example" }}{{ fail "posta: sidecar.image.registry does nothing here: set image.registry, which is for both roles" }}{{ end -}}
{{- if ne (int $s.metrics.port) 5066 }}{{ fail "posta: sidecar.metrics.port does nothing here: set metrics.port, which is for both roles" }}{{ end -}}
{{- end }}
