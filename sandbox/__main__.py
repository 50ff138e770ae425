"""`python -m sandbox`: builds the tree that Asterisk runs in, unless it is there already."""

import sys

from sandbox.errors import SandboxError
from sandbox.root import asterisk_root

if __name__ == "__main__":
    try:
        print(f"Asterisk is ready in {asterisk_root()}")
    except SandboxError as error:
        sys.exit(str(error))
