// The behaviour that every transport must show: one suite, run against each implementation over real sockets.
import type { Test } from 'tap';
import { brokenFrames } from './broken-frames.js';
import { listening } from './listening.js';
import { publishing } from './publishing.js';
import { requestBodies } from './request-bodies.js';
import { requests } from './requests.js';
import { responses } from './responses.js';
import { socketClose } from './socket-close.js';
import { socketMessages } from './socket-messages.js';
import type { Create } from './sockets.js';
import { upgrades } from './upgrades.js';

const PARTS = [
  upgrades,
  socketMessages,
  socketClose,
  brokenFrames,
  publishing,
  listening,
  requestBodies,
  responses,
  requests,
];

export function transportContract(t: Test, create: Create): void {
  for (const part of PARTS) part(t, create);
}
