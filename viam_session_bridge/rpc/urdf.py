# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Cuts the kinematics of one component out of a robot's URDF, as Viam's clients can read it.

Viam's clients take a chain: every joint that moves is the component's, one link is the last,
every joint states its origin, and collision shapes are boxes and spheres. A robot_description has
wheels, cameras, meshes and other arms besides, and any of them makes these clients fail, or count
wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
import math
from xml.etree import ElementTree

_MOVING = ('revolute', 'continuous', 'prismatic')
_WORLD = 'world'  # Viam's clients drop a link of this name


class NoChain(ValueError):
    """The URDF has no such chain; the text says what is missing."""


@dataclass(frozen=True)
class Counting:
    """
    How clients count the joints, where that is not as the URDF does.

    scale: from a joint to what clients see, 1 or -1. lengths (m): how far each axis goes from the
    client's 0, where its joint is at offset (m, after the scale); without lengths, the limits of
    the URDF count.
    """

    scale: float = 1.0
    lengths: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()


AS_IT_IS = Counting()


@lru_cache(maxsize=8)
def chain(description: str, joints: tuple[str, ...], counting: Counting = AS_IT_IS,
          mounted: bool = False) -> str:
    """
    Return the URDF of the chain to the last of these joints (base to tip).

    It begins at the root of the robot; mounted: at the link that carries the first of them. Other
    joints on the way are fixed. Raises NoChain.
    """
    if abs(counting.scale) != 1.0:
        raise NoChain(
            f'clients see {counting.scale:g} times what its joints are (joint_scale), which no '
            'URDF can say')
    try:
        robot = ElementTree.fromstring(description)
    except ElementTree.ParseError as problem:
        raise NoChain(f'the robot description is not XML: {problem}') from problem
    named = {joint.get('name', ''): joint for joint in robot.findall('joint')}
    missing = [name for name in joints if name not in named]
    if missing:
        raise NoChain(
            f'the robot description has no joint named {missing[0]!a}; it has: '
            + (', '.join(sorted(named)) or 'none'))
    way = _way_to(named, joints[-1])
    if mounted and joints[0] in way:
        way = way[way.index(joints[0]):]
    found = tuple(name for name in way if name in joints)
    if found != joints:
        raise NoChain(
            'the robot description does not have the joints one after the other in this order '
            f'from base to tip: {", ".join(joints)}; on the way to {joints[-1]} it has: '
            + ', '.join(found))
    kept = ElementTree.Element('robot', {'name': robot.get('name') or 'robot'})
    links = {link.get('name', ''): link for link in robot.findall('link')}
    called = _called(
        dict.fromkeys(end for joint in way for end in _ends(named[joint])), way)
    for name, own in called.items():
        kept.append(_link(own, links.get(name)))
    for name in way:
        kept.append(_joint(named[name], name in joints, called))
        if name in joints:
            _recount(kept[-1], joints.index(name), counting)
    return ElementTree.tostring(kept, encoding='unicode')


def _way_to(named: dict[str, ElementTree.Element], last: str) -> list[str]:
    """Return the names of all joints from the root to this one."""
    above = {_ends(joint)[1]: name for name, joint in named.items()}
    way = [last]
    while (parent := above.get(_ends(named[way[0]])[0])) is not None:
        if parent in way:
            raise NoChain(f'the robot description has a loop at joint {parent!a}')
        way.insert(0, parent)
    return way


def _ends(joint: ElementTree.Element) -> tuple[str, str]:
    """Return the links before and after a joint."""
    parent, child = joint.find('parent'), joint.find('child')
    if parent is None or child is None:
        raise NoChain(
            f'the robot description has a joint {joint.get("name", "")!a} without parent or child')
    return parent.get('link', ''), child.get('link', '')


