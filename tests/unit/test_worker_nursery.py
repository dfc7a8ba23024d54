"""The process that forks children: what it does when the loop process it serves is killed."""

import subprocess
import sys

# the loop process goes with a message unread, so that the next read is an error and not the end
KILLED = """
import socket
from kronstream.worker.nursery import Nursery
from kronstream.worker.registry import Registry

ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
theirs.send(b"unread")
ours.close()
Nursery(theirs, Registry(), "text").serve()
"""


def test_it_ends_without_a_word_when_the_loop_process_was_killed() -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
