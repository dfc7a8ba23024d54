"""The extension API server: `kubectl get executions`. It serves the records of runs through the aggregation layer.

kube-apiserver authenticates the caller, asks RBAC, and passes the request on with its own certificate.
"""
