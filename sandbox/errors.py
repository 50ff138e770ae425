"""What can go wrong in the sandbox. Every message says what happened and what to do next."""


class SandboxError(Exception):
    """The sandbox cannot do what it was asked."""
