{{/*
What the Pods of all components have, under `spec`.
(dict "root" $ "component" "api" "pool" "" "pods" overrides "account" name "token" true "grace" seconds "important" true
"host" true, where they are in the network of their nodes)
*/}}
{{- define "kronstream.podspec" -}}
{{- $root := .root -}}
{{- $pods := mergeOverwrite (deepCopy $root.Values.pods) (deepCopy (.pods | default dict)) -}}
serviceAccountName: {{ .account | toYaml }}
automountServiceAccountToken: {{ .token }}
# a Service's variables, like KRONSTREAM_API_PORT, would be taken for settings
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .grace }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- if $pods.priorityClassName }}
priorityClassName: {{ $pods.priorityClassName | toYaml }}
{{- else if and .important $root.Values.priorityClass.create }}
priorityClassName: {{ include "kronstream.fullname" $root | toYaml }}
{{- end }}
{{- with $pods.schedulerName }}
schedulerName: {{ . | toYaml }}
{{- end }}
{{- if .host }}
hostNetwork: true
{{- end }}
{{- with $pods.dnsPolicy | default (ternary "ClusterFirstWithHostNet" "" (default false .host)) }}
dnsPolicy: {{ . }}
{{- end }}
{{- with $pods.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.runtimeClassName }}
runtimeClassName: {{ . | toYaml }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $pods.securityContext.runAsUser }}
  runAsGroup: {{ $pods.securityContext.runAsGroup }}
  fsGroup: {{ $pods.securityContext.fsGroup }}
  seccompProfile:
    type: RuntimeDefault
{{- with $pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.tolerations }}
tolerations:
{{- toYaml . | nindent 0 }}
{{- end }}
affinity:
{{- if $pods.affinity }}
  {{- toYaml $pods.affinity | nindent 2 }}
{{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "kronstream.selector" . | nindent 12 }}
{{- end }}
topologySpreadConstraints:
{{- if $pods.topologySpreadConstraints }}
{{- range $pods.topologySpreadConstraints }}
- {{ toYaml . | nindent 2 | trim }}
  {{- if not .labelSelector }}
  labelSelector:
    matchLabels:
      {{- include "kronstream.selector" $ | nindent 6 }}
  {{- end }}
{{- end }}
{{- else }}
# a node that takes none of them is no place left empty, and a rollout counts its own Pods alone
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  nodeTaintsPolicy: Honor
  matchLabelKeys: [pod-template-hash]
  labelSelector:
    matchLabels:
      {{- include "kronstream.selector" $ | nindent 6 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* How a Deployment replaces its Pods: (dict "root" $ "strategy" map). */}}
{{- define "kronstream.rollout" -}}
{{- if not (kindIs "invalid" .root.Values.revisionHistoryLimit) }}
revisionHistoryLimit: {{ int .root.Values.revisionHistoryLimit }}
{{- end }}
{{- with .strategy }}
strategy:
  {{- /* a pool that is made anew has nothing of the rolling update of workerDefaults */}}
  {{- toYaml (ternary (omit . "rollingUpdate") . (eq (.type | default "") "Recreate")) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Metadata of those Pods; "notes" are annotations of the component itself. */}}
{{- define "kronstream.podmeta" -}}
{{- $pods := mergeOverwrite (deepCopy .root.Values.pods) (deepCopy (.pods | default dict)) -}}
labels:
  {{- include "kronstream.selector" . | nindent 2 }}
  {{- with $pods.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (deepCopy (.notes | default dict)) $pods.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "kronstream.locked" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* Probes on a named port: alive is not the same as ready, which tells of Redis and the API server, too. */}}
{{- define "kronstream.probes" -}}
{{- $scheme := .scheme | default "HTTP" -}}
startupProbe:
  httpGet: {path: /healthz, port: {{ .port }}, scheme: {{ $scheme }}}
  periodSeconds: 1
  # a node that is busy takes its time; whoever is killed meanwhile starts from the beginning
  failureThreshold: 300
livenessProbe:
  httpGet: {path: /healthz, port: {{ .port }}, scheme: {{ $scheme }}}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: {{ .port }}, scheme: {{ $scheme }}}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}

{{/* What a server waits before SIGTERM: seconds. */}}
{{- define "kronstream.linger" -}}
{{- if . -}}
# who still sends here while the Service forgets this Pod gets an answer
lifecycle:
  preStop:
    sleep:
      seconds: {{ . }}
{{- end -}}
{{- end -}}

{{/* Environment by name and value, sorted, so that a diff shows what changed: a map. */}}
{{- define "kronstream.settings" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ if kindIs "float64" $value }}{{ $value | int64 | toString | quote }}{{ else }}{{ $value | toString | quote }}{{ end }}
{{- end }}
{{- end -}}

{{- define "kronstream.logenv" -}}
- name: KRONSTREAM_LOG_FORMAT
  value: {{ .Values.log.format }}
- name: KRONSTREAM_LOG_LEVEL
  value: {{ .Values.log.level }}
{{- end -}}

{{/* What keeps one replica when nodes are drained: arguments of the selector, "name", "budget", "replicas". */}}
{{- define "kronstream.budget" -}}
{{- if .budget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace | toYaml }}
  labels:
    {{- include "kronstream.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  # a Pod that is not ready holds nobody up
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "kronstream.selector" . | nindent 6 }}
{{- end }}
{{- end -}}
