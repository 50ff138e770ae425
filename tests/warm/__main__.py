"""Imports all that `agi-router` needs, then forks at each request; every fork goes on as the command."""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time

import ari_app.cli

PR_SET_PDEATHSIG = 1

exit_status: list[int] = []
"""Of this fork, when it ends by one."""


def fork_until_alone(control: socket.socket) -> str:
    """Fork at each request that comes by `control`; returns in the forks only, the module that each has to run."""
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
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                end_with(parent)
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


def end_with(parent: int) -> None:
    """Be ended when the one that forked does, which may have been by now."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


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


def become(argv: list[str], environment: dict[str, str], folder: str, module: str) -> str:
    """Take over what makes one process differ from another; the module that it runs."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv = argv
    return module


def go_on(module: str) -> None:
    """Be this module, or without one the command, to its end.

    That is the end of an interpreter but for its last act, which takes apart all that the forks share. Each fork would
    copy it for that, page by page: half of the time of most commands.
    """
    try:
        if module:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        else:
            ari_app.cli.main()
    except SystemExit as ended:
        if isinstance(ended.code, int):
            exit_status.append(ended.code)
        raise


def leave() -> None:
    """Called after all other functions that wait for the end."""
    if exit_status:
        gc.collect()  # what was left open may complain
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_status[0])


if __name__ == "__main__":
    atexit.register(leave)  # they are called in reverse order
    for module in pkgutil.iter_modules(ari_app.cli.__path__, "ari_app.cli."):
        importlib.import_module(module.name)
    gc.freeze()  # a collection would write to, and so copy, what all forks share
    go_on(fork_until_alone(socket.socket(fileno=int(sys.argv[1]))))
