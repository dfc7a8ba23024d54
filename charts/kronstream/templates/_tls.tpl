{{/* The Secret of a component's certificate: (dict "root" $ "component" "runs" "tls" values). */}}
{{- define "kronstream.tls.secret" -}}
{{- .tls.existingSecret | default (printf "%s-%s-tls" (include "kronstream.fullname" .root) .component) -}}
{{- end -}}

{{/*
A certificate made by helm, as JSON {ca, crt, key, made}: the one of the installed Secret where it is young enough,
else a new one. `lookup` finds nothing in `helm template`, and so in Argo CD: each makes new ones every time.
*/}}
{{- define "kronstream.tls.made" -}}
{{- $secret := include "kronstream.tls.secret" . -}}
{{- $service := printf "%s-%s" (include "kronstream.fullname" .root) .component -}}
{{- $days := int .root.Values.certificates.days -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace $secret -}}
{{- $made := int64 0 -}}
{{- if $found }}{{ $made = dig "metadata" "annotations" "kronstream.dev/certificate-made" "0" $found | int64 }}{{ end -}}
{{- if and $found (gt (add $made (div (mul $days 86400) 2)) (now | unixEpoch | int64)) -}}
{{- dict "ca" (index $found.data "ca.crt") "crt" (index $found.data "tls.crt") "key" (index $found.data "tls.key") "made" ($made | toString) | toJson -}}
{{- else -}}
{{- $names := list $service (printf "%s.%s" $service .root.Release.Namespace) (printf "%s.%s.svc" $service .root.Release.Namespace) (printf "%s.%s.svc.cluster.local" $service .root.Release.Namespace) -}}
{{- $ca := genCA (printf "%s-ca" $service) $days -}}
{{- $pair := genSignedCert (printf "%s.%s.svc" $service .root.Release.Namespace) nil $names $days $ca -}}
{{- dict "ca" ($ca.Cert | b64enc) "crt" ($pair.Cert | b64enc) "key" ($pair.Key | b64enc) "made" (now | unixEpoch) | toJson -}}
{{- end -}}
{{- end -}}

{{/* The Secret, or what has cert-manager make it: as above with "made" of the template before. */}}
{{- define "kronstream.tls.object" -}}
{{- $root := .root -}}
{{- $secret := include "kronstream.tls.secret" . -}}
{{- $service := printf "%s-%s" (include "kronstream.fullname" $root) .component -}}
{{- $labels := dict "root" $root "component" .label "pool" "" -}}
{{- if eq $root.Values.certificates.source "certManager" }}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: {{ $secret }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "kronstream.labels" $labels | nindent 4 }}
spec:
  secretName: {{ $secret }}
  dnsNames:
  - {{ $service }}.{{ $root.Release.Namespace }}.svc
  - {{ $service }}.{{ $root.Release.Namespace }}
  - {{ $service }}
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  issuerRef:
    kind: {{ $root.Values.certificates.issuer.kind }}
    name: {{ $root.Values.certificates.issuer.name | default (printf "%s-ca" (include "kronstream.fullname" $root)) }}
{{- else }}
apiVersion: v1
kind: Secret
metadata:
  name: {{ $secret }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "kronstream.labels" $labels | nindent 4 }}
  annotations:
    kronstream.dev/certificate-made: {{ .made.made | quote }}
type: kubernetes.io/tls
data:
  ca.crt: {{ .made.ca }}
  tls.crt: {{ .made.crt }}
  tls.key: {{ .made.key }}
{{- end }}
{{- end -}}
