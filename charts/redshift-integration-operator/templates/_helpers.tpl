{{- define "operator.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "operator.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "operator.name" .) }}
{{- end }}

{{- define "operator.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* What the operator may do with the resources and what they refer to. */}}
{{- define "operator.rules" -}}
- apiGroups: [redshift-governance.dev]
  resources: [redshiftintegrations, redshiftdatasources]
  # patch: the finalizer, and nothing else of the resource.
  verbs: [get, list, watch, patch]
- apiGroups: [redshift-governance.dev]
  resources: [redshiftuserprofiles, redshiftuserprofilesources]
  verbs: [get, list, watch]
- apiGroups: [redshift-governance.dev]
  resources:
  - redshiftintegrations/status
  - redshiftdatasources/status
  - redshiftuserprofiles/status
  - redshiftuserprofilesources/status
  verbs: [update]
- apiGroups: [""]
  resources: [secrets]
  # get: the credentials and the system account's password. list, watch: metadata alone, to notice changes;
  # RBAC can't say so, nor name the Secrets. create, patch, delete: the system account's Secret.
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [configmaps]
  # get: certificate authorities, and the files of user profiles. list, watch: metadata alone, to notice changes.
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}
