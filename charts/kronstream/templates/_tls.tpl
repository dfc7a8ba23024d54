{{/* The Secret of a component's certificate: (dict "root" $ "component" "runs" "tls" values). */}}
{{- define "kronstream.tls.secret" -}}
{{- .tls.existingSecret | default (printf "%s-%s-tls" (include "kronstream.fullname" .root) .component) -}}
{{- end -}}

{{/* Days that a certificate made by helm is good for. */}}
{{- define "kronstream.tls.days" -}}
{{- .Values.certificates.days | default 730 -}}
{{- end -}}

{{/*
The authority of a component, made by helm, as JSON {crt, key, bundle, made}. It is kept as long as it outlives what it
signs, 20 years in all; after that a new one, and the bundle has the old one too, so that nobody is refused while
processes still show what the old one signed.
*/}}
{{- define "kronstream.tls.authority" -}}
{{- $name := printf "%s-%s-ca" (include "kronstream.fullname" .root) .component -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace $name -}}
{{- $made := int64 0 -}}
{{- if $found }}{{ $made = dig "metadata" "annotations" "kronstream.dev/certificate-made" "0" $found | int64 }}{{ end -}}
{{- if and $found (gt (add $made (mul (sub 7300 (include "kronstream.tls.days" .root | int)) 86400)) (now | unixEpoch | int64)) -}}
{{- dict "crt" (index $found.data "tls.crt") "key" (index $found.data "tls.key") "bundle" (index $found.data "ca.crt") "made" ($made | toString) | toJson -}}
{{- else -}}
{{- $ca := genCA $name 7300 -}}
{{- $before := "" -}}
{{- if $found }}{{ $before = index $found.data "tls.crt" | b64dec }}{{ end -}}
{{- dict "crt" ($ca.Cert | b64enc) "key" ($ca.Key | b64enc) "bundle" (printf "%s%s" $ca.Cert $before | b64enc) "made" (now | unixEpoch) | toJson -}}
{{- end -}}
{{- end -}}

{{/*
A certificate made by helm, as JSON {ca, crt, key, made, authority}: the one of the installed Secret where it is young
enough and of this authority, else a new one. `lookup` finds nothing in `helm template`, and so in Argo CD: each makes
new ones every time.
*/}}
{{- define "kronstream.tls.made" -}}
{{- $secret := include "kronstream.tls.secret" . -}}
{{- $service := printf "%s-%s" (include "kronstream.fullname" .root) .component -}}
{{- $days := include "kronstream.tls.days" .root | int -}}
{{- $authority := include "kronstream.tls.authority" . | fromJson -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace $secret -}}
{{- $made := int64 0 -}}
{{- if $found }}{{ $made = dig "metadata" "annotations" "kronstream.dev/certificate-made" "0" $found | int64 }}{{ end -}}
{{- $own := and $found (eq (index $found.data "ca.crt" | default "") $authority.bundle) -}}
{{- if and $own (gt (add $made (div (mul $days 86400) 2)) (now | unixEpoch | int64)) -}}
{{- dict "ca" $authority.bundle "crt" (index $found.data "tls.crt") "key" (index $found.data "tls.key") "made" ($made | toString) "authority" $authority | toJson -}}
{{- else -}}
{{- $names := list $service (printf "%s.%s" $service .root.Release.Namespace) (printf "%s.%s.svc" $service .root.Release.Namespace) (printf "%s.%s.svc.cluster.local" $service .root.Release.Namespace) -}}
{{- $ca := buildCustomCert $authority.crt $authority.key -}}
{{- $pair := genSignedCert (printf "%s.%s.svc" $service .root.Release.Namespace) nil $names $days $ca -}}
{{- dict "ca" $authority.bundle "crt" ($pair.Cert | b64enc) "key" ($pair.Key | b64enc) "made" (now | unixEpoch) "authority" $authority | toJson -}}
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
  name: {{ $secret | toYaml }}
  namespace: {{ $root.Release.Namespace | toYaml }}
  labels:
    {{- include "kronstream.labels" $labels | nindent 4 }}
spec:
  secretName: {{ $secret | toYaml }}
  dnsNames:
  - {{ $service }}.{{ $root.Release.Namespace }}.svc
  - {{ $service }}.{{ $root.Release.Namespace }}
  - {{ $service }}
  {{- with $root.Values.certificates.days }}
  # cert-manager renews it when a third of what it was given is left
  duration: {{ mul (int .) 24 }}h
  {{- end }}
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  issuerRef:
    {{- with $root.Values.certificates.issuer.group }}
    group: {{ . | toYaml }}
    {{- end }}
    kind: {{ $root.Values.certificates.issuer.kind | toYaml }}
    name: {{ $root.Values.certificates.issuer.name | default (printf "%s-ca" (include "kronstream.fullname" $root)) | toYaml }}
{{- else }}
apiVersion: v1
kind: Secret
metadata:
  name: {{ $secret | toYaml }}
  namespace: {{ $root.Release.Namespace | toYaml }}
  labels:
    {{- include "kronstream.labels" $labels | nindent 4 }}
  annotations:
    kronstream.dev/certificate-made: {{ .made.made | quote }}
type: kubernetes.io/tls
data:
  ca.crt: {{ .made.ca }}
  tls.crt: {{ .made.crt }}
  tls.key: {{ .made.key }}
---
# the authority that signs what is renewed; no Pod has it
apiVersion: v1
kind: Secret
metadata:
  name: {{ $service }}-ca
  namespace: {{ $root.Release.Namespace | toYaml }}
  labels:
    {{- include "kronstream.labels" $labels | nindent 4 }}
  annotations:
    kronstream.dev/certificate-made: {{ .made.authority.made | quote }}
type: kubernetes.io/tls
data:
  ca.crt: {{ .made.authority.bundle }}
  tls.crt: {{ .made.authority.crt }}
  tls.key: {{ .made.authority.key }}
{{- end }}
{{- end -}}
