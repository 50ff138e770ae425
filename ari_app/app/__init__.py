"""The composition root: builds every part from the settings, and owns the TaskGroup in which they all run."""
