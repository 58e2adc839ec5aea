# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checks package.xml: catkin_pkg's parser (what colcon and rosdep read it with), and ament_xmllint.

ament_xmllint fetches the schema from the net each time, so it can only run where that answers.
"""

import re
import shutil
from urllib.error import URLError
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest

import linting

MANIFEST = linting.ROOT / 'package.xml'


@pytest.mark.linter
@pytest.mark.xmllint
def test_catkin_pkg_accepts_package_xml() -> None:
    if not linting.available('catkin_pkg'):
        linting.lacking('catkin_pkg is not installed')
    from catkin_pkg.package import parse_package
    warnings: list[str] = []
    package = parse_package(str(MANIFEST), warnings=warnings)
    assert warnings == []
    assert package.package_format == 3
    assert package.get_build_type() == 'ament_python'


@pytest.mark.linter
@pytest.mark.xmllint
def test_ament_xmllint() -> None:
    if linting.ament('ament_xmllint') and shutil.which('xmllint') is None:
        linting.lacking('ament_xmllint needs the program xmllint (apt install libxml2-utils)')
    schema = re.findall(r'href="([^"]+)"', MANIFEST.read_text(encoding='utf-8'))[0]
    try:
        urlopen(schema, timeout=5).close()
    except (URLError, TimeoutError) as error:
        pytest.skip(f'the schema cannot be fetched ({error}); catkin_pkg has checked package.xml')
    linting.run_ament('ament_xmllint', 'package.xml')


@pytest.mark.linter
@pytest.mark.xmllint
def test_dependencies_stand_in_order_and_once() -> None:
    root = ElementTree.parse(MANIFEST).getroot()
    for kind in ('exec_depend', 'test_depend'):
        keys = [element.text for element in root.findall(kind)]
        assert keys == sorted(set(keys))
