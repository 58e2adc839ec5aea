# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Cuts the kinematics of one arm out of a robot's URDF, in the form that Viam's clients can read.

Viam's clients take a chain: every joint that moves is the arm's, one link is the last, every joint
states its origin, and collision shapes are boxes and spheres. A robot_description has grippers,
wheels, cameras and meshes besides, and any of them makes these clients fail, or count wrong.
"""

from functools import lru_cache
from xml.etree import ElementTree

_MOVING = ('revolute', 'continuous', 'prismatic')


class NotAnArm(ValueError):
    """The URDF has no such chain; the text says what is missing."""


@lru_cache(maxsize=8)
def chain(description: str, joints: tuple[str, ...]) -> str:
    """
    Return the URDF of the chain from the root to the last of these joints (base to tip).

    Other joints on the way are fixed. Raises NotAnArm.
    """
    try:
        robot = ElementTree.fromstring(description)
    except ElementTree.ParseError as problem:
        raise NotAnArm(f'the robot description is not XML: {problem}') from problem
    named = {joint.get('name', ''): joint for joint in robot.findall('joint')}
    missing = [name for name in joints if name not in named]
    if missing:
        raise NotAnArm(
            f'the robot description has no joint named {missing[0]!a}; it has: '
            + (', '.join(sorted(named)) or 'none'))
    way = _way_to(named, joints[-1])
    found = tuple(name for name in way if name in joints)
    if found != joints:
        raise NotAnArm(
            'the robot description does not have the joints one after the other in this order '
            f'from base to tip: {", ".join(joints)}; on the way to {joints[-1]} it has: '
            + ', '.join(found))
    kept = ElementTree.Element('robot', {'name': robot.get('name') or 'robot'})
    links = {link.get('name', ''): link for link in robot.findall('link')}
    for name in dict.fromkeys(end for joint in way for end in _ends(named[joint])):
        kept.append(_link(name, links.get(name)))
    for name in way:
        kept.append(_joint(named[name], name in joints))
    return ElementTree.tostring(kept, encoding='unicode')


def _way_to(named: dict[str, ElementTree.Element], last: str) -> list[str]:
    """Return the names of all joints from the root to this one."""
    above = {_ends(joint)[1]: name for name, joint in named.items()}
    way = [last]
    while (parent := above.get(_ends(named[way[0]])[0])) is not None:
        if parent in way:
            raise NotAnArm(f'the robot description has a loop at joint {parent!a}')
        way.insert(0, parent)
    return way


def _ends(joint: ElementTree.Element) -> tuple[str, str]:
    """Return the links before and after a joint."""
    parent, child = joint.find('parent'), joint.find('child')
    if parent is None or child is None:
        raise NotAnArm(
            f'the robot description has a joint {joint.get("name", "")!a} without parent or child')
    return parent.get('link', ''), child.get('link', '')


def _link(name: str, link: ElementTree.Element | None) -> ElementTree.Element:
    kept = ElementTree.Element('link', {'name': name})
    for collision in () if link is None else link.findall('collision'):
        if any(collision.find(f'geometry/{shape}') is not None for shape in ('box', 'sphere')):
            kept.append(collision)
    return kept


def _joint(joint: ElementTree.Element, moves: bool) -> ElementTree.Element:
    kind = joint.get('type', '')
    if moves and kind not in _MOVING:
        raise NotAnArm(
            f'the robot description says that joint {joint.get("name", "")!a} is {kind!a}; '
            f'expected one of {", ".join(_MOVING)}')
    kept = ElementTree.Element(
        'joint', {'name': joint.get('name', ''), 'type': kind if moves else 'fixed'})
    origin = joint.find('origin')
    given = {} if origin is None else origin.attrib
    ElementTree.SubElement(kept, 'origin', {
        'xyz': given.get('xyz') or '0 0 0', 'rpy': given.get('rpy') or '0 0 0'})
    kept.extend(part for part in (joint.find('parent'), joint.find('child')) if part is not None)
    if moves:
        axis = joint.find('axis')
        ElementTree.SubElement(
            kept, 'axis', {'xyz': '1 0 0' if axis is None else axis.get('xyz') or '1 0 0'})
    if moves and kind != 'continuous':
        limit = joint.find('limit')
        # Lower and upper are 0 where they are left out, says the URDF specification.
        ElementTree.SubElement(kept, 'limit', {
            'lower': '0', 'upper': '0', **({} if limit is None else limit.attrib)})
    return kept
