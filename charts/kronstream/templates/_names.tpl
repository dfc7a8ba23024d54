{{/* The name of everything: the release, where it is called after the chart. */}}
{{- define "kronstream.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of a pool: (dict "root" $ "pool" pool). The pool `default` needs no suffix. */}}
{{- define "kronstream.poolname" -}}
{{- $base := printf "%s-worker" (include "kronstream.fullname" .root) -}}
{{- if eq .pool.name "default" }}{{ $base }}{{ else }}{{ printf "%s-%s" $base .pool.name }}{{ end -}}
{{- end -}}

{{/* What selects the Pods of a component: (dict "root" $ "component" "api" "pool" ""). */}}
{{- define "kronstream.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride | toYaml }}
app.kubernetes.io/instance: {{ .root.Release.Name | toYaml }}
app.kubernetes.io/component: {{ .component }}
{{- with .pool }}
kronstream.dev/pool: {{ . | toYaml }}
{{- end }}
{{- end -}}

{{/* Labels of every object; arguments as for the selector. */}}
{{- define "kronstream.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "kronstream.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kronstream
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The image, or a pool's: (dict "root" $ "image" map). */}}
{{- define "kronstream.image" -}}
{{- $own := .image | default dict -}}
{{- $shared := .root.Values.image -}}
{{- $repository := $own.repository | default $shared.repository -}}
{{- $digest := $own.digest | default (ternary "" $shared.digest (not (empty (or $own.repository $own.tag)))) -}}
{{- if $digest -}}
{{- printf "%s@%s" $repository $digest -}}
{{- else -}}
{{- printf "%s:%s" $repository ($own.tag | default $shared.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Streams that pools call otherwise than by default, by which they talk with agents and workflow engines: a JSON list. */}}
{{- define "kronstream.closedstreams" -}}
{{- $found := list -}}
{{- range .Values.workers -}}
{{- $pool := include "kronstream.pool" (dict "root" $ "pool" .) | fromJson -}}
{{- $names := list "KRONSTREAM_AGENT_STREAM" "KRONSTREAM_WORKFLOW_STREAM" "KRONSTREAM_REPLY_STREAM" -}}
{{- range $names }}{{ with get $pool.settings . }}{{ $found = append $found . }}{{ end }}{{ end -}}
{{- range $pool.env }}{{ if and .value (has .name $names) }}{{ $found = append $found .value }}{{ end }}{{ end -}}
{{- end -}}
{{- uniq $found | sortAlpha | toJson -}}
{{- end -}}

{{/* A pool with the defaults under it, as JSON: (dict "root" $ "pool" pool). */}}
{{- define "kronstream.pool" -}}
{{- mergeOverwrite (deepCopy .root.Values.workerDefaults) (deepCopy .pool) | toJson -}}
{{- end -}}
