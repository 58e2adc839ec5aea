// Copyright 2026 viam_session_bridge contributors
// SPDX-License-Identifier: Apache-2.0

/**
 * Drives a base ahead for a while with the Viam TypeScript SDK on Node, then stops it.
 *
 *     npm ci --ignore-scripts
 *     node drive.mjs localhost:8080
 *
 * Kill this program while it drives (kill -9): the robot stops at once. The SDK (as of 0.61.1)
 * starts no session by itself, so the bridge uses the open connection as the proof of presence.
 *
 * More: node drive.mjs [[https://]HOST:PORT [NAME [SECONDS [POWER]]]]
 *
 * With https:// it connects with TLS; NODE_EXTRA_CA_CERTS names the file of a private CA. For a
 * bridge with API keys, set VIAM_API_KEY_ID and VIAM_API_KEY to the id and the key.
 */

import { setTimeout as sleep } from 'node:timers/promises';

import { createGrpcTransport } from '@connectrpc/connect-node';
import { BaseClient, RobotClient } from '@viamrobotics/sdk';

// In a browser the SDK uses gRPC-web. On Node it uses gRPC with this transport.
globalThis.VIAM = {
  GRPC_TRANSPORT_FACTORY: (options) => createGrpcTransport({ httpVersion: '2', ...options }),
};

const STILL = { x: 0, y: 0, z: 0 };

const [address = 'localhost:8080', name = 'base', seconds = '3', power = '0.5'] =
  process.argv.slice(2);

// Not createRobotClient: it treats a direct connection as failed. The SDK connects directly only if
// the name of the host contains "local".
const robot = new RobotClient();
const { VIAM_API_KEY_ID: authEntity, VIAM_API_KEY: payload } = process.env;
await robot.dial({
  host: address.includes('://') ? address : `http://${address}`,
  ...(payload && { credentials: { type: 'api-key', payload, authEntity } }),
});

for (const { namespace, type, subtype, name: its } of await robot.resourceNames()) {
  console.log(`resource ${namespace}:${type}:${subtype}/${its}`);
}

const base = new BaseClient(robot, name);
try {
  // Viam's axes: y is ahead, z turns counter-clockwise. Power is -1 to 1 of full speed.
  await base.setPower({ ...STILL, y: Number(power) }, STILL);
  console.log('drives; it needs no further command while this program runs');
  await sleep(Number(seconds) * 1000);
} finally {
  await base.stop();
  console.log('stops');
}

// disconnect() leaves a direct connection open and continues to send requests, so for the bridge
// this program is still present. Only Stop or the end of the process ends its motion.
await robot.disconnect();
process.exit();
