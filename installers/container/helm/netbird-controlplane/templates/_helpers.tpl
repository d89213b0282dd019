{{- define "netbird.labels" -}}
app.kubernetes.io/name: netbird-controlplane
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "netbird.selector" -}}
app.kubernetes.io/name: netbird-controlplane
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
