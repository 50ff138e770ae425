"""Decides where a call goes. Knows no channel, no Asterisk, no database."""

from importlib.metadata import version

__version__ = version("agi-router")
