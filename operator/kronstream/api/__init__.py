"""The HTTP API: parses, authorises, calls the services of `operations`, renders."""
