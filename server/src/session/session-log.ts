// What a session needs of a logger; pino has this shape.

export interface SessionLog {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export const SILENT_LOG: SessionLog = { warn: () => {}, error: () => {} };
