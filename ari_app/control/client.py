"""The command's end of the control socket. Blocking: a command has nothing else to do."""

import json
import socket
from collections.abc import Mapping
from typing import Any

from ari_app.control.settings import DEADLINE_S, ControlError, ControlSettings


class NoRouterError(ControlError):
    """No router listens at this socket."""


def ask(
    settings: ControlSettings,
    command: str,
    deadline_s: float = DEADLINE_S,
    arguments: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    """The running router's result. Raises NoRouterError when none runs, ControlError when it gives no result in time.

    What the router was asked to do it does also when this deadline has passed.
    """
    path = settings.socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(deadline_s)
            connection.connect(str(path))
            connection.sendall(json.dumps({"command": command, "arguments": arguments or {}}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoRouterError(
            f"no router runs with this configuration: nothing listens at {path}",
            "Start it: agi-router --config FILE serve. A router that runs has another configuration, or was started "
            "before storage.url or control.socket were changed.",
        ) from None
    except PermissionError:
        raise ControlError(
            f"the control socket {path} may not be opened by this user",
            "Run the command as the router's user, or as root.",
        ) from None
    except TimeoutError:
        raise ControlError(
            f"the router at {path} does not answer within {deadline_s:.0f} s",
            "It hangs, or the machine is overloaded: look into its log, and restart it if it stays silent.",
        ) from None
    except OSError as error:
        raise ControlError(f"the control socket {path} failed: {error}", "Is control.socket right?") from error
    return _result(line)


def _result(line: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(line)
        if "error" in answer:
            raise ControlError(str(answer["error"]["message"]), str(answer["error"]["remedy"]))
        result: Mapping[str, Any] = answer["result"]
    except (ValueError, KeyError, TypeError):
        raise ControlError(
            "the router ended the conversation without an answer", "It is probably stopping; try again."
        ) from None
    return result
