{{/*
What a schema says badly or cannot say: each template gives messages, as a JSON list. The schema lets in what the first
one refuses; the others may rely on it.
*/}}
{{- define "kronstream.check.shapes" -}}
{{- $said := list -}}
{{- $switches := dict "api" .Values.api "runs" .Values.runs "webhook" .Values.webhook "networkPolicy" .Values.networkPolicy -}}
{{- if kindIs "map" .Values.api }}{{ $_ := set $switches "api.tls" .Values.api.tls }}{{ $_ := set $switches "api.ingress" .Values.api.ingress }}{{ end -}}
{{- $secrets := dict -}}
{{- with .Values.traces }}{{ $secrets = dict "traces.headersSecret" .headersSecret "traces.caSecret" .caSecret }}{{ end -}}
{{- if kindIs "map" .Values.redis -}}
{{- range $key, $hint := dict
  "url" "write redis.host and redis.port, or put the whole address into a Secret and write redis.existingSecret.name"
  "address" "write redis.host and redis.port"
  "password" "values are kept in the release, and a password is no value: put it into a Secret and write redis.passwordSecret.name"
  "cluster" "Redis Cluster is not followed: write the address of a single primary as redis.host"
  "enabled" "write redis.embedded.enabled=true for a Redis in the release, or redis.host for yours" -}}
{{- if hasKey $.Values.redis $key }}{{ $said = append $said (printf "redis.%s is no value: %s" $key $hint) }}{{ end -}}
{{- end -}}
{{- if not (kindIs "map" .Values.redis.sentinel) }}{{ $said = append $said "redis.sentinel is a table: write redis.sentinel.master=NAME and redis.sentinel.addresses=[HOST:26379]" }}{{ end -}}
{{- $_ := set $switches "redis.tls" .Values.redis.tls -}}
{{- $_ := set $switches "redis.embedded" .Values.redis.embedded -}}
{{- $_ := set $secrets "redis.existingSecret" .Values.redis.existingSecret -}}
{{- $_ := set $secrets "redis.passwordSecret" .Values.redis.passwordSecret -}}
{{- if kindIs "map" .Values.redis.tls -}}
{{- $_ := set $secrets "redis.tls.caSecret" .Values.redis.tls.caSecret -}}
{{- if kindIs "map" .Values.redis.tls.clientSecret }}{{ $said = append $said "redis.tls.clientSecret is the name of a Secret of type kubernetes.io/tls: write redis.tls.clientSecret=NAME" }}{{ end -}}
{{- end -}}
{{- else -}}
{{- $said = append $said "redis is a table: write redis.host=NAME, redis.existingSecret.name=SECRET with the whole address, or redis.embedded.enabled=true to try" -}}
{{- end -}}
{{- range $name, $value := $switches -}}
{{- if kindIs "bool" $value }}{{ $said = append $said (printf "%s is a table: write %s.enabled=%t" $name $name $value) }}{{ end -}}
{{- end -}}
{{- range $name, $value := $secrets -}}
{{- if kindIs "string" $value }}{{ $said = append $said (printf "%s is a table: write %s.name=%s and, where its key is another one, %s.key" $name $name $value $name) }}{{ end -}}
{{- end -}}
{{- if kindIs "string" .Values.image }}{{ $said = append $said "image is a table: write image.repository and image.tag, or image.digest" }}{{ end -}}
{{- if kindIs "string" .Values.namespaces }}{{ $said = append $said (printf "namespaces is a list: write namespaces: [%s], or --set \"namespaces={%s}\"" .Values.namespaces .Values.namespaces) }}{{ end -}}
{{- if kindIs "map" .Values.workers }}{{ $said = append $said "workers is a list of pools: write workers: [{name: default, queues: [default]}]; what all pools have in common goes into workerDefaults" }}{{ end -}}
{{- range $name := list "operator" "router" "api" "runs" "webhook" "workerDefaults" -}}
{{- $part := get $.Values $name -}}
{{- if kindIs "map" $part }}{{ if kindIs "map" $part.env }}{{ $said = append $said (printf "%s.env is a list: write [{name: NAME, value: VALUE}]; what begins with KRONSTREAM_ goes into %s.settings" $name $name) }}{{ end }}{{ end -}}
{{- end -}}
{{- if kindIs "slice" .Values.workers -}}
{{- range .Values.workers }}{{ if kindIs "map" .env }}{{ $said = append $said (printf "workers: pool %s: env is a list: write [{name: NAME, value: VALUE}]; what begins with KRONSTREAM_ goes into settings" .name) }}{{ end }}{{ end -}}
{{- end -}}
{{- range $key := list "replicas" "replicaCount" -}}
{{- if hasKey $.Values $key }}{{ $said = append $said (printf "%s is no value: write operator.replicas, api.replicas, and workerDefaults.replicas or that of a pool" $key) }}{{ end -}}
{{- end -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "podAnnotations" "podLabels" -}}
{{- if hasKey $.Values $key }}{{ $said = append $said (printf "%s is no value: write pods.%s for all Pods, or operator.pods.%s and so on for some" $key (trimPrefix "pod" $key | untitle) (trimPrefix "pod" $key | untitle)) }}{{ end -}}
{{- end -}}
{{- range $key := list "resources" "env" "serviceAccount" -}}
{{- if hasKey $.Values $key }}{{ $said = append $said (printf "%s is no value: each component has its own: operator.%s, api.%s, workerDefaults.%s" $key $key $key $key) }}{{ end -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}

{{- define "kronstream.check.redis" -}}
{{- $said := list -}}
{{- $redis := .Values.redis -}}
{{- if not (regexMatch "^[A-Za-z0-9._-]*$" $redis.host) -}}
{{- /* no word of what may be a password */ -}}
{{- $name := regexReplaceAll "^(.*@|[a-z]+://)" $redis.host "" | regexFind "^[A-Za-z0-9._-]+" | default "NAME" -}}
{{- $port := regexFind ":[0-9]+(/.*)?$" $redis.host | trimPrefix ":" | regexFind "^[0-9]+" | default "6379" -}}
{{- $said = append $said (printf "redis.host is a host name and no more: write redis.host=%s, redis.port=%s, and redis.tls.enabled=true where it speaks TLS" $name $port) -}}
{{- end -}}
{{- if not $redis.tls.enabled -}}
{{- if or $redis.tls.caSecret.name $redis.tls.clientSecret }}{{ $said = append $said "redis.tls.caSecret and redis.tls.clientSecret are of no use without TLS: write redis.tls.enabled=true" }}{{ end -}}
{{- end -}}
{{- with and $redis.embedded.enabled $redis.embedded.resources.limits -}}
{{- $limit := include "kronstream.bytes" (.memory | default "") | int64 -}}
{{- $most := include "kronstream.bytes" $redis.embedded.maxMemory | int64 -}}
{{- if and $limit (ge $most $limit) -}}
{{- $said = append $said (printf "redis.embedded.maxMemory %s is not less than the container's memory limit %v: it would be killed before it is full; write half of the limit, or raise redis.embedded.resources.limits.memory" $redis.embedded.maxMemory .memory) -}}
{{- end -}}
{{- end -}}
{{- if .Values.traces.endpoint -}}
{{- if not (regexMatch "^https?://[^/@ ]+(/.*)?$" .Values.traces.endpoint) }}{{ $said = append $said (printf "traces.endpoint is an address of HTTP: write traces.endpoint=http://HOST:4318, not %s; what it wants as a login goes into traces.headersSecret" (.Values.traces.endpoint | regexFind "[^@]*$")) }}{{ end -}}
{{- else if or .Values.traces.headersSecret.name .Values.traces.caSecret.name -}}
{{- $said = append $said "traces.headersSecret and traces.caSecret are of no use without an endpoint: write traces.endpoint=http://HOST:4318" -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}

{{/* Bytes of a quantity of Kubernetes, or of Redis (kb, mb, gb); 0 of what is none. */}}
{{- define "kronstream.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "kb" 1024 "mb" 1048576 "gb" 1073741824 -}}
{{- $text := ternary (printf "%.0f" .) (toString .) (kindIs "float64" .) -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $text -}}
{{- with get $units (trimPrefix $number $text) }}{{ mulf (float64 ($number | default "0")) . | int64 }}{{ else }}0{{ end -}}
{{- end -}}

{{- define "kronstream.check.certificates" -}}
{{- $said := list -}}
{{- $hook := .Values.webhook -}}
{{- if $hook.enabled -}}
{{- $injected := false -}}
{{- range $key, $_ := $hook.annotations }}{{ if hasPrefix "cert-manager.io/inject-" $key }}{{ $injected = true }}{{ end }}{{ end -}}
{{- if and $hook.tls.existingSecret (not $hook.tls.caBundle) (not $injected) -}}
{{- $said = append $said (printf "webhook.tls.existingSecret: the API server cannot tell whether the certificate is genuine, and with webhook.failurePolicy Ignore nobody would notice: write webhook.tls.caBundle (the authority as PEM; --set-file reads it), or where cert-manager makes the Secret webhook.annotations: {cert-manager.io/inject-ca-from: %s/CERTIFICATE}" .Release.Namespace) -}}
{{- end -}}
{{- if and $hook.tls.caBundle (not (contains "-----BEGIN CERTIFICATE-----" $hook.tls.caBundle)) -}}
{{- $said = append $said "webhook.tls.caBundle is PEM: write what begins with -----BEGIN CERTIFICATE-----, not in base64 again (--set-file webhook.tls.caBundle=ca.crt reads it)" -}}
{{- end -}}
{{- end -}}
{{- if and $hook.tls.caBundle (not $hook.tls.existingSecret) -}}
{{- $said = append $said "webhook.tls.caBundle is the authority of your own certificate: write webhook.tls.existingSecret, too" -}}
{{- end -}}
{{- if and .Values.api.tls.existingSecret (not .Values.api.tls.enabled) -}}
{{- $said = append $said "api.tls.existingSecret is of no use without TLS: write api.tls.enabled=true" -}}
{{- end -}}
{{- if and .Values.certificates.issuer.name (ne .Values.certificates.source "certManager") -}}
{{- $said = append $said "certificates.issuer is one of cert-manager: write certificates.source=certManager" -}}
{{- end -}}
{{- if and (not .Values.certificates.issuer.name) (or .Values.certificates.issuer.group (ne .Values.certificates.issuer.kind "Issuer")) -}}
{{- $said = append $said "certificates.issuer.kind and certificates.issuer.group are of an issuer that is there: write certificates.issuer.name, too" -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}

{{- define "kronstream.check.names" -}}
{{- $said := list -}}
{{- $full := include "kronstream.fullname" . -}}
{{- range $key := list "nameOverride" "fullnameOverride" -}}
{{- $value := get $.Values $key -}}
{{- if or (contains "." $value) (gt (len $value) 63) }}{{ $said = append $said (printf "%s: Services and labels are called by it, with at most 63 letters, digits and dashes: write %s=%s" $key $key ($value | replace "." "-" | trunc 40 | trimSuffix "-")) }}{{ end -}}
{{- end -}}
{{- if and (not $said) (not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $full)) -}}
{{- $said = append $said (printf "%s would be the beginning of the names of Services, which begin with a letter and have no dots: write fullnameOverride=kronstream, or call the release otherwise" $full) -}}
{{- end -}}
{{- if regexMatch "[:@][^/]*$" .Values.image.repository -}}
{{- $said = append $said (printf "image.repository has no tag in it: write image.repository=%s, and image.tag or image.digest" (regexReplaceAll "[:@][^/]*$" .Values.image.repository "")) -}}
{{- end -}}
{{- $names := dict -}}
{{- range .Values.workers -}}
{{- if hasKey $names .name }}{{ $said = append $said (printf "workers: two pools are called %s; write each name once" .name) }}{{ end -}}
{{- $_ := set $names .name true -}}
{{- if regexMatch "^(.*-)?impersonate$" .name }}{{ $said = append $said (printf "workers: a pool cannot be called %s: roles to impersonate have names that end so; write another name" .name) }}{{ end -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}

{{/* What pools install, whom they may impersonate where, and pools beside each other. */}}
{{- define "kronstream.check.pools" -}}
{{- $said := list -}}
{{- $queues := dict -}}
{{- range .Values.workers -}}
{{- $name := .name -}}
{{- $pool := include "kronstream.pool" (dict "root" $ "pool" .) | fromJson -}}
{{- $serves := $pool.serves | default $.Values.namespaces | sortAlpha | join "," -}}
{{- $hands := $pool.handlers -}}
{{- if and $hands.packages $hands.requirements }}{{ $said = append $said (printf "workers: pool %s: handlers has packages and requirements: write all of them into requirements, with hashes" $name) }}{{ end -}}
{{- if and $hands.requirements (not (contains "--hash=" $hands.requirements)) }}{{ $said = append $said (printf "workers: pool %s: handlers.requirements has no hashes: write the lines that `pip-compile --generate-hashes` or `uv pip compile --generate-hashes` writes" $name) }}{{ end -}}
{{- if or $hands.packages $hands.requirements -}}
{{- range $pool.env }}{{ if hasPrefix "PIP_" .name }}{{ $said = append $said (printf "workers: pool %s: env: %s is of the installer, which has no env of the pool: write it into handlers.installerEnv" $name .name) }}{{ end }}{{ end -}}
{{- end -}}
{{- $within := $pool.rights.namespaces | default $.Values.namespaces -}}
{{- range $pool.rights.impersonate -}}
{{- $place := index (splitList "/" .) 0 -}}
{{- if and $within (ne . "*") (not (has $place $within)) }}{{ $said = append $said (printf "workers: pool %s: rights.impersonate: %s is of a namespace that the pool has no rights in: write accounts of %s, or add %s to %s" $name . (join ", " $within) $place (ternary "rights.namespaces" "namespaces" (not (empty $pool.rights.namespaces)))) }}{{ end -}}
{{- end -}}
{{- range $pool.queues -}}
{{- $queue := index (splitList "=" .) 0 -}}
{{- with get $queues $queue -}}
{{- if ne .serves $serves }}{{ $said = append $said (printf "workers: pools %s and %s share the queue %s and serve different namespaces, so that it is chance whether a run fails: give one another queue, or both the same serves" .name $name $queue) }}{{ end -}}
{{- else -}}
{{- $_ := set $queues $queue (dict "name" $name "serves" $serves) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}

{{/* Ways to the API from outside. */}}
{{- define "kronstream.check.doors" -}}
{{- $said := list -}}
{{- $api := .Values.api -}}
{{- if and $api.service.loadBalancerSourceRanges (ne $api.service.type "LoadBalancer") }}{{ $said = append $said "api.service.loadBalancerSourceRanges is of no use without a load balancer: write api.service.type=LoadBalancer" }}{{ end -}}
{{- if $api.ingress.enabled -}}
{{- if not $api.enabled }}{{ $said = append $said "api.ingress leads to the API: write api.enabled=true, or api.ingress.enabled=false" }}{{ end -}}
{{- if not $api.ingress.hosts }}{{ $said = append $said "api.ingress.hosts: an Ingress without a host takes the calls of all: write api.ingress.hosts=[jobs.example.com]" }}{{ end -}}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.apiFrom) }}{{ $said = append $said "api.ingress: networkPolicy.apiFrom lets nobody in: write where its controller runs, as networkPolicy.apiFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}], or its addresses as {ipBlock: {cidr: 10.0.0.0/8}}" }}{{ end -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}

{{/* Variables that the chart makes, or that are told twice. */}}
{{- define "kronstream.check.env" -}}
{{- $said := list -}}
{{- $all := dict "operator" .Values.operator "router" .Values.router "api" .Values.api "runs" .Values.runs "webhook" .Values.webhook "workerDefaults" .Values.workerDefaults -}}
{{- range .Values.workers }}{{ $_ := set $all (printf "workers: pool %s: " .name) . }}{{ end -}}
{{- $redis := "redis.host, redis.username and redis.passwordSecret, or redis.existingSecret" -}}
{{- $pool := "queues, concurrency, handlers and graceSeconds of the pool" -}}
{{- $runs := "runs.enabled" -}}
{{- $made := dict
  "KRONSTREAM_REDIS_URL" $redis "KRONSTREAM_REDIS_USERNAME" $redis "KRONSTREAM_REDIS_PASSWORD" $redis
  "KRONSTREAM_REDIS_SENTINEL_USERNAME" $redis "KRONSTREAM_REDIS_SENTINEL_PASSWORD" $redis
  "KRONSTREAM_STREAM_NAME" "redis.streamName" "KRONSTREAM_CONSUMER_GROUP" "redis.consumerGroup"
  "KRONSTREAM_INSTALLATION" "redis.installation"
  "KRONSTREAM_LOG_FORMAT" "log.format" "KRONSTREAM_LOG_LEVEL" "log.level" "KRONSTREAM_NAMESPACES" "namespaces"
  "KRONSTREAM_PAUSES" "operator.pauses"
  "KRONSTREAM_SERVES" "serves of the pool"
  "KRONSTREAM_EVENT_STREAMS" "router.streams" "KRONSTREAM_CLOSED_STREAMS" "settings of the pools"
  "KRONSTREAM_QUEUE" $pool "KRONSTREAM_CONCURRENCY" $pool "KRONSTREAM_HANDLERS" $pool "KRONSTREAM_GRACE" $pool
  "KRONSTREAM_API_AUDIENCES" "api.audiences" "KRONSTREAM_API_TLS_CERT" "api.tls" "KRONSTREAM_API_TLS_KEY" "api.tls"
  "KRONSTREAM_RUNS_SERVICE" $runs "KRONSTREAM_RUNS_CA" $runs "KRONSTREAM_RUNS_PORT" $runs -}}
{{- if .Values.traces.endpoint }}{{ $_ := set $made "OTEL_EXPORTER_OTLP_ENDPOINT" "traces.endpoint" }}{{ end -}}
{{- if .Values.traces.headersSecret.name }}{{ $_ := set $made "OTEL_EXPORTER_OTLP_HEADERS" "traces.headersSecret" }}{{ end -}}
{{- if .Values.traces.caSecret.name }}{{ $_ := set $made "OTEL_EXPORTER_OTLP_CERTIFICATE" "traces.caSecret" }}{{ end -}}
{{- $packed := list -}}
{{- range .Values.workers }}{{ $hands := (include "kronstream.pool" (dict "root" $ "pool" .) | fromJson).handlers }}{{ if or $hands.packages $hands.requirements }}{{ $packed = append $packed (printf "workers: pool %s: " .name) }}{{ end }}{{ end -}}
{{- if $packed }}{{ $packed = append $packed "workerDefaults" }}{{ end -}}
{{- range $name, $part := $all -}}
{{- $path := ternary $name (printf "%s." $name) (contains ":" $name) -}}
{{- $seen := dict -}}
{{- range $one := $part.env -}}
{{- $key := $one.name -}}
{{- if hasKey $made $key -}}
{{- $said = append $said (printf "%senv: %s is made by the chart: write %s instead" $path $key (get $made $key)) -}}
{{- else if and (eq $key "PYTHONPATH") (has $name $packed) -}}
{{- $said = append $said (printf "%senv: PYTHONPATH leads to what handlers.packages or handlers.requirements install: put the modules into an image or name their folders in handlers.names, and leave it out" $path) -}}
{{- else if has $key (list "KRONSTREAM_CONSUMER_NAME" "KRONSTREAM_METRICS_PORT" "KRONSTREAM_API_METRICS_PORT") -}}
{{- $said = append $said (printf "%senv: %s is made by the chart: leave it out" $path $key) -}}
{{- else if hasKey $seen $key -}}
{{- $said = append $said (printf "%senv: %s is there twice: write it once" $path $key) -}}
{{- else if hasKey ($part.settings | default dict) $key -}}
{{- $said = append $said (printf "%senv: %s is among settings, too: write it there alone" $path $key) -}}
{{- end -}}
{{- $_ := set $seen $key true -}}
{{- end -}}
{{- end -}}
{{- toJson $said -}}
{{- end -}}
