{{- define "streetward.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "streetward.labels" -}}
app.kubernetes.io/name: streetward
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- /* Call with (dict "root" . "component" "hub"). */ -}}
{{- define "streetward.selector" -}}
app.kubernetes.io/name: streetward
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "streetward.secret" -}}
{{- .Values.secret.existing | default (include "streetward.name" .) -}}
{{- end }}

{{- define "streetward.workerImage" -}}
{{- $gpu := or (gt (int .Values.workers.gpus) 0) (gt (float64 .Values.ray.gpusPerWorker) 0.0) -}}
{{- printf "%s:%s" .Values.image.repository (ternary .Values.image.cudaTag .Values.image.tag $gpu) -}}
{{- end }}

{{- /* The city's file: what the values say, and where its servers are. */ -}}
{{- define "streetward.city" -}}
{{- $scheme := ternary "https" "http" (ne .Values.ingress.tlsSecret "") -}}
{{- $server := dict "host" "0.0.0.0" "port" 8000 -}}
{{- if .Values.ingress.enabled -}}
{{- $_ := set $server "public_url" (printf "%s://%s" $scheme .Values.ingress.host) -}}
{{- end -}}
{{- $ours := dict
      "data" "/var/lib/streetward"
      "database" "${STREETWARD_DATABASE}"
      "redis" "${STREETWARD_REDIS}"
      "evidence" .Values.evidence
      "server" $server -}}
{{- toYaml (mergeOverwrite (dict "server" $server) (deepCopy .Values.city) $ours) -}}
{{- end }}

{{- define "streetward.plainEnvironment" -}}
{{- range $name, $value := .Values.environment }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- /* Ray's pods and the fleet know each other by one token. */ -}}
{{- define "streetward.rayToken" -}}
- name: RAY_AUTH_MODE
  value: token
- name: RAY_AUTH_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ include "streetward.secret" . }}
      key: RAY_AUTH_TOKEN
{{- end }}

{{- define "streetward.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "streetward.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Pods start anew when the city's file or the chart's own secret changes. */ -}}
{{- define "streetward.podAnnotations" -}}
streetward/config: {{ include "streetward.city" . | sha256sum }}
streetward/secret: {{ .Values.secret.values | toJson | sha256sum }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "streetward.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
