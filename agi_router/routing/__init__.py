"""The pure core of routing: what a call is, where it can go, and the rules between. No I/O."""
