{{/* Where spans go, for the parts that tell them: operators and workers. */}}
{{- define "kronstream.traces.env" -}}
{{- with .Values.traces }}
{{- if .endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
{{- with .headersSecret.name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ . | toYaml }}
      key: {{ $.Values.traces.headersSecret.key | toYaml }}
{{- end }}
{{- if .caSecret.name }}
- name: OTEL_EXPORTER_OTLP_CERTIFICATE
  value: /etc/kronstream/traces-ca/ca.crt
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kronstream.traces.mounts" -}}
{{- if and .Values.traces.endpoint .Values.traces.caSecret.name }}
- name: traces-ca
  mountPath: /etc/kronstream/traces-ca
  readOnly: true
{{- end }}
{{- end -}}

{{- define "kronstream.traces.volumes" -}}
{{- with .Values.traces.caSecret }}
{{- if and $.Values.traces.endpoint .name }}
- name: traces-ca
  secret:
    secretName: {{ .name | toYaml }}
    items:
    - {key: {{ .key | toYaml }}, path: ca.crt}
{{- end }}
{{- end }}
{{- end -}}

{{/* The port of the collector, as its address says. */}}
{{- define "kronstream.traces.port" -}}
{{- $url := urlParse .Values.traces.endpoint -}}
{{- $said := regexFind ":[0-9]+$" $url.host -}}
{{- if $said }}{{ trimPrefix ":" $said }}{{ else }}{{ ternary 443 80 (eq $url.scheme "https") }}{{ end -}}
{{- end -}}
