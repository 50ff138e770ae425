"""Configuration documents: YAML with positions, checked against models, every mistake named by file, line and key.

Knows no section of its own; see `validation` for how a program declares its sections.
"""

from agi_router.document.problems import ConfigError, Position, Problem, suggestion
from agi_router.document.salvage import salvage
from agi_router.document.validation import Section, validate
from agi_router.document.yaml_tree import Document, Substituted, configuration_files, load_document

__all__ = [
    "ConfigError",
    "Document",
    "Position",
    "Problem",
    "Section",
    "Substituted",
    "configuration_files",
    "load_document",
    "salvage",
    "suggestion",
    "validate",
]
