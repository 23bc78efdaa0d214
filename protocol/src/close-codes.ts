// Why a socket is closed: named WebSocket close codes, shared by both ends.

/** A close code with the sentence that goes with it, and whether a client should connect again. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
  readonly retry: boolean;
}

export const CLOSE = {
  done: { code: 1000, reason: 'The session is complete.', retry: false },
  goingAway: { code: 1001, reason: 'The server is shutting down.', retry: true },
  messageTooLarge: { code: 1009, reason: 'A message was larger than the limit.', retry: false },
  internal: { code: 1011, reason: 'The server failed.', retry: true },
  moved: { code: 1012, reason: 'The session continues on another node.', retry: true },
  tryAgainLater: { code: 1013, reason: 'The server has no capacity now.', retry: true },
  away: { code: 4001, reason: 'The client continues on another socket.', retry: true },
  protocolError: { code: 4400, reason: 'The client broke the protocol.', retry: false },
  unauthorized: { code: 4401, reason: 'The key or token is missing, wrong or expired.', retry: false },
  forbidden: { code: 4403, reason: 'The key or token does not allow this.', retry: false },
  unknownSession: { code: 4404, reason: 'There is no session to resume.', retry: false },
  idle: { code: 4408, reason: 'No message came for too long.', retry: true },
  takenOver: { code: 4409, reason: 'The session continues on another socket.', retry: false },
  shareUnknown: { code: 4410, reason: 'There is no such shared session, or it is over.', retry: false },
  quotaExceeded: { code: 4430, reason: 'What the client may use is used up.', retry: false },
  slowReader: { code: 4413, reason: 'The client does not read what the server sends.', retry: false },
  tooFast: { code: 4429, reason: 'The client sends faster than audio is processed.', retry: false },
} as const satisfies Record<string, CloseReason>;
