"""Part of tests/services: finds free ports on loopback.

    ports.py free PORT...                     ends with 0 if all of them can be listened on
    ports.py choose TAKEN FILE NAME...        writes a line NAME=PORT for each name into FILE

TAKEN is a list of the ports of all sets of servers: those of a server that is stopped for a while can be listened on,
but it comes back to them. A line there counts as long as the FILE that it names still has that port.
"""

import fcntl
import os
import random
import re
import socket
import sys

# Below the ports that the kernel gives to outgoing connections: one of those could sit on the port of a server that
# is stopped, a client's that tries to reach it even on itself.
LOWEST, HIGHEST = 20000, 32000


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
            return True
        except OSError:
            return False


def still_counts(line):
    port, _, file = line.partition(" ")
    try:
        with open(file, encoding="utf-8") as ports:
            return re.search(rf"={port}$", ports.read(), re.MULTILINE) is not None
    except OSError:
        return False


def choose(taken_path, file, names):
    os.makedirs(os.path.dirname(taken_path), exist_ok=True)
    with open(taken_path, "a+", encoding="utf-8") as taken:
        fcntl.flock(taken, fcntl.LOCK_EX)
        taken.seek(0)
        lines = [line for line in taken.read().splitlines() if still_counts(line)]
        used = {int(line.split(" ", 1)[0]) for line in lines}
        candidates = (port for port in random.sample(range(LOWEST, HIGHEST), HIGHEST - LOWEST) if port not in used)
        chosen = {name: next(port for port in candidates if is_free(port)) for name in names}
        with open(file + ".new", "w", encoding="utf-8") as ports:
            ports.writelines(f"{name}={port}\n" for name, port in chosen.items())
        os.replace(file + ".new", file)
        lines += [f"{port} {file}" for port in chosen.values()]
        taken.seek(0)
        taken.truncate()
        taken.writelines(line + "\n" for line in lines)


if __name__ == "__main__":
    if sys.argv[1] == "choose":
        choose(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        sys.exit(0 if all(is_free(int(port)) for port in sys.argv[2:]) else 1)
