# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Extracts the chain of an arm from the URDF of a robot, as Viam's Go client reads it."""

import math
from typing import Any
from xml.etree import ElementTree

from hypothesis import assume, given
from hypothesis import strategies as st
import numpy as np
import pytest

from viam_session_bridge.rpc.urdf import chain, Counting, NoChain

# A mobile robot with a camera, an arm on a fixed mount, and a gripper.
ROBOT = """<?xml version="1.0"?>
<robot name="robot" xmlns:xacro="http://www.ros.org/wiki/xacro">
  <material name="grey"/>
  <link name="base"/>
  <link name="wheel"/>
  <joint name="wheel_joint" type="continuous">
    <parent link="base"/><child link="wheel"/><axis xyz="0 1 0"/>
  </joint>
  <joint name="rail" type="prismatic">
    <parent link="base"/><child link="carriage"/><origin xyz="0.1 0 0.2"/>
    <limit lower="0" upper="1" effort="1" velocity="1"/>
  </joint>
  <link name="carriage"/>
  <joint name="mount" type="fixed"><parent link="carriage"/><child link="shoulder"/></joint>
  <link name="shoulder">
    <visual><geometry><mesh filename="package://robot/shoulder.dae"/></geometry></visual>
    <collision><geometry><mesh filename="package://robot/shoulder.stl"/></geometry></collision>
    <collision><geometry><box size="0.1 0.1 0.1"/></geometry></collision>
  </link>
  <joint name="lift" type="revolute">
    <origin rpy="0 1.57 0"/><parent link="shoulder"/><child link="upper"/>
    <axis xyz="0 0 1"/><limit lower="-1.5" upper="1.5" effort="10" velocity="2"/>
    <dynamics damping="1"/>
  </joint>
  <link name="upper">
    <collision><geometry><cylinder radius="0.1" length="1"/></geometry></collision>
  </link>
  <joint name="turn" type="continuous"><parent link="upper"/><child link="hand"/></joint>
  <link name="hand"/>
  <joint name="finger" type="prismatic">
    <parent link="hand"/><child link="fingertip"/><limit lower="0" upper="0.04"/>
  </joint>
  <link name="fingertip"/>
  <transmission name="t"><joint name="lift"/></transmission>
</robot>"""


def cut(*joints: str) -> ElementTree.Element:
    return ElementTree.fromstring(chain(ROBOT, joints))


def test_it_is_a_chain_from_the_root_to_the_last_joint() -> None:
    robot = cut('lift', 'turn')
    assert robot.get('name') == 'robot'
    assert [link.get('name') for link in robot.findall('link')] == [
        'base', 'carriage', 'shoulder', 'upper', 'hand']
    assert [(joint.get('name'), joint.get('type')) for joint in robot.findall('joint')] == [
        ('rail', 'fixed'), ('mount', 'fixed'), ('lift', 'revolute'), ('turn', 'continuous')]
    parents = {joint.find('parent').get('link')  # type: ignore[union-attr]
               for joint in robot.findall('joint')}
    children = {joint.find('child').get('link')  # type: ignore[union-attr]
                for joint in robot.findall('joint')}
    assert children - parents == {'hand'}, 'one last link: the tip'


def test_every_joint_has_all_elements_that_clients_require() -> None:
    joints = {joint.get('name'): joint for joint in cut('lift', 'turn').findall('joint')}
    origins = {name: joint.find('origin').attrib  # type: ignore[union-attr]
               for name, joint in joints.items()}
    assert origins['rail'] == {'xyz': '0.1 0 0.2', 'rpy': '0 0 0'}
    assert origins['mount'] == {'xyz': '0 0 0', 'rpy': '0 0 0'}
    assert origins['lift'] == {'xyz': '0 0 0', 'rpy': '0 1.57 0'}
    for name in ('lift', 'turn'):
        axis = joints[name].find('axis')
        assert axis is not None and len(axis.get('xyz', '').split()) == 3
    assert joints['turn'].find('limit') is None
    lift = joints['lift'].find('limit')
    assert lift is not None and (lift.get('lower'), lift.get('upper')) == ('-1.5', '1.5')


def test_only_shapes_that_clients_read_are_left() -> None:
    robot = cut('lift', 'turn')
    assert robot.find('.//mesh') is None and robot.find('.//cylinder') is None
    assert robot.find("link[@name='shoulder']/collision/geometry/box") is not None


