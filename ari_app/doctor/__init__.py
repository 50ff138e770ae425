"""`agi-router doctor`: is everything that a call needs there, and what to do where it is not.

`examination` runs the checks, all at once and each within its deadline. A check asks; what its answers mean is decided
by pure functions beside it, which give findings.
"""
