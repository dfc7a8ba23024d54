{{/* Names of the user's that the chart has given already; messages as in _check.tpl, as a JSON list. */}}
{{- define "kronstream.check.collisions" -}}
{{- $said := list -}}
{{- $selecting := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "kronstream.dev/pool" -}}
{{- $own := concat $selecting (list "helm.sh/chart" "app.kubernetes.io/version" "app.kubernetes.io/part-of" "app.kubernetes.io/managed-by") -}}
{{- $monitoring := .Values.monitoring -}}
{{- range $path, $labels := dict
  "commonLabels" .Values.commonLabels
  "monitoring.podMonitor.labels" $monitoring.podMonitor.labels
  "monitoring.serviceMonitor.labels" $monitoring.serviceMonitor.labels
  "monitoring.rules.labels" $monitoring.rules.labels
  "monitoring.dashboards.labels" $monitoring.dashboards.labels -}}
{{- range $key, $_ := $labels -}}
{{- if has $key $own }}{{ $said = append $said (printf "%s: %s is a label that the chart sets: leave it out, or write another key" $path $key) -}}
{{- else if hasPrefix "rbac.authorization.k8s.io/" $key }}{{ $said = append $said (printf "%s: %s would hand the rights of roles on to others: leave it out; rbac.aggregate is for the roles of users" $path $key) -}}
{{- else if and (ne $path "commonLabels") (hasKey ($.Values.commonLabels | default dict) $key) }}{{ $said = append $said (printf "%s: %s is among commonLabels, too: write it once" $path $key) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range $name := list "operator" "router" "api" "runs" "webhook" -}}
{{- $made := ternary (dict "tmp" "/tmp") (include "kronstream.volumes.made" $ | fromJson) (eq $name "webhook") -}}
{{- if and (has $name (list "operator" "router")) $.Values.runs.enabled }}{{ $_ := set $made "runs-ca" "/etc/kronstream/runs" }}{{ end -}}
{{- if or (has $name (list "runs" "webhook")) (and (eq $name "api") $.Values.api.tls.enabled) }}{{ $_ := set $made "tls" "/etc/kronstream/tls" }}{{ end -}}
{{- $said = concat $said (include "kronstream.check.volumes" (dict "path" (printf "%s." $name) "part" (get $.Values $name) "made" $made) | fromJsonArray) -}}
{{- end -}}
{{- $parts := dict "pods" .Values.pods "workerDefaults.pods" .Values.workerDefaults.pods -}}
{{- range $name := list "operator" "api" "runs" "webhook" }}{{ $_ := set $parts (printf "%s.pods" $name) (get $.Values $name).pods }}{{ end -}}
{{- range .Values.workers }}{{ $_ := set $parts (printf "workers: pool %s: pods" .name) .pods }}{{ end -}}
{{- range $path, $pods := $parts -}}
{{- range $key, $_ := ($pods | default dict).labels -}}
{{- if has $key $selecting }}{{ $said = append $said (printf "%s.labels: the Pods are selected by %s, which the chart sets: leave it out, or write another key" $path $key) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range .Values.workers -}}
{{- $pool := include "kronstream.pool" (dict "root" $ "pool" .) | fromJson -}}
{{- $made := include "kronstream.volumes.made" $ | fromJson -}}
{{- if $pool.handlers.configMap }}{{ $_ := set $made "handlers" "/handlers" }}{{ end -}}
{{- $installs := or $pool.handlers.packages $pool.handlers.requirements -}}
{{- if $installs }}{{ $_ := set $made "packages" "/packages" }}{{ end -}}
{{- if $pool.handlers.requirements }}{{ $_ := set $made "requirements" "/requirements" }}{{ end -}}
{{- $said = concat $said (include "kronstream.check.volumes" (dict "path" (printf "workers: pool %s: " .name) "part" $pool "made" $made) | fromJsonArray) -}}
{{- range $pool.initContainers -}}
{{- if or (eq (toString .name) "worker") (and $installs (eq (toString .name) "packages")) }}{{ $said = append $said (printf "workers: pool %s: initContainers: a container %s is made by the chart: write another name" $pool.name .name) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toJson (concat $said (include "kronstream.check.accounts" . | fromJsonArray)) -}}
{{- end -}}

{{/* Service accounts that are made twice, or that nobody names. */}}
{{- define "kronstream.check.accounts" -}}
{{- $said := list -}}
{{- $parts := dict "operator" .Values.operator -}}
{{- range $name := list "api" "runs" "webhook" }}{{ $part := get $.Values $name }}{{ if $part.enabled }}{{ $_ := set $parts $name $part }}{{ end }}{{ end -}}
{{- range .Values.workers }}{{ $_ := set $parts (printf "workers: pool %s: " .name) (include "kronstream.pool" (dict "root" $ "pool" .) | fromJson) }}{{ end -}}
{{- $made := dict -}}
{{- range $name, $part := $parts -}}
{{- $path := printf "%sserviceAccount" (ternary $name (printf "%s." $name) (contains ":" $name)) -}}
{{- $account := $part.serviceAccount -}}
{{- if and (not $account.create) (not $account.name) }}{{ $said = append $said (printf "%s: none is made, and none is named: write %s.name, or create: true" $path $path) -}}
{{- else if and $account.create $account.name (hasKey $made $account.name) }}{{ $said = append $said (printf "%s: %s is made for another part, too: write create: false here" $path $account.name) }}{{ end -}}
{{- if and $account.create $account.name }}{{ $_ := set $made $account.name true }}{{ end -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}

{{/* Volumes that the containers of most parts have, as JSON: name and where it is mounted. */}}
{{- define "kronstream.volumes.made" -}}
{{- $made := dict "tmp" "/tmp" -}}
{{- $tls := .Values.redis.tls -}}
{{- if and $tls.enabled $tls.caSecret.name }}{{ $_ := set $made "redis-ca" "/etc/kronstream/redis-ca" }}{{ end -}}
{{- if and $tls.enabled $tls.clientSecret }}{{ $_ := set $made "redis-client" "/etc/kronstream/redis-client" }}{{ end -}}
{{- if and .Values.traces.endpoint .Values.traces.caSecret.name }}{{ $_ := set $made "traces-ca" "/etc/kronstream/traces-ca" }}{{ end -}}
{{- toJson $made -}}
{{- end -}}

{{/* Volumes and mounts of a part against those that the chart makes: (dict "path" "api." "part" values "made" map). */}}
{{- define "kronstream.check.volumes" -}}
{{- $said := list -}}
{{- $all := . -}}
{{- $seen := dict -}}
{{- range .part.volumes -}}
{{- $name := toString .name -}}
{{- if hasKey $all.made $name }}{{ $said = append $said (printf "%svolumes: a volume %s is made by the chart: write another name" $all.path $name) -}}
{{- else if hasKey $seen $name }}{{ $said = append $said (printf "%svolumes: %s is there twice: write it once" $all.path $name) }}{{ end -}}
{{- $_ := set $seen $name true -}}
{{- end -}}
{{- $places := values .made -}}
{{- range .part.volumeMounts -}}
{{- $place := toString .mountPath | trimSuffix "/" -}}
{{- if has $place $places }}{{ $said = append $said (printf "%svolumeMounts: the chart mounts a volume of its own at %s: write another mountPath" $all.path $place) }}{{ end -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}
