"""The admission webhook: `kubectl apply` gives the messages of `kronstream validate`. It changes nothing, and neither
reads the cluster nor Redis.
"""
