{{/* Exactly one way to Redis is said. */}}
{{- define "kronstream.redis.check" -}}
{{- $redis := .Values.redis -}}
{{- $ways := 0 -}}
{{- if $redis.existingSecret.name }}{{ $ways = add1 $ways }}{{ end -}}
{{- if $redis.host }}{{ $ways = add1 $ways }}{{ end -}}
{{- if $redis.embedded.enabled }}{{ $ways = add1 $ways }}{{ end -}}
{{- if $redis.sentinel.master }}{{ $ways = add1 $ways }}{{ end -}}
{{- if ne (int $ways) 1 -}}
{{- fail (printf "redis: say exactly one of redis.host, redis.sentinel.master, redis.existingSecret.name (a Secret with the whole address) and redis.embedded.enabled=true (to try); %d are said" (int $ways)) -}}
{{- end -}}
{{- if and $redis.sentinel.master (not $redis.sentinel.addresses) -}}
{{- fail "redis.sentinel.master needs redis.sentinel.addresses: where the Sentinels are" -}}
{{- end -}}
{{- if and (not $redis.sentinel.master) (or $redis.sentinel.addresses $redis.sentinel.username $redis.sentinel.passwordSecret.name) -}}
{{- fail "redis.sentinel needs redis.sentinel.master: the name under which the Sentinels watch the primary" -}}
{{- end -}}
{{- if and $redis.sentinel.username (not $redis.sentinel.passwordSecret.name) -}}
{{- fail "redis.sentinel.username needs a password: say redis.sentinel.passwordSecret.name" -}}
{{- end -}}
{{- if and (not $redis.host) (not $redis.sentinel.master) (or $redis.tls.enabled $redis.username $redis.passwordSecret.name) -}}
{{- fail "redis.tls, redis.username and redis.passwordSecret belong to redis.host and redis.sentinel; a Secret of redis.existingSecret holds the whole address, as rediss://user:password@host:6379/0" -}}
{{- end -}}
{{- if and $redis.username (not $redis.passwordSecret.name) -}}
{{- fail "redis.username needs a password: say redis.passwordSecret.name" -}}
{{- end -}}
{{- end -}}

{{- define "kronstream.redis.host" -}}
{{- if .Values.redis.embedded.enabled }}{{ include "kronstream.fullname" . }}-redis{{ else }}{{ .Values.redis.host }}{{ end -}}
{{- end -}}

{{- define "kronstream.redis.embeddedsecret" -}}
{{- .Values.redis.embedded.existingSecret | default (printf "%s-redis" (include "kronstream.fullname" .)) -}}
{{- end -}}

{{/* Environment that tells a program where Redis is. */}}
{{- define "kronstream.redis.env" -}}
{{- include "kronstream.redis.check" . -}}
{{- $redis := .Values.redis -}}
- name: KRONSTREAM_REDIS_URL
{{- if $redis.existingSecret.name }}
  valueFrom:
    secretKeyRef:
      name: {{ $redis.existingSecret.name | toYaml }}
      key: {{ $redis.existingSecret.key | toYaml }}
{{- with $redis.existingSecret.passwordKey }}
- name: KRONSTREAM_REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $redis.existingSecret.name | toYaml }}
      key: {{ . | toYaml }}
      optional: true
{{- end }}
{{- else if $redis.embedded.enabled }}
  value: redis://{{ include "kronstream.redis.host" . }}:6379/0
- name: KRONSTREAM_REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "kronstream.redis.embeddedsecret" . | toYaml }}
      key: password
{{- else }}
  {{- $query := list }}
  {{- if $redis.tls.enabled }}
  {{- if $redis.tls.caSecret.name }}{{ $query = append $query "ssl_ca_certs=/etc/kronstream/redis-ca/ca.crt" }}{{ end }}
  {{- if $redis.tls.clientSecret }}{{ $query = concat $query (list "ssl_certfile=/etc/kronstream/redis-client/tls.crt" "ssl_keyfile=/etc/kronstream/redis-client/tls.key") }}{{ end }}
  {{- end }}
  {{- $scheme := ternary "rediss" "redis" $redis.tls.enabled }}
  {{- $place := printf "%s://%s:%d" $scheme $redis.host (int $redis.port) }}
  {{- if $redis.sentinel.master }}
  {{- $place = printf "%s+sentinel://%s/%s" $scheme (join "," $redis.sentinel.addresses) $redis.sentinel.master }}
  {{- end }}
  value: {{ printf "%s/%d%s%s" $place (int $redis.database) (ternary "?" "" (gt (len $query) 0)) (join "&" $query) | quote }}
{{- with $redis.username }}
- name: KRONSTREAM_REDIS_USERNAME
  value: {{ . | quote }}
{{- end }}
{{- with $redis.passwordSecret.name }}
- name: KRONSTREAM_REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . | toYaml }}
      key: {{ $redis.passwordSecret.key | toYaml }}
{{- end }}
{{- with $redis.sentinel.username }}
- name: KRONSTREAM_REDIS_SENTINEL_USERNAME
  value: {{ . | quote }}
{{- end }}
{{- with $redis.sentinel.passwordSecret.name }}
- name: KRONSTREAM_REDIS_SENTINEL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ . | toYaml }}
      key: {{ $redis.sentinel.passwordSecret.key | toYaml }}
{{- end }}
{{- end }}
- name: KRONSTREAM_INSTALLATION
  value: {{ $redis.installation | default (printf "%s/%s" .Release.Namespace .Release.Name) | quote }}
{{- if ne $redis.streamName "stream:scheduler:job.dispatch" }}
- name: KRONSTREAM_STREAM_NAME
  value: {{ $redis.streamName | quote }}
{{- end }}
{{- if ne $redis.consumerGroup "scheduler-workers" }}
- name: KRONSTREAM_CONSUMER_GROUP
  value: {{ $redis.consumerGroup | quote }}
{{- end }}
{{- end -}}

