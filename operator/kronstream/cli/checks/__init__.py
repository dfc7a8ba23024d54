"""What `doctor` looks at: the cluster, the rights, the store, the API."""
