"""Other task queues, each with a function that returns its payload; they are installed in an environment of their own.

Each program takes `fill COUNT` (enqueue), `work SETTING` (one worker process) and `check COUNT` (read every stored
result back through the library, and print how many are as they should be). The address is in BENCH_REDIS_URL.
"""