def test_a_rail_may_be_part_of_the_arm() -> None:
    kinds = [joint.get('type') for joint in cut('rail', 'lift', 'turn').findall('joint')]
    assert kinds == ['prismatic', 'fixed', 'revolute', 'continuous']


@pytest.mark.parametrize(('link', 'name'), [
    ('upper', 'lift'), ('upper', 'turn'), ('shoulder', 'mount'), ('base', 'world')])
def test_no_link_has_the_name_of_a_joint_or_of_the_world(link: str, name: str) -> None:
    """Viam's clients have one namespace for both, and ignore a link named world."""
    robot = ElementTree.fromstring(chain(
        ROBOT.replace(f'link="{link}"', f'link="{name}"')
        .replace(f'<link name="{link}"', f'<link name="{name}"'), ('rail', 'lift', 'turn')))
    links = [each.get('name') for each in robot.findall('link')]
    joints = robot.findall('joint')
    assert f'{name}_link' in links and 'world' not in links and len(set(links)) == 5
    assert not {*links} & {joint.get('name') for joint in joints}
    ends = [[end.get('link') for part in ('parent', 'child') for end in joint.findall(part)]
            for joint in joints]
    assert ends == [list(pair) for pair in zip(links, links[1:], strict=False)]


def test_a_gripper_begins_where_it_is_mounted() -> None:
    robot = ElementTree.fromstring(chain(ROBOT, ('finger',), mounted=True))
    assert [link.get('name') for link in robot.findall('link')] == ['hand', 'fingertip']
    assert [joint.get('name') for joint in robot.findall('joint')] == ['finger']


def numbers(joint: ElementTree.Element, path: str, name: str) -> list[float]:
    element = joint.find(path)
    assert element is not None
    return [float(part) for part in element.get(name, '').split()]


@pytest.mark.parametrize(('rpy', 'axis', 'ahead'), [
    ('0 0 0', '1 0 0', (-0.4, 0.0, 0.0)), ('0 0 0', '0 0 2', (0.0, 0.0, -0.4)),
    # Roll first, then pitch, then yaw, about the axes of the parent.
    ('0 0 1.5707963', '1 0 0', (0.0, -0.4, 0.0)), ('0 1.5707963 0', '1 0 0', (0.0, 0.0, 0.4)),
    ('1.5707963 0 1.5707963', '0 1 0', (0.0, 0.0, -0.4)),
    ('1.5707963 0 1.5707963', '0 0 1', (-0.4, 0.0, 0.0))])
@pytest.mark.parametrize('scale', [1.0, -1.0])
def test_an_axis_counts_from_the_zero_of_clients(
        rpy: str, axis: str, ahead: tuple[float, ...], scale: float) -> None:
    """At 0 its joint is at the offset, and its range is its length."""
    description = ROBOT.replace(
        '<origin xyz="0.1 0 0.2"/>', f'<origin xyz="0.1 0 0.2" rpy="{rpy}"/><axis xyz="{axis}"/>')
    robot = ElementTree.fromstring(
        chain(description, ('rail',), Counting(scale, (0.8,), (-0.4,))))
    joint = robot.find("joint[@name='rail']")
    assert joint is not None
    assert numbers(joint, 'limit', 'lower') == [0.0] and numbers(joint, 'limit', 'upper') == [0.8]
    direction = [scale * float(part) for part in axis.split()]
    assert numbers(joint, 'axis', 'xyz') == direction
    assert numbers(joint, 'origin', 'xyz') == pytest.approx([
        at + scale * part for at, part in zip((0.1, 0.0, 0.2), ahead, strict=True)], abs=1e-6)


def test_the_axis_of_a_joint_with_negative_scale_is_inverted() -> None:
    robot = ElementTree.fromstring(
        chain(ROBOT.replace('lower="-1.5"', 'lower="-1.2"'), ('lift',), Counting(-1.0)))
    joint = robot.find("joint[@name='lift']")
    assert joint is not None
    assert numbers(joint, 'axis', 'xyz') == [0.0, 0.0, -1.0]
    assert numbers(joint, 'limit', 'lower') == [-1.5] and numbers(joint, 'limit', 'upper') == [1.2]


