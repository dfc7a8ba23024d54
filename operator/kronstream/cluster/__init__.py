"""The Kubernetes API as the operator uses it: plain dicts, no models."""
