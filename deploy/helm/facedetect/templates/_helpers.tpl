{{- define "facedetect.selector" -}}
app.kubernetes.io/name: facedetect
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "facedetect.metadata" -}}
name: {{ .Release.Name }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "facedetect.selector" . | nindent 2 }}
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
