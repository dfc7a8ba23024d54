"""Handler types that make Kubernetes objects: `job` and `workflow`."""
