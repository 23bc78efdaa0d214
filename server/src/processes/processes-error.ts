// Why a server of several processes does not start.
import { CodedError } from '@sotto/protocol';

/**
 * Codes of {@link ProcessesError}, why a server of several processes does not start:
 * - `processes_need_redis`: they share what nodes share, and there is no Redis to share it in.
 * - `processes_need_port_sharing`: nothing here lets them listen on one port.
 * - `processes_need_engine_process`: an engine would run within the process that has the queue.
 */
export type ProcessesErrorCode =
  | 'processes_need_redis'
  | 'processes_need_port_sharing'
  | 'processes_need_engine_process';

export class ProcessesError extends CodedError<ProcessesErrorCode> {
  override readonly name = 'ProcessesError';
}
