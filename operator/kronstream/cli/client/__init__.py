"""How the command line reaches the HTTP API: where it is, who calls, what it answered. Nothing heavy is imported."""
