// Frames of the compatible APIs: OpenAI's realtime events and Deepgram's live messages, right and wrong.
import type { Frame } from '@sotto/protocol';
import { badValue, damaged, withBadField } from './bad-values.js';
import type { Chance } from './chance.js';

type Message = Readonly<Record<string, unknown>>;

export function realtimeFrame(chance: Chance): Frame {
  if (chance.hits(0.005)) return chance.bytes(chance.below(2_000));
  const message = chance.of<() => Message>([
    () => ({ type: 'input_audio_buffer.append', audio: base64(chance) }),
    () => ({ type: 'input_audio_buffer.append', audio: base64(chance), event_id: chance.text(20) }),
    () => ({ type: 'input_audio_buffer.commit' }),
    () => ({ type: 'input_audio_buffer.clear' }),
    () => ({ type: 'session.update', session: realtimeSession(chance) }),
    () => ({ type: 'transcription_session.update', session: betaSession(chance) }),
    () => ({ type: chance.of(['response.create', 'conversation.item.create', 'nothing']), item: {} }),
  ])();
  return textOf(chance, message);
}

export function deepgramFrame(chance: Chance): Frame {
  if (chance.hits(0.5)) return chance.bytes(1 + chance.below(400));
  return textOf(
    chance,
    chance.of<Message>([
      { type: 'KeepAlive' },
      { type: 'Finalize' },
      { type: 'Finalize', channel: chance.below(3) },
      // Ends the stream: rare, so that conversations are long.
      { type: chance.hits(0.02) ? 'CloseStream' : 'Configure', features: {} },
    ]),
  );
}

function textOf(chance: Chance, message: Message): string {
  const said = chance.hits(0.4) ? withBadField(chance, message) : message;
  const text = JSON.stringify(said);
  return chance.hits(0.02) ? Buffer.from(damaged(chance, Buffer.from(text))).toString() : text;
}

function base64(chance: Chance): string {
  const text = Buffer.from(chance.bytes(chance.below(300))).toString('base64');
  return chance.hits(0.05) ? `data:audio/wav;base64,${text}` : text;
}

function realtimeSession(chance: Chance): Message {
  const format = chance.of([{ type: 'audio/pcm', rate: 24_000 }, { type: 'audio/pcmu' }, { type: 'audio/none' }]);
  return { type: 'transcription', audio: { input: { format, ...transcription(chance) } } };
}

function betaSession(chance: Chance): Message {
  return { input_audio_format: chance.of(['pcm16', 'g711_ulaw', 'mp3']), ...input(chance) };
}

function transcription(chance: Chance): Message {
  const { input_audio_transcription, ...rest } = input(chance);
  return { transcription: input_audio_transcription, ...rest };
}

function input(chance: Chance): Message {
  return {
    input_audio_transcription: { model: chance.of(['whisper-1', 'gpt-4o-transcribe', '']), language: 'en' },
    turn_detection: chance.of([
      null,
      { type: 'server_vad', threshold: 0.5, silence_duration_ms: chance.below(2_000) },
      { type: 'semantic_vad', eagerness: 'low' },
      badValue(chance),
    ]),
  };
}
