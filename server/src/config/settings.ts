// Every setting of the server, in one table: its flag, variable, file key, help and documentation are derived from it.
import { ADMISSION_SETTINGS } from './groups/admission.js';
import { CONNECTIONS_SETTINGS } from './groups/connections.js';
import { FILES_SETTINGS } from './groups/files.js';
import { JOBS_SETTINGS } from './groups/jobs.js';
import { MONITORING_SETTINGS } from './groups/monitoring.js';
import { POLISH_SETTINGS } from './groups/polish.js';
import { RECOGNITION_SETTINGS } from './groups/recognition.js';
import { REWRITING_SETTINGS } from './groups/rewriting.js';
import { SERVER_SETTINGS } from './groups/server.js';
import { SPEECH_SETTINGS } from './groups/speech.js';
import { STORAGE_SETTINGS } from './groups/storage.js';
import { WATCHING_SETTINGS } from './groups/watching.js';
import type { Setting } from './setting.js';

/** The table, by the groups of the help. */
export const SETTING_GROUPS = {
  Server: SERVER_SETTINGS,
  Recognition: RECOGNITION_SETTINGS,
  Speech: SPEECH_SETTINGS,
  Rewriting: REWRITING_SETTINGS,
  Connections: CONNECTIONS_SETTINGS,
  Admission: ADMISSION_SETTINGS,
  Files: FILES_SETTINGS,
  Polish: POLISH_SETTINGS,
  Watching: WATCHING_SETTINGS,
  Monitoring: MONITORING_SETTINGS,
  Storage: STORAGE_SETTINGS,
  Jobs: JOBS_SETTINGS,
} as const;

type Groups = typeof SETTING_GROUPS;
type Table = Groups['Server'] &
  Groups['Recognition'] &
  Groups['Speech'] &
  Groups['Rewriting'] &
  Groups['Connections'] &
  Groups['Admission'] &
  Groups['Files'] &
  Groups['Polish'] &
  Groups['Watching'] &
  Groups['Monitoring'] &
  Groups['Storage'] &
  Groups['Jobs'];

/** The resolved settings: every key has a valid value. */
export type Settings = { readonly [K in keyof Table]: Table[K] extends Setting<infer T> ? T : never };

/** All settings, in the order of the help. */
export const SETTINGS: ReadonlyMap<string, Setting<unknown>> = new Map(
  Object.values(SETTING_GROUPS).flatMap((group) => Object.entries<Setting<unknown>>(group)),
);