@pytest.mark.parametrize(('joint', 'counting', 'text'), [
    ('rail', Counting(2.0), 'clients see 2 times the positions of its joints'),
    ('lift', Counting(1.0, (1.0,), (0.0,)), "'lift' is 'revolute'; expected prismatic"),
    ('rail', Counting(1.0, (1.0,), (0.0,)), "has xyz='a b c'; expected numbers")])
def test_scales_and_lengths_that_a_urdf_cannot_express_are_refused(
        joint: str, counting: Counting, text: str) -> None:
    with pytest.raises(NoChain, match=text):
        chain(ROBOT.replace('0.1 0 0.2', 'a b c'), (joint,), counting)


@pytest.mark.parametrize(('joints', 'text'), [
    (('lift', 'elbow'), "no joint named 'elbow'; it has: finger, lift, mount, rail, turn, wheel"),
    (('turn', 'lift'), 'in this order from base to tip: turn, lift; on the path to lift'),
    (('wheel_joint', 'lift'), 'on the path to lift it has: lift'),
    (('mount', 'lift'), "joint 'mount' is 'fixed'; expected one of revolute")])
def test_joints_that_are_not_a_chain_are_refused(joints: tuple[str, ...], text: str) -> None:
    with pytest.raises(NoChain, match=text):
        cut(*joints)


@pytest.mark.parametrize(('description', 'text'), [
    ('not xml', 'is not XML'),
    ('<robot><joint name="a" type="revolute"/></robot>', "joint 'a' without parent"),
    ('<robot><joint name="a" type="revolute"><parent link="x"/><child link="y"/></joint>'
     '<joint name="b" type="fixed"><parent link="y"/><child link="x"/></joint></robot>',
     'a loop at joint')])
def test_an_invalid_robot_description_is_refused(description: str, text: str) -> None:
    with pytest.raises(NoChain, match=text):
        chain(description, ('a',))


# ---- errors of Viam's clients ----------------------------------------------------------------


REVOLUTE = ('<joint name="j" type="revolute"><parent link="base"/><child link="tip"/>'
            '<axis xyz="0 0 1"/><limit lower="-1" upper="1" effort="1" velocity="1"/></joint>')


def with_shapes(*shapes: str) -> str:
    """Return a robot of one joint whose last link has these collision shapes."""
    collisions = ''.join(f'<collision>{shape}</collision>' for shape in shapes)
    return (f'<robot name="r"><link name="base"/><link name="tip">{collisions}</link>'
            f'{REVOLUTE}</robot>')


