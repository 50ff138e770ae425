"""What all tests share: how hypothesis goes about its examples."""

from hypothesis import settings

# How long one example takes says more about what else the machine does than about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
