# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The header of every file, LICENSE and CONTRIBUTING.md.

ament_copyright knows licenses by their long headers only, so it gets our two lines first. Those
two lines are checked without it, too, and in more kinds of files.
"""

from pathlib import Path
import re

import pytest

import linting

COPYRIGHT = re.compile(r'Copyright \d{4}(-\d{4})? viam_session_bridge contributors( -->)?')
SPDX = 'SPDX-License-Identifier: Apache-2.0'

# What ament_copyright learns first.
KNOWN = f"""
from ament_copyright import licenses, parser
known = parser.get_licenses()
header = '{{copyright}}\\n{SPDX}'
known['apache2_spdx'] = licenses.apache2._replace(file_headers=[header])
known.setdefault('apache2', licenses.apache2)
parser.get_licenses = lambda: known
"""


def sources() -> list[Path]:
    """Return the files that must carry the header."""
    files = linting.python_files()
    files += [linting.ROOT / 'Makefile', linting.ROOT / 'package.xml', linting.ROOT / '.ci/run',
              linting.ROOT / 'setup.cfg', linting.ROOT / 'ruff.toml']
    for pattern in ('config/*.yaml', 'tools/*.sh', 'viam_session_bridge/**/*.proto'):
        files += sorted(linting.ROOT.glob(pattern))
    # A file list given to colcon or pip may lack what only developers need.
    return [file for file in files if file.exists()]


def has_header(text: str) -> bool:
    """Look for the two lines at the top; only interpreter, XML and comment marks may precede."""
    lines = [line for line in text.splitlines()[:6] if not line.startswith(('#!', '<?'))]
    if len(lines) < 2:
        return False
    first, second = (line.lstrip('#/<!- ').rstrip() for line in lines[:2])
    return bool(COPYRIGHT.fullmatch(first)) and second.removesuffix(' -->') == SPDX


@pytest.mark.copyright
@pytest.mark.linter
def test_every_file_has_the_two_lines() -> None:
    bare = [str(path.relative_to(linting.ROOT)) for path in sources()
            if not has_header(path.read_text(encoding='utf-8'))]
    assert not bare, f'without copyright and license at the top: {bare}'


@pytest.mark.copyright
@pytest.mark.linter
@pytest.mark.parametrize(('text', 'good'), [
    (f'# Copyright 2026 viam_session_bridge contributors\n# {SPDX}\n', True),
    (f'#!/bin/sh\n# Copyright 2026 viam_session_bridge contributors\n# {SPDX}\n', True),
    (f'// Copyright 2026-2027 viam_session_bridge contributors\n// {SPDX}\n', True),
    ('# Copyright 2026 viam_session_bridge contributors\n', False),
    (f'# Copyright 2026 somebody else\n# {SPDX}\n', False),
    (f'import os\n# Copyright 2026 viam_session_bridge contributors\n# {SPDX}\n', False),
    ('', False),
])
def test_the_check_itself(text: str, good: bool) -> None:
    assert has_header(text) is good


@pytest.mark.copyright
@pytest.mark.linter
def test_license_and_contributing() -> None:
    text = (linting.ROOT / 'LICENSE').read_text(encoding='utf-8')
    for part in ('Apache License', 'Version 2.0, January 2004', 'END OF TERMS AND CONDITIONS'):
        assert part in text
    contributing = (linting.ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    assert '5. Submission of Contributions.' in contributing


@pytest.mark.copyright
@pytest.mark.linter
def test_ament_copyright() -> None:
    linting.run_ament(
        'ament_copyright', '.', *map(str, linting.python_files()), prepare=KNOWN)
