{{- define "sotto.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "sotto.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: node
{{- end }}

{{- define "sotto.labels" -}}
{{ include "sotto.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "sotto.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "sotto.modelsVolume" -}}
{{- if and .Values.models.persistence.enabled (or .Values.models.persistence.existingClaim (ne .Values.models.persistence.accessMode "ReadWriteOnce")) -}}
persistentVolumeClaim: { claimName: {{ .Values.models.persistence.existingClaim | default (printf "%s-models" (include "sotto.name" .)) }} }
{{- else -}}
{{- /* A claim of one writer cannot be shared by several nodes: each keeps its own copy. */ -}}
emptyDir: { sizeLimit: {{ .Values.models.persistence.size }} }
{{- end }}
{{- end }}

{{- define "sotto.environment" -}}
- { name: SOTTO_HOST, value: 0.0.0.0 }
- { name: SOTTO_PORT, value: '8080' }
# A node starts without a key and lets nobody in until one was made.
- { name: SOTTO_KEYS, value: required }
- { name: SOTTO_DATA_DIR, value: /data/store }
- { name: SOTTO_MODELS, value: /data/models }
- { name: XDG_CACHE_HOME, value: /tmp/cache }
- { name: HF_HOME, value: /data/models/hub }
- { name: SOTTO_MAX_CONNECTIONS, value: {{ .Values.streamsPerNode | quote }} }
- { name: SOTTO_DRAIN_TIMEOUT_MS, value: {{ mul .Values.drainSeconds 1000 | quote }} }
- { name: SOTTO_TRUSTED_PROXIES, value: {{ .Values.trustedProxies | quote }} }
{{- if .Values.redis.secretName }}
- name: SOTTO_REDIS_URL
  valueFrom: { secretKeyRef: { name: {{ .Values.redis.secretName }}, key: url } }
{{- else if .Values.redis.url }}
- { name: SOTTO_REDIS_URL, value: {{ .Values.redis.url | quote }} }
{{- end }}
{{- if .Values.vllm.enabled }}
- { name: SOTTO_POLISH_URL, value: {{ printf "http://%s-vllm:8000/v1" (include "sotto.name" .) | quote }} }
- { name: SOTTO_POLISH_MODEL, value: {{ .Values.vllm.model | quote }} }
{{- end }}
{{- range $name, $value := .Values.settings }}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{- end }}
{{- end }}
