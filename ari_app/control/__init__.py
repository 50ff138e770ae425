"""The control socket: commands for the running router, from its own machine and user only.

One line of JSON asks, `{"command": "status"}`; one line answers, `{"result": {...}}` or
`{"error": {"message": ..., "remedy": ...}}`. The socket's mode, 0600, is the only authentication.
"""
