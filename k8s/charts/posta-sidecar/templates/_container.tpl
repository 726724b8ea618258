{{/* The container, its mounts and the pod's volumes. */}}

{{- define "posta-sidecar.env" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
- name: POSTA_ROLE
  value: sidecar
{{- if $v.kubernetesMetadata }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
- name: NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: CONTAINER_NAME
  value: {{ $v.appContainer | quote }}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What listens on the loopback is asked by the program itself; what listens on all addresses by the kubelet. */}}
{{- define "posta-sidecar.probe" -}}
{{- $p := .probe -}}
{{- if .v.metrics.enabled }}
httpGet:
  path: {{ ternary "/healthz" "/readyz" (eq .what "live") }}
  port: posta-metrics
{{- else }}
exec:
  command: [/usr/bin/posta, probe, {{ .what }}, --url, "http://127.0.0.1:{{ .v.metrics.port }}"]
{{- end }}
periodSeconds: {{ $p.periodSeconds }}
failureThreshold: {{ $p.failureThreshold }}
timeoutSeconds: {{ $p.timeoutSeconds }}
{{- end }}

{{/* The user, in a securityContext; nothing where the cluster or the pod gives it. */}}
{{- define "posta-sidecar.runAs" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- if not $v.openshift }}
{{- with $v.runAs.user }}
runAsUser: {{ . | int64 }}
{{- end }}
{{- with $v.runAs.group }}
runAsGroup: {{ . | int64 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "posta-sidecar.securityContext" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- include "posta-sidecar.runAs" . }}
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* One element of a list of containers. */}}
{{- define "posta-sidecar.container" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- include "posta-sidecar.check" . -}}
- name: {{ $v.name | quote }}
  image: {{ include "posta-sidecar.image" . | quote }}
  imagePullPolicy: {{ $v.image.pullPolicy }}
  {{- if include "posta-sidecar.isNative" . }}
  restartPolicy: Always
  {{- end }}
  args:
    - -c
    - /etc/posta/posta.yml
    # Health is told by a posta with a wrong configuration as well.
    - -E
    - http.enabled=true
    - -E
    - {{ printf "http.host=%s" (ternary $v.metrics.host "127.0.0.1" $v.metrics.enabled) | quote }}
    - -E
    - http.port={{ $v.metrics.port }}
    {{- with $v.extraArgs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  env:
    {{- include "posta-sidecar.env" . | nindent 4 }}
  {{- with $v.extraEnvFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $v.metrics.enabled }}
  ports:
    - name: posta-metrics
      containerPort: {{ $v.metrics.port }}
      protocol: TCP
  {{- end }}
  {{- if $v.probes.liveness.enabled }}
  livenessProbe:
    {{- include "posta-sidecar.probe" (dict "v" $v "probe" $v.probes.liveness "what" "live") | trim | nindent 4 }}
  {{- end }}
  {{- if $v.probes.readiness.enabled }}
  readinessProbe:
    {{- include "posta-sidecar.probe" (dict "v" $v "probe" $v.probes.readiness "what" "ready") | trim | nindent 4 }}
  {{- end }}
  resources:
    {{- include "posta-sidecar.resources" . | nindent 4 }}
  securityContext:
    {{- include "posta-sidecar.securityContext" . | nindent 4 }}
  # posta writes what could not be delivered there; if it could not, its last log lines tell.
  terminationMessagePolicy: FallbackToLogsOnError
  volumeMounts:
    {{- include "posta-sidecar.volumeMounts" . | nindent 4 }}
{{- end }}

{{- define "posta-sidecar.logsVolume" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- $v.logs.existingVolume | default (printf "%s-logs" $v.name) -}}
{{- end }}

{{- define "posta-sidecar.volumeMounts" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
- name: {{ include "posta-sidecar.logsVolume" . | quote }}
  mountPath: {{ $v.logs.path | quote }}
  {{- if eq $v.rotation.mode "external" }}
  readOnly: true
  {{- end }}
- name: {{ $v.name }}-spool
  mountPath: /var/lib/posta
- name: {{ $v.name }}-config
  mountPath: /etc/posta
  readOnly: true
{{- if $v.tls.enabled }}
- name: {{ $v.name }}-tls
  mountPath: /etc/posta-tls
  readOnly: true
{{- end }}
{{- if $v.kubernetesMetadata }}
- name: {{ $v.name }}-podinfo
  mountPath: /etc/podinfo
  readOnly: true
{{- end }}
{{- with $v.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Certificate, key and authority in one folder, whose files change together. */}}
{{- define "posta-sidecar.tlsSource" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
projected:
  defaultMode: {{ $v.tls.defaultMode | int64 }}
  sources:
    - secret:
        name: {{ $v.tls.secretName | quote }}
        optional: {{ $v.tls.optional }}
        items:
          - {key: {{ $v.tls.certKey | quote }}, path: client.crt}
          - {key: {{ $v.tls.keyKey | quote }}, path: client.key}
    - secret:
        name: {{ $v.tls.caSecretName | default $v.tls.secretName | quote }}
        optional: {{ $v.tls.optional }}
        items:
          - {key: {{ $v.tls.caKey | quote }}, path: ca.crt}
{{- end }}

{{- define "posta-sidecar.emptyDir" -}}
{{- if .medium }}
medium: {{ .medium }}
{{- end }}
sizeLimit: {{ .sizeLimit }}
{{- end }}

{{- define "posta-sidecar.volumes" -}}{{ include "posta-sidecar.volumeList" . | trim }}{{- end }}
{{- define "posta-sidecar.volumeList" -}}
{{- $v := include "posta-sidecar.values" . | fromJson -}}
{{- if not $v.logs.existingVolume }}
- name: {{ include "posta-sidecar.logsVolume" . | quote }}
  emptyDir:
    {{- include "posta-sidecar.emptyDir" (dict "medium" $v.logs.medium "sizeLimit" (include "posta-sidecar.logsSizeLimit" .)) | trim | nindent 4 }}
{{- end }}
- name: {{ $v.name }}-spool
  emptyDir:
    {{- include "posta-sidecar.emptyDir" (dict "medium" $v.spool.medium "sizeLimit" (include "posta-sidecar.spoolSizeLimit" .)) | trim | nindent 4 }}
- name: {{ $v.name }}-config
  configMap:
    name: {{ include "posta-sidecar.configMapName" . | quote }}
    defaultMode: 0444
    optional: true
{{- if $v.tls.enabled }}
- name: {{ $v.name }}-tls
  {{- include "posta-sidecar.tlsSource" . | nindent 2 }}
{{- end }}
{{- if $v.kubernetesMetadata }}
- name: {{ $v.name }}-podinfo
  downwardAPI:
    defaultMode: 0444
    items:
      - {path: labels, fieldRef: {fieldPath: metadata.labels}}
      - {path: annotations, fieldRef: {fieldPath: metadata.annotations}}
{{- end }}
{{- with $v.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* In the pod's initContainers: posta as a native sidecar, or nothing. Behind a service mesh's own: it then ends before that. */}}
{{- define "posta-sidecar.initContainers" -}}
{{- if include "posta-sidecar.isNative" . }}{{ include "posta-sidecar.container" . }}{{ end -}}
{{- end }}

{{/* In the pod's containers, behind the web server: posta where there are no native sidecars, or nothing. */}}
{{- define "posta-sidecar.containers" -}}
{{- if not (include "posta-sidecar.isNative" .) }}{{ include "posta-sidecar.container" . }}{{ end -}}
{{- end }}
