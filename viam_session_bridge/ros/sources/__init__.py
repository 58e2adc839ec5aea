# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What reads the topics that show a resource; the interfaces are in tools.py and source.py."""
