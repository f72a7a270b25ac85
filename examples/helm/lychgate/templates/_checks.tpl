{{- /* What the schema cannot say in plain words. */ -}}
{{- define "lychgate.check" -}}
{{- $v := .Values -}}
{{- if not (regexMatch "^https://" (default "" $v.config.team.url)) -}}
{{- fail "config.team.url must be the https URL of the login page, such as https://login.example.com" -}}
{{- end -}}
{{- if not (hasPrefix "postgresql://" $v.config.store) -}}
{{- fail "config.store must be postgresql://…: several pods cannot share a SQLite file" -}}
{{- end -}}
{{- if regexMatch "^postgresql://[^:@/]*:[^$@][^@]*@" $v.config.store -}}
{{- fail "config.store holds a password: write ${ENV:NAME} in its place, and name the Secret in secrets.NAME" -}}
{{- end -}}
{{- if not $v.masterKey.existingSecret -}}
{{- fail "masterKey.existingSecret must name a Secret with the master key; the README says how to make one" -}}
{{- end -}}
{{- if or (hasKey $v.secrets "LYCHGATE_MASTER_KEY") (hasKey $v.migration.secrets "LYCHGATE_MASTER_KEY") -}}
{{- fail "secrets.LYCHGATE_MASTER_KEY is set by the chart: give it in masterKey" -}}
{{- end -}}
{{- if not $v.trustedProxies -}}
{{- fail "trustedProxies must name the addresses or networks of the proxies' pods, such as 10.244.0.0/16" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled (not $v.networkPolicy.proxies) (not $v.envoy.enabled) -}}
{{- fail "networkPolicy.proxies must say which pods are the proxies, or nobody reaches the gate" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled $v.serviceMonitor.enabled (not $v.networkPolicy.monitoring) -}}
{{- fail "networkPolicy.monitoring must say which pods may read metrics, or serviceMonitor gets none" -}}
{{- end -}}
{{- if and $v.envoy.enabled (not $v.decision.enabled) -}}
{{- fail "envoy.enabled needs decision.enabled: Envoy asks over gRPC" -}}
{{- end -}}
{{- if and $v.zeroHop.enabled (not $v.envoy.enabled) -}}
{{- fail "zeroHop.enabled needs envoy.enabled: it runs beside Envoy, where nobody else reaches it" -}}
{{- end -}}
{{- if $v.config.master_key_file -}}
{{- fail "config.master_key_file is not for this chart: use masterKey.existingSecret" -}}
{{- end -}}
{{- range $section, $members := include "lychgate.listens" . | fromYaml -}}
{{- range $member, $_ := $members -}}
{{- if hasKey (default dict (index $v.config $section)) $member -}}
{{- fail (printf "config.%s.%s is set by the chart: leave it out" $section $member) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range list "extauthz" "http_check" -}}
{{- if hasKey (default dict (index $v.config .)) "workers" -}}
{{- fail (printf "config.%s.workers is not for this chart: each pod is one worker, add replicas" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
