// The order in which jobs are done, and by whom.

/** Does one job. Rejects only where the job must be done again: the server shuts down, or the store fails. */
export type JobHandler = (id: string) => Promise<void>;

export interface JobQueue {
  /** Jobs that wait. May be a little behind. */
  waiting(): Promise<number>;
  /** Queues a job behind the others. */
  add(id: string): Promise<void>;
  /** Takes a job that waits out of the queue. It need not be there. */
  remove(id: string): Promise<void>;
  /** Does jobs from now on, those first that a process which is gone has left undone. Called once. */
  work(handler: JobHandler): void;
  /** Takes no further job, and resolves when those under way have rejected or resolved. */
  close(): Promise<void>;
}
