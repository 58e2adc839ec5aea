# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Installs the package, for `colcon build` (ament_python) and for plain `pip install`."""

from glob import glob
from pathlib import Path
import sys

from setuptools import find_packages, setup

package_name = 'viam_session_bridge'

# colcon --symlink-install runs a link to this file from the build folder: find the real one.
source = Path(__file__).resolve().parent


def requirements(name: str) -> list[str]:
    """Return the requirements of `requirements/<name>.txt`, the one place that lists them."""
    lines = (source / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith(('#', '-'))]


def data_beside_code() -> list[str]:
    """Return the files to ship inside the package; `**` in package_data needs setuptools 62."""
    root = source / package_name
    patterns = ('*.proto', '*.binpb', 'dds_profiles/*.xml')
    found = [path for pattern in patterns for path in root.rglob(pattern)]
    return ['py.typed'] + sorted(str(path.relative_to(root)) for path in found)


# What `ros2 run` starts: colcon puts these in lib/viam_session_bridge. pip makes a wheel and would
# put them on the search path, where `bridge` hides the command of iproute2.
ros_commands = [
    'bridge = viam_session_bridge.executables:bridge',
    'guard = viam_session_bridge.executables:guard',
    'demo = viam_session_bridge.executables:demo',
    'keys = viam_session_bridge.cli.keys:main',
    'doctor = viam_session_bridge.cli.doctor:main',
    'sim_base = viam_session_bridge.executables:sim_base',
    'status = viam_session_bridge.cli.operator_commands:main',
    'top = viam_session_bridge.cli.operator_commands:main',
    'events = viam_session_bridge.cli.operator_commands:main',
    'why = viam_session_bridge.cli.operator_commands:main',
    'stop = viam_session_bridge.cli.operator_commands:main',
    'estop = viam_session_bridge.cli.operator_commands:main',
    'reset = viam_session_bridge.cli.operator_commands:main',
]
for_pip = {'bdist_wheel', 'editable_wheel', 'dist_info'} & set(sys.argv)

setup(
    name=package_name,
    version='0.2.0',
    description='Stops a ROS 2 robot when the Viam SDK program that drives it vanishes.',
    author='viam_session_bridge contributors',
    maintainer='viam_session_bridge contributors',
    maintainer_email='maintainers@viam-session-bridge.example',
    license='Apache-2.0',
    packages=find_packages(include=[package_name, f'{package_name}.*']),
    package_data={package_name: data_beside_code()},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{package_name}']),
        (f'share/{package_name}', ['package.xml']),
        (f'share/{package_name}/launch', sorted(glob('launch/*.launch.py'))),
        (f'share/{package_name}/config', sorted(
            path for kind in ('yaml', 'xml', 'json') for path in glob(f'config/*.{kind}'))),
    ],
    python_requires='>=3.10',
    install_requires=requirements('run'),
    extras_require={
        'ros': requirements('ros'),
        'operator': ['rich'],
        'plot': ['matplotlib'],
        'test': requirements('test'),
    },
    zip_safe=False,
    entry_points={
        'console_scripts': [
            *([] if for_pip else ros_commands),
            'viam-session-bridge = viam_session_bridge.executables:main',
        ],
    },
)
