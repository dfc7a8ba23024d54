{{/* Ports of a rule, as a JSON list: (dict "protocols" list "ports" list). */}}
{{- define "kronstream.network.ports" -}}
{{- $made := list -}}
{{- range $port := .ports -}}
{{- range $protocol := $.protocols }}{{ $made = append $made (dict "protocol" $protocol "port" (int $port)) }}{{ end -}}
{{- end -}}
{{- toJson $made -}}
{{- end -}}

{{/* A rule of egress as JSON; without "to" it leads anywhere: (dict "to" peers "protocols" list "ports" list). */}}
{{- define "kronstream.network.rule" -}}
{{- $rule := dict "ports" (include "kronstream.network.ports" . | fromJsonArray) -}}
{{- with .to }}{{ $_ := set $rule "to" . }}{{ end -}}
{{- toJson $rule -}}
{{- end -}}

{{/* Pods of a component as a peer, as JSON: arguments of the selector. */}}
{{- define "kronstream.network.peer" -}}
{{- dict "podSelector" (dict "matchLabels" (include "kronstream.selector" . | fromYaml)) | toJson -}}
{{- end -}}

{{/* What parts may connect to, as JSON {dns, redis, apiServer, traces, more}: each a list of rules. */}}
{{- define "kronstream.network.egress" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $tcp := list "TCP" -}}
{{- $servers := list -}}
{{- range $policy.apiServer.cidrs }}{{ $servers = append $servers (dict "ipBlock" (dict "cidr" .)) }}{{ end -}}
{{- $ports := list .Values.redis.port -}}
{{- range .Values.redis.sentinel.addresses }}{{ $ports = append $ports (regexFind ":[0-9]{1,5}$" . | trimPrefix ":" | default "26379" | int) }}{{ end -}}
{{- $redis := dict "protocols" $tcp "to" $policy.redis.to "ports" ($policy.redis.ports | default (uniq $ports)) -}}
{{- if .Values.redis.embedded.enabled -}}
{{- $own := include "kronstream.network.peer" (dict "root" $ "component" "redis") | fromJson -}}
{{- $redis = dict "protocols" $tcp "to" (list $own) "ports" (list 6379) -}}
{{- else if and .Values.redis.existingSecret.name (not $policy.redis.ports) -}}
{{- fail "networkPolicy: the port of Redis is in the Secret of redis.existingSecret, which helm does not read: write it down, as networkPolicy.redis.ports=[6379]" -}}
{{- end -}}
{{- $traces := list -}}
{{- if .Values.traces.endpoint -}}
{{- $ports := $policy.traces.ports | default (list (include "kronstream.traces.port" . | int)) -}}
{{- $traces = list (include "kronstream.network.rule" (dict "protocols" $tcp "to" $policy.traces.to "ports" $ports) | fromJson) -}}
{{- end -}}
{{- dict
  "dns" (list (include "kronstream.network.rule" (dict "protocols" (list "UDP" "TCP") "to" $policy.dns.to "ports" $policy.dns.ports) | fromJson))
  "redis" (list (include "kronstream.network.rule" $redis | fromJson))
  "apiServer" (list (include "kronstream.network.rule" (dict "protocols" $tcp "to" $servers "ports" $policy.apiServer.ports) | fromJson))
  "traces" $traces
  "more" $policy.egress
| toJson -}}
{{- end -}}

{{/* Who may call the API, as a JSON list of peers; from outside the cluster no selector lets anybody in. */}}
{{- define "kronstream.network.callers" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $blocks := 0 -}}
{{- range $policy.apiFrom }}{{ if .ipBlock }}{{ $blocks = add1 $blocks }}{{ end }}{{ end -}}
{{- if and (ne .Values.api.service.type "ClusterIP") (not $blocks) -}}
{{- fail (printf "networkPolicy.apiFrom: callers of a Service of type %s come from addresses, and selectors let only Pods in: add them, as {ipBlock: {cidr: 203.0.113.0/24}}, or {ipBlock: {cidr: 0.0.0.0/0}} and {ipBlock: {cidr: \"::/0\"}} for anybody" .Values.api.service.type) -}}
{{- end -}}
{{- $callers := $policy.apiFrom -}}
{{- if .Values.tests.enabled }}{{ $callers = append $callers (include "kronstream.network.peer" (dict "root" $ "component" "test") | fromJson) }}{{ end -}}
{{- uniq $callers | toJson -}}
{{- end -}}
