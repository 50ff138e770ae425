"""`make bench`: what the router costs, measured beside the native dialplan that does the same.

The same calls go three ways, in turns, on one Asterisk: through dialplan lines that ask the API with `CURL()` and then
`Dial()`, and through the router by its ARI door and by its AGI door. One sipp calls,
one sipp is all phones, one process is the API.

__main__.py    the command
run.py         what is measured, in which order, and when the run counts as failed
plan.py        how many calls, how fast, for how long
screen.py      progress, while it is measured
stage.py       what is up meanwhile: Asterisk, the router, the phones, the API
api.py         the sample API's process
load.py        one block of calls, and what each of them came to
marks.py       the moments that sipp noted, call by call
usage.py       CPU time and memory of a process
held.py        calls held at the same time: are they bridged, and what memory do they take
ramp.py        the highest rate that is held
leftovers.py   what is still there when all calls are over
results.py     the figures of a run, their ratios, the goals, latest.json
table.py       the figures as tables
chart.py       the figures as a drawing
profile.py     `make profile`: where the router's time goes
stacks.py      the profiler's samples, counted
phases.py      one call's setup, phase by phase
"""