{{- define "kronstream.redis.mounts" -}}
{{- if .Values.redis.tls.enabled }}
{{- if .Values.redis.tls.caSecret.name }}
- name: redis-ca
  mountPath: /etc/kronstream/redis-ca
  readOnly: true
{{- end }}
{{- if .Values.redis.tls.clientSecret }}
- name: redis-client
  mountPath: /etc/kronstream/redis-client
  readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{- define "kronstream.redis.volumes" -}}
{{- if .Values.redis.tls.enabled }}
{{- with .Values.redis.tls.caSecret }}
{{- if .name }}
- name: redis-ca
  secret:
    secretName: {{ .name | toYaml }}
    items:
    - {key: {{ .key | toYaml }}, path: ca.crt}
{{- end }}
{{- end }}
{{- with .Values.redis.tls.clientSecret }}
- name: redis-client
  secret:
    secretName: {{ . | toYaml }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end -}}

{{/* Where keda finds Redis, as metadata of a trigger. */}}
{{- define "kronstream.redis.kedaplace" -}}
{{- $redis := .Values.redis -}}
{{- if $redis.sentinel.master -}}
{{- $addresses := list -}}
{{- range $redis.sentinel.addresses }}{{ $addresses = append $addresses (ternary . (printf "%s:26379" .) (regexMatch ":[0-9]{1,5}$" . )) }}{{ end -}}
addresses: {{ join "," $addresses | quote }}
sentinelMaster: {{ $redis.sentinel.master | quote }}
{{- else -}}
address: {{ include "kronstream.redis.host" . }}:{{ ternary 6379 (int $redis.port) $redis.embedded.enabled }}
{{- end }}
databaseIndex: {{ ternary 0 (int $redis.database) $redis.embedded.enabled | quote }}
{{- if and $redis.tls.enabled (not $redis.embedded.enabled) }}
enableTLS: "true"
{{- end }}
{{- end -}}

{{/* What keda shows to Redis, as the spec of a TriggerAuthentication; empty where it needs nothing. */}}
{{- define "kronstream.redis.kedalogin" -}}
{{- $redis := .Values.redis -}}
{{- $secrets := list -}}
{{- if $redis.embedded.enabled -}}
{{- $secrets = append $secrets (dict "parameter" "password" "name" (include "kronstream.redis.embeddedsecret" .) "key" "password") -}}
{{- else if $redis.passwordSecret.name -}}
{{- $secrets = append $secrets (dict "parameter" "password" "name" $redis.passwordSecret.name "key" $redis.passwordSecret.key) -}}
{{- end -}}
{{- with $redis.sentinel.passwordSecret -}}
{{- if .name }}{{ $secrets = append $secrets (dict "parameter" "sentinelPassword" "name" .name "key" .key) }}{{ end -}}
{{- end -}}
{{- if and $redis.tls.enabled $redis.tls.caSecret.name -}}
{{- $secrets = append $secrets (dict "parameter" "ca" "name" $redis.tls.caSecret.name "key" $redis.tls.caSecret.key) -}}
{{- end -}}
{{- if and $redis.tls.enabled $redis.tls.clientSecret -}}
{{- range $parameter, $key := dict "cert" "tls.crt" "key" "tls.key" -}}
{{- $secrets = append $secrets (dict "parameter" $parameter "name" $redis.tls.clientSecret "key" $key) -}}
{{- end -}}
{{- end -}}
{{- $login := dict -}}
{{- with $secrets }}{{ $_ := set $login "secretTargetRef" . }}{{ end -}}
{{- $told := list -}}
{{- if $redis.username }}{{ $told = append $told (dict "parameter" "username" "name" "KRONSTREAM_REDIS_USERNAME" "containerName" "worker") }}{{ end -}}
{{- if $redis.sentinel.username }}{{ $told = append $told (dict "parameter" "sentinelUsername" "name" "KRONSTREAM_REDIS_SENTINEL_USERNAME" "containerName" "worker") }}{{ end -}}
{{- with $told }}{{ $_ := set $login "env" . }}{{ end -}}
{{- if $login }}{{ toYaml $login }}{{ end -}}
{{- end -}}
