{{- define "lychgate.name" -}}
{{- if contains "lychgate" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-lychgate" (.Release.Name | trunc 31 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- /* Takes a list: the root, and the component. */ -}}
{{- define "lychgate.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: lychgate
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "lychgate.labels" -}}
{{- $root := index . 0 -}}
{{ include "lychgate.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- define "lychgate.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- /* Where each process listens; over whatever `config` says besides. */ -}}
{{- define "lychgate.listens" -}}
companion:
  listen: {{ printf "%s:8800" .Values.listen | quote }}
  trusted_proxies: {{ toJson .Values.trustedProxies }}
extauthz:
  listen: [{{ printf "%s:9001" .Values.listen | quote }}]
  metrics: {{ printf "%s:9101" .Values.listen | quote }}
http_check:
  listen: [{{ printf "%s:9002" .Values.listen | quote }}]
  metrics: {{ printf "%s:9102" .Values.listen | quote }}
  trusted_peers: {{ toJson .Values.trustedProxies }}
zero_hop:
  listen: "127.0.0.1:9003"
  metrics: {{ printf "%s:9103" .Values.listen | quote }}
health:
  listen: {{ printf "%s:8801" .Values.listen | quote }}
admin:
  listen: "127.0.0.1:8802"
{{- end -}}

{{- /* The file of the servers: what is in force they read from the database. */ -}}
{{- define "lychgate.servers" -}}
{{- $listens := include "lychgate.listens" . | fromYaml -}}
{{- if not .Values.zeroHop.enabled -}}{{- $_ := unset $listens "zero_hop" -}}{{- end -}}
{{- mustMergeOverwrite (dict "log" (dict "format" "json")) (omit (deepCopy .Values.config) "resources") $listens | toYaml -}}
{{- end -}}

{{- /* The file of the companion app, which brings `resources` into the database. */ -}}
{{- define "lychgate.companion" -}}
{{- $listens := omit (include "lychgate.listens" . | fromYaml) "http_check" "zero_hop" -}}
{{- mustMergeOverwrite (dict "log" (dict "format" "json")) (omit (deepCopy .Values.config) "http_check" "zero_hop") $listens | toYaml -}}
{{- end -}}

{{- define "lychgate.environment" -}}
{{- $root := index . 0 -}}
- name: LYCHGATE_MASTER_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $root.Values.masterKey.existingSecret | quote }}
      key: {{ $root.Values.masterKey.key | quote }}
{{- range $name, $at := index . 1 }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $at.name | quote }}, key: {{ $at.key | quote }}}
{{- end }}
{{- end -}}

{{- define "lychgate.mounts" -}}
- {name: configuration, mountPath: /etc/lychgate, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "lychgate.volumes" -}}
{{- $root := index . 0 -}}
- name: configuration
  configMap: {name: {{ index . 1 }}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with $root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "lychgate.closed" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* What every pod has. */ -}}
{{- define "lychgate.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- end -}}

{{- define "lychgate.spread" -}}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "lychgate.selector" . | nindent 6 }}
{{- end -}}

{{- define "lychgate.probes" -}}
readinessProbe:
  httpGet: {path: /readyz, port: {{ . }}}
  periodSeconds: 2
  timeoutSeconds: 3
livenessProbe:
  httpGet: {path: /healthz, port: {{ . }}}
  initialDelaySeconds: 30
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end -}}
