// The tools of `sotto mcp`: each asks a running server over HTTP, as the other commands do.
import { messageOf } from '@sotto/protocol';
import { constants, openAsBlob } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { askServer } from '../server-request.js';
import { defineTool, ToolError, type Tool } from './tool.js';

const FILE_FORMATS = ['text', 'srt', 'vtt', 'json', 'verbose_json'] as const;
const DOCUMENT_FORMATS = ['txt', 'srt', 'vtt', 'json'] as const;
/** How long `follow_session` waits for new words, seconds, and how often it looks. */
const WAIT_S_MAX = 60;
const LOOK_MS = 1_000;

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(4_096));
const seconds = (max: number) => v.pipe(v.number(), v.minValue(0), v.maxValue(max));

export function sottoTools(server: string): Tool[] {
  const ask = async (path: string, signal: AbortSignal, init: RequestInit = {}): Promise<string> =>
    (await askServer(server, path, { ...init, signal })).text();
  return [
    defineTool({
      name: 'transcribe_file',
      description: 'Transcribes an audio or video file of this machine. Returns its text, or subtitles.',
      schema: v.object({
        path: text,
        language: v.optional(text),
        format: v.optional(v.picklist(FILE_FORMATS), 'text'),
      }),
      properties: {
        path: { type: 'string', description: 'Path of the file.' },
        language: { type: 'string', description: 'Language spoken, such as en. Default: told by the sound.' },
        format: { type: 'string', enum: FILE_FORMATS, default: 'text' },
      },
      required: ['path'],
      run: async ({ path, language, format }, signal) => {
        const form = new FormData();
        form.set('model', 'whisper-1');
        form.set('response_format', format);
        if (language !== undefined) form.set('language', language);
        form.set('file', await readable(path), basename(path));
        return ask('/v1/audio/transcriptions', signal, { method: 'POST', body: form });
      },
    }),
    defineTool({
      name: 'search_transcripts',
      description: 'Lists the transcripts that the server keeps, the newest first: those with all of the words.',
      schema: v.object({
        words: v.optional(v.pipe(v.string(), v.maxLength(200)), ''),
        limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 20),
      }),
      properties: {
        words: { type: 'string', description: 'Words that must all be in it. Empty: all transcripts.' },
        limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
      },
      required: [],
      run: async ({ words, limit }, signal) => {
        const query = new URLSearchParams({ limit: `${limit}`, ...(words !== '' && { q: words }) });
        return ask(`/v1/transcripts?${query}`, signal);
      },
    }),
    defineTool({
      name: 'get_transcript',
      description: 'Returns a transcript that the server keeps, by its id.',
      schema: v.object({ id: text, format: v.optional(v.picklist(DOCUMENT_FORMATS), 'txt') }),
      properties: {
        id: { type: 'string', description: 'As search_transcripts gives it.' },
        format: { type: 'string', enum: DOCUMENT_FORMATS, default: 'txt' },
      },
      required: ['id'],
      run: async ({ id, format }, signal) => ask(`/v1/transcripts/${encodeURIComponent(id)}?format=${format}`, signal),
    }),
    defineTool({
      name: 'follow_session',
      description:
        'Returns what was said in a live session that its speaker shares, as WebVTT, and waits for new words where ' +
        'there are none. Call it again with `known` to go on.',
      schema: v.object({
        token: text,
        known: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
        wait_seconds: v.optional(seconds(WAIT_S_MAX), 20),
      }),
      properties: {
        token: { type: 'string', description: 'The watch token, from the link of the speaker (/watch#TOKEN).' },
        known: { type: 'integer', minimum: 0, default: 0, description: 'The number that the call before ended with.' },
        wait_seconds: { type: 'number', minimum: 0, maximum: WAIT_S_MAX, default: 20 },
      },
      required: ['token'],
      run: async ({ token, known, wait_seconds: wait }, signal) => {
        const path = `/v1/watch/${encodeURIComponent(token)}/captions.vtt`;
        for (let looks = Math.floor((wait * 1_000) / LOOK_MS); ; looks--) {
          const cues = cuesOf(await ask(path, signal));
          const fresh = cues.slice(known);
          if (fresh.length > 0) return `${fresh.join('\n\n')}\n\nknown: ${cues.length}`;
          if (looks <= 0) return `Nothing new was said.\n\nknown: ${known}`;
          await delay(LOOK_MS, undefined, { signal });
        }
      },
    }),
  ];
}

/** Its cues: what stands between blank lines and has a time. */
function cuesOf(vtt: string): string[] {
  return vtt
    .split(/\r?\n\r?\n/)
    .map((block) => block.trim())
    .filter((block) => block.includes('-->'));
}

/** Read as it is sent, never held whole. */
async function readable(path: string): Promise<Blob> {
  try {
    // The other says only that it did not open.
    await access(path, constants.R_OK);
    return await openAsBlob(path);
  } catch (cause) {
    throw new ToolError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}
