{{/* The service account of a part, where it is made here: arguments of the selector, "account" name, "values" of it. */}}
{{- define "kronstream.account" -}}
{{- if .values.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .account | toYaml }}
  namespace: {{ .root.Release.Namespace | toYaml }}
  labels:
    {{- include "kronstream.labels" . | nindent 4 }}
  {{- with .values.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
# each Pod that needs a token says so itself
automountServiceAccountToken: false
{{- end }}
{{- end -}}

{{/*
Rules for an account, in the whole cluster or in each of some namespaces: arguments of the selector, and
"name" of the roles, "account" name, "namespaces" list (empty: the cluster), "rules" text.
*/}}
{{- define "kronstream.role" -}}
{{- $all := . -}}
{{- $places := ternary (list "") .namespaces (empty .namespaces) -}}
{{- range $place := $places }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "Role" "ClusterRole" (not (empty $place)) }}
metadata:
  name: {{ $all.name }}
  {{- with $place }}
  namespace: {{ . | toYaml }}
  {{- end }}
  labels:
    {{- include "kronstream.labels" $all | nindent 4 }}
rules:
{{ $all.rules | trim }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ ternary "RoleBinding" "ClusterRoleBinding" (not (empty $place)) }}
metadata:
  name: {{ $all.name }}
  {{- with $place }}
  namespace: {{ . | toYaml }}
  {{- end }}
  labels:
    {{- include "kronstream.labels" $all | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ ternary "Role" "ClusterRole" (not (empty $place)) }}
  name: {{ $all.name }}
subjects:
- kind: ServiceAccount
  name: {{ $all.account | toYaml }}
  namespace: {{ $all.root.Release.Namespace | toYaml }}
{{- end }}
{{- end -}}

{{/* Labels and annotations of a hook that runs when all else is deleted: (dict "args" selector "weight" "0"). */}}
{{- define "kronstream.withdraw.meta" -}}
labels:
  {{- include "kronstream.labels" .args | nindent 2 }}
annotations:
  helm.sh/hook: post-delete
  helm.sh/hook-weight: {{ .weight | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/* To read which cluster this is, the UID of the namespace kube-system: arguments as for kronstream.role. */}}
{{- define "kronstream.identity" -}}
{{- $rules := `
- apiGroups: [""]
  resources: [namespaces]
  resourceNames: [kube-system]
  verbs: [get]
` }}
{{- include "kronstream.role" (merge (dict "name" (printf "%s-cluster" .name) "namespaces" (list "kube-system") "rules" $rules) .) }}
{{- end -}}