def _called(links: Iterable[str], joints: Sequence[str]) -> dict[str, str]:
    """
    Return what each of these links is called in the answer.

    Viam's clients keep links and joints under one name: of a link called like a joint they lose
    where the next joint is, without a word.
    """
    called = {link: link for link in links}
    taken = {*joints, *called, _WORLD}
    for link in called:
        if link in joints or link == _WORLD:
            while called[link] in taken:
                called[link] += '_link'
            taken.add(called[link])
    return called


def _link(name: str, link: ElementTree.Element | None) -> ElementTree.Element:
    kept = ElementTree.Element('link', {'name': name})
    for collision in () if link is None else link.findall('collision'):
        if any(collision.find(f'geometry/{shape}') is not None for shape in ('box', 'sphere')):
            kept.append(collision)
    return kept


def _joint(joint: ElementTree.Element, moves: bool,
           called: dict[str, str]) -> ElementTree.Element:
    kind = joint.get('type', '')
    if moves and kind not in _MOVING:
        raise NoChain(
            f'the robot description says that joint {joint.get("name", "")!a} is {kind!a}; '
            f'expected one of {", ".join(_MOVING)}')
    kept = ElementTree.Element(
        'joint', {'name': joint.get('name', ''), 'type': kind if moves else 'fixed'})
    origin = joint.find('origin')
    given = {} if origin is None else origin.attrib
    ElementTree.SubElement(kept, 'origin', {
        'xyz': given.get('xyz') or '0 0 0', 'rpy': given.get('rpy') or '0 0 0'})
    for part, link in zip(('parent', 'child'), _ends(joint), strict=True):
        ElementTree.SubElement(kept, part, {'link': called[link]})
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


def _recount(joint: ElementTree.Element, index: int, counting: Counting) -> None:
    """Make a joint count as clients do."""
    axis, limit = joint.find('axis'), joint.find('limit')
    if axis is not None and counting.scale < 0.0:
        axis.set('xyz', _spaced([-part for part in _numbers(axis, 'xyz')]))
        if limit is not None:
            low, high = (-_numbers(limit, each)[0] for each in ('upper', 'lower'))
            limit.attrib.update(lower=f'{low:g}', upper=f'{high:g}')
    if not counting.lengths:
        return
    if joint.get('type') != 'prismatic' or axis is None or limit is None:
        raise NoChain(
            f'the robot description says that joint {joint.get("name", "")!a} is '
            f'{joint.get("type")!a}; an axis with a length is prismatic')
    limit.attrib.update(lower='0', upper=f'{counting.lengths[index]:g}')
    origin, direction = joint.find('origin'), _numbers(axis, 'xyz')
    if origin is None:
        raise NoChain(f'joint {joint.get("name", "")!a} has no origin')
    length = math.hypot(*direction) or 1.0
    ahead = _turned(_numbers(origin, 'rpy'), [
        counting.offsets[index] * part / length for part in direction])
    origin.set('xyz', _spaced([
        at + part for at, part in zip(_numbers(origin, 'xyz'), ahead, strict=True)]))


def _numbers(element: ElementTree.Element, name: str) -> list[float]:
    """Return the numbers of an attribute. Raises NoChain."""
    text = element.get(name, '')
    try:
        return [float(part) for part in text.split()]
    except ValueError:
        raise NoChain(f'the robot description says {name}={text[:64]!a}, which is no '
                      'number') from None


def _spaced(numbers: Sequence[float]) -> str:
    return ' '.join(f'{number:.9g}' for number in numbers)


def _turned(rpy: Sequence[float], vector: Sequence[float]) -> tuple[float, float, float]:
    """Return a vector turned by roll, pitch and yaw (rad) about the fixed axes, as URDF has it."""
    x, y, z = vector
    roll, pitch, yaw = rpy
    y, z = (y * math.cos(roll) - z * math.sin(roll), y * math.sin(roll) + z * math.cos(roll))
    x, z = (x * math.cos(pitch) + z * math.sin(pitch), z * math.cos(pitch) - x * math.sin(pitch))
    x, y = (x * math.cos(yaw) - y * math.sin(yaw), x * math.sin(yaw) + y * math.cos(yaw))
    return x, y, z
