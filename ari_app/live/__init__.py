"""The configuration while calls run: read again, compared, and taken; calls that began before keep theirs.

What is taken is one new `Settings`, or nothing of it. `reload` tells the whole story, the others one step each.
"""
