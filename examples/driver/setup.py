# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Installs a package that adds a driver to the bridge."""

from setuptools import setup

setup(
    name='wheels_driver',
    version='0.1.0',
    license='Apache-2.0',
    packages=['wheels_driver'],
    install_requires=['viam_session_bridge'],
    # What a parameter file says as `driver`, and the class behind it.
    entry_points={'viam_session_bridge.drivers': ['wheels = wheels_driver:WheelsDriver']},
)
