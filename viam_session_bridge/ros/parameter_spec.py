# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The former location of what drivers of other packages import; see `plugin`."""

from viam_session_bridge.parameters.schema import described, Form

__all__ = ['described', 'Form']
