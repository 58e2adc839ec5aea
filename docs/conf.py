# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the site: `make site`. rosdoc2 uses it, too (rosdoc2.yaml)."""

from pathlib import Path
import re
from typing import Any
from xml.etree import ElementTree

DOCS = Path(__file__).resolve().parent
PACKAGE = ElementTree.parse(DOCS.parent / 'package.xml').getroot()

project = PACKAGE.findtext('name')
release = version = PACKAGE.findtext('version')
author = 'viam_session_bridge contributors'
project_copyright = f'2026 {author}'

extensions = ['myst_parser']
myst_enable_extensions = ['deflist']
myst_heading_anchors = 4
html_theme = 'furo'
html_title = f'{project} {release}'
exclude_patterns = ['_build']
# The documents contain shell lines and logs without a language.
highlight_language = 'none'
nitpicky = True

# A link of a document to a file of the repository that is no page of the site.
OUTSIDE = re.compile(r'\[([^\]]*)\]\(([^)#\s]+)(#[\w-]+)?\)')


def without_links_to_files(app: Any, docname: str, source: list[str]) -> None:
    """Show the path instead of a link, where the target is a file of the repository."""
    folder = (DOCS / docname).parent

    def shown(match: re.Match[str]) -> str:
        text, target = match[1], match[2]
        path = (folder / target).resolve()
        if target.startswith(('http:', 'https:', 'mailto:')) or DOCS in path.parents:
            return match[0]
        return text if text.startswith('`') or ' ' in text else f'`{text}`'

    source[0] = OUTSIDE.sub(shown, source[0])


def setup(app: Any) -> None:
    """Connect the hook."""
    app.connect('source-read', without_links_to_files)
