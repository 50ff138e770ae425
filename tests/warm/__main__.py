"""Imports all that `agi-router` needs, then forks at each request; every fork goes on as the command."""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import time

import ari_app.cli

PR_SET_PDEATHSIG = 1


def fork_until_alone(control: socket.socket) -> None:
    """Fork at each request that comes by `control`; returns in the forks only, each with what was asked for."""
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not control:  # a fork has ended
                selector.unregister(key.fd)
                os.close(key.fd)
                bury(*key.data)
                continue
            message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 3)
            if not message:
                sys.exit()  # nobody will ask any more
            stdout, stderr, answer = descriptors
            told = socket.socket(fileno=answer)
            pid = os.fork()
            if pid == 0:
                forget(selector)
                told.close()
                for number, descriptor in enumerate((stdout, stderr), 1):
                    os.dup2(descriptor, number)
                    os.close(descriptor)
                return become(**json.loads(message))
            os.close(stdout)
            os.close(stderr)
            told.sendall(b"%d" % pid)
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, told))


def forget(selector: selectors.BaseSelector) -> None:
    """Close what belongs to the one that forks."""
    for key in list(selector.get_map().values()):
        if isinstance(key.fileobj, socket.socket):
            key.fileobj.close()
        else:
            os.close(key.fd)
            key.data[1].close()
    selector.close()


def bury(pid: int, told: socket.socket) -> None:
    """Tell how this fork has ended."""
    _, status = os.waitpid(pid, 0)
    with told, contextlib.suppress(BrokenPipeError):  # nobody waits for it
        told.sendall(b"%d" % os.waitstatus_to_exitcode(status))


def become(argv: list[str], environment: dict[str, str], folder: str) -> None:
    """Take over what makes one process differ from another."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv = argv


if __name__ == "__main__":
    for module in pkgutil.iter_modules(ari_app.cli.__path__, "ari_app.cli."):
        importlib.import_module(module.name)
    gc.freeze()  # a collection would write to, and so copy, what all forks share
    fork_until_alone(socket.socket(fileno=int(sys.argv[1])))
    ari_app.cli.main()
