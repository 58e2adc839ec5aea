# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The bridge without what operators read: no ~/events, no audit file, no diagnostics."""

import sys

from viam_session_bridge import bridge, process
from viam_session_bridge.core.events import Outputs
from viam_session_bridge.ros.node import BridgeNode


class PlainNode(BridgeNode):
    """The bridge's node; it checks feedback as usual, and publishes no diagnostics."""

    def notice(self, outputs: Outputs) -> None:
        """Take nothing for diagnostics."""

    def _publish_diagnostics(self) -> None:
        self._check_feedback()


if __name__ == '__main__':
    process.sinks_of = lambda node, config, is_guard: []
    process.BridgeNode = PlainNode
    sys.exit(bridge.main())