def collisions_of(description: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(chain(description, ('j',))).findall('link/collision')


@pytest.mark.parametrize(('given', 'xyz', 'rpy'), [
    ('xyz="0 0 0.1"', '0 0 0.1', '0 0 0'), ('rpy="1 0 0"', '0 0 0', '1 0 0')])
def test_an_origin_of_a_collision_shape_has_both_attributes(
        given: str, xyz: str, rpy: str) -> None:
    """Without one of them, Viam's Go client panics."""
    [collision] = collisions_of(with_shapes(
        f'<origin {given}/><geometry><box size="0.1 0.1 0.1"/></geometry>'))
    origin = collision.find('origin')
    assert origin is not None and origin.attrib == {'xyz': xyz, 'rpy': rpy}


SPHERE = '<geometry><sphere radius="{}"/></geometry>'
CYLINDER = '<geometry><cylinder radius="0.06" length="0.3"/></geometry>'


@pytest.mark.parametrize('shape', [
    SPHERE.format('0.0'), '<geometry><box size="0.1 0 0.1"/></geometry>', CYLINDER,
    '<geometry><cylinder radius="0.06"/></geometry>', '<geometry/>'])
def test_a_shape_that_clients_refuse_is_left_out(shape: str) -> None:
    assert collisions_of(with_shapes(shape)) == []


def capsule(radius: str = '0.06', end: str = '0.15') -> list[str]:
    return [CYLINDER, f'<origin xyz="0 0 -0.15"/>{SPHERE.format("0.06")}',
            f'<origin xyz="0 0 {end}"/>{SPHERE.format(radius)}']


def test_a_cylinder_with_a_sphere_at_each_end_stays_a_capsule() -> None:
    """A mesh beside it is left out."""
    mesh = '<geometry><mesh filename="tip.stl"/></geometry>'
    assert len(collisions_of(with_shapes(mesh, *capsule()))) == 3


@pytest.mark.parametrize('shapes', [capsule(radius='0.05'), capsule(end='0.2'), capsule()[:2]])
def test_a_cylinder_that_is_no_capsule_is_left_out(shapes: list[str]) -> None:
    found = collisions_of(with_shapes(*shapes))
    assert found and all(one.find('geometry/sphere') is not None for one in found)


def test_unbound_xml_prefixes_are_accepted() -> None:
    """Plugin blocks of old Gazebo versions have such prefixes."""
    plugin = ('<gazebo reference="tip"><sensor:camera name="c" xlink:href="x"/>'
              '<controller:gazebo_ros plugin="p.so"/></gazebo>')
    text = with_shapes().replace('</robot>', f'{plugin}</robot>')
    assert [joint.get('name') for joint in ElementTree.fromstring(
        chain(text, ('j',))).findall('joint')] == ['j']


@pytest.mark.parametrize('head', [
    '<!DOCTYPE robot [<!ENTITY a "b">]>', '<!DOCTYPE robot SYSTEM "file:///etc/passwd">'])
def test_a_document_type_is_refused(head: str) -> None:
    """Nested entities could take all memory."""
    with pytest.raises(NoChain, match='a document type or entities; expected plain XML'):
        chain(head + with_shapes(), ('j',))


# ---- forward kinematics by another parser --------------------------------------------------


def rotation(axis: Any, angle: float) -> Any:
    """Return the matrix of a rotation about an axis (Rodrigues)."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1.0 - math.cos(angle)) * cross @ cross


def three(element: ElementTree.Element | None, name: str, default: str = '0 0 0') -> Any:
    text = default if element is None else element.get(name) or default
    return np.array([float(part) for part in text.split()])


def tip(text: str, last: str, positions: dict[str, float]) -> Any:
    """Return the pose of the child of a joint in the root of its robot, as a 4 x 4 matrix."""
    joints = {one.get('name', ''): one for one in ElementTree.fromstring(text).findall('joint')}
    pose = np.eye(4)
    name: str | None = last
    while name is not None:
        joint = joints[name]
        roll, pitch, yaw = three(joint.find('origin'), 'rpy')
        own = np.eye(4)
        own[:3, :3] = (rotation((0, 0, 1), yaw) @ rotation((0, 1, 0), pitch)
                       @ rotation((1, 0, 0), roll))
        own[:3, 3] = three(joint.find('origin'), 'xyz')
        axis, mimic, motion = three(joint.find('axis'), 'xyz', '1 0 0'), joint.find('mimic'), 0.0
        if joint.get('type') != 'fixed':
            motion = positions.get(name, 0.0)
            if mimic is not None:
                motion = (float(mimic.get('multiplier') or 1.0)
                          * positions[mimic.get('joint', '')]
                          + float(mimic.get('offset') or 0.0))
        moved = np.eye(4)
        if joint.get('type') == 'prismatic':
            moved[:3, 3] = motion * axis / np.linalg.norm(axis)
        else:
            moved[:3, :3] = rotation(axis, motion)
        pose = own @ moved @ pose
        above = joint.find('parent').get('link')  # type: ignore[union-attr]
        name = next((other for other, one in joints.items()
                     if one.find('child').get('link') == above), None)  # type: ignore[union-attr]
    return pose


MIMIC = """<robot name="b"><link name="base"/><link name="l1"/><link name="l2"/><link name="l3"/>
<joint name="j1" type="{kind}"><parent link="base"/><child link="l1"/><axis xyz="0 0 1"/>
  <limit lower="-2" upper="2" effort="1" velocity="1"/></joint>
<joint name="j1b" type="{kind}"><origin xyz="1 0 0" rpy="0.3 0.2 0.1"/><parent link="l1"/>
  <child link="l2"/><axis xyz="0 1 1"/><limit lower="-2" upper="2" effort="1" velocity="1"/>
  <mimic joint="j1" multiplier="-1.5" offset="0.2"/></joint>
<joint name="j2" type="revolute"><origin xyz="1 0 0"/><parent link="l2"/><child link="l3"/>
  <axis xyz="0 0 1"/><limit lower="-2" upper="2" effort="1" velocity="1"/></joint></robot>"""


@pytest.mark.parametrize('kind', ['revolute', 'prismatic'])
@pytest.mark.parametrize('scale', [1.0, -1.0])
def test_a_joint_that_mimics_one_of_the_chain_still_moves(kind: str, scale: float) -> None:
    """It was fixed before, 45 mm and 57 degrees off."""
    original = MIMIC.format(kind=kind)
    written = chain(original, ('j1', 'j2'), Counting(scale))
    for first, second in ((0.0, 0.0), (0.7, -0.4), (-1.1, 0.9)):
        expected = tip(original, 'j2', {'j1': first, 'j2': second})
        seen = {'j1': scale * first, 'j2': scale * second}
        assert tip(written, 'j2', seen) == pytest.approx(expected, abs=1e-6)
    [mimic] = ElementTree.fromstring(written).findall('joint/mimic')
    # Viam's clients read the offset of a prismatic joint in mm.
    assert float(mimic.get('offset', '')) == (0.0 if kind == 'prismatic' else 0.2)


def test_a_joint_that_mimics_one_of_another_kind_is_refused() -> None:
    """Viam's clients use mm for metres; the value would be wrong by a factor of 1000."""
    text = MIMIC.format(kind='revolute').replace('"j1b" type="revolute"', '"j1b" type="prismatic"')
    with pytest.raises(NoChain, match="'j1b' .prismatic. mimics 'j1' .revolute."):
        chain(text, ('j1', 'j2'))


def test_a_gantry_whose_second_rail_mimics_the_first_counts_from_viams_zero() -> None:
    original = MIMIC.format(kind='prismatic')
    written = chain(original, ('j1',), Counting(1.0, (0.8,), (-0.4,)))
    written_on = chain(original.replace('name="j2" type="revolute"', 'name="j2" type="prismatic"'),
                       ('j1', 'j2'), Counting(1.0, (0.8, 0.5), (-0.4, 0.0)))
    assert 'j1b' not in written, 'it ends at its last joint'
    for viam in (0.0, 0.3, 0.8):
        expected = tip(original, 'j1b', {'j1': viam - 0.4})
        assert tip(written_on, 'j1b', {'j1': viam}) == pytest.approx(expected, abs=1e-6)


angles = st.floats(-3.0, 3.0, allow_subnormal=False).map(lambda number: round(number, 4))
vectors = st.tuples(angles, angles, angles)


@st.composite
def robots(draw: st.DrawFn) -> tuple[str, list[str], dict[str, float]]:
    """Return a random chain with fixed, moving and mimicking joints; its own joints; positions."""
    parts, own, positions = ['<link name="l0"/>'], [], {}
    for index in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(['fixed', 'revolute', 'continuous', 'prismatic']))
        x, y, z = draw(vectors)
        axis = draw(st.sampled_from(['1 0 0', '0 1 0', '0 0 1', '0 -1 1', '2 0 0']))
        rpy = ' '.join(map(str, draw(vectors)))
        origin = draw(st.sampled_from([
            '', f'<origin xyz="{x} {y} {z}"/>', f'<origin rpy="{rpy}"/>',
            f'<origin xyz="{x} {y} {z}" rpy="{rpy}"/>']))
        mimic = ''
        sources = [name for name in own if f'name="{name}" type="{kind}"' in ''.join(parts)]
        if kind != 'fixed' and sources and draw(st.booleans()):
            source = draw(st.sampled_from(sources))
            mimic = (f'<mimic joint="{source}" multiplier="{draw(st.sampled_from([-1, 0.5, 2]))}" '
                     f'offset="{draw(angles)}"/>')
        elif kind != 'fixed':
            own.append(f'j{index}')
            positions[f'j{index}'] = draw(angles)
        parts.append(
            f'<link name="l{index + 1}"/><joint name="j{index}" type="{kind}">{origin}'
            f'<parent link="l{index}"/><child link="l{index + 1}"/><axis xyz="{axis}"/>'
            f'<limit lower="-4" upper="4" effort="1" velocity="1"/>{mimic}</joint>')
    assume(own)
    return f'<robot name="r">{"".join(parts)}</robot>', own, positions


@given(robot=robots(), scale=st.sampled_from([1.0, -1.0]))
def test_the_tip_of_any_chain_is_where_the_robot_description_has_it(
        robot: tuple[str, list[str], dict[str, float]], scale: float) -> None:
    text, own, positions = robot
    written = chain(text, tuple(own), Counting(scale))
    seen = {name: scale * position for name, position in positions.items()}
    assert tip(written, own[-1], seen) == pytest.approx(
        tip(text, own[-1], positions), abs=1e-5)
