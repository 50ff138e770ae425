"""What can still be read of a configuration that is no YAML any more: whole sections, told apart by their indentation.

It serves commands that must reach a running router though its file has a mistake in some other section.
"""

import re
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

import yaml

from agi_router.document.problems import Path, Position
from agi_router.document.yaml_tree import ENVIRONMENT, Document, configuration_files

# A section as everybody writes it: its name at the beginning of a line, and all that is indented below.
_SECTION = re.compile(r"^(?P<name>[a-z_]+):.*(?:\n(?:[ \t#].*|\r?)$)*", re.MULTILINE)


def salvage(path: FilePath, names: Sequence[str]) -> Document | None:
    """A document of these sections alone, all positions at its beginning.

    None when they cannot be told for certain: one is broken itself, stands in another form, or needs the environment.
    """
    tree: dict[str, Any] = {}
    for file in configuration_files(path):
        try:
            text = file.read_text(encoding="utf-8-sig")
            found = [section[0] for section in _SECTION.finditer(text) if section["name"] in names]
            mentions = re.findall(rf"\b(?:{'|'.join(names)})[\"']?\s*:", text)
            if len(mentions) != len(found) or any(ENVIRONMENT.search(section) for section in found):
                return None
            for section in found:
                tree |= yaml.safe_load(section)
        except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError):
            return None
    positions: dict[Path, Position] = {(): Position(str(path), 1)}
    return Document(path if path.is_dir() else path.parent, tree, positions)
