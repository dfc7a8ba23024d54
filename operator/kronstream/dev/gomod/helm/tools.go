//go:build tools

// Package tools pins the helm that "kronstream envtest --helm" builds.
package tools

import _ "helm.sh/helm/v4/cmd/helm"
