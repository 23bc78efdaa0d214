// Any chat model: the prompt goes through the template in its file.
import { LlamaChat, type LlamaContextSequence } from 'node-llama-cpp';
import type { PolishRequest } from '../polisher.js';
import { answerTokensMax, STOP_TEXTS, systemPrompt, userPrompt } from '../prompt/build-prompt.js';
import { UnendedTextError, type Writer, type WriterRun } from './writer.js';

export class ChatWriter implements Writer {
  readonly #chat: LlamaChat;

  constructor(contextSequence: LlamaContextSequence) {
    this.#chat = new LlamaChat({ contextSequence });
  }

  async write(request: PolishRequest, { signal, onText }: WriterRun): Promise<string> {
    const maxTokens = Math.min(answerTokensMax(request), Math.floor(this.#chat.sequence.contextSize / 2));
    const { response, metadata } = await this.#chat.generateResponse(
      [
        { type: 'system', text: systemPrompt(request) },
        { type: 'user', text: userPrompt(request) },
        { type: 'model', response: [] },
      ],
      {
        signal,
        maxTokens,
        temperature: 0,
        // What was said is said again: that is the task.
        repeatPenalty: false,
        customStopTriggers: [...STOP_TEXTS],
        onTextChunk: onText,
      },
    );
    if (metadata.stopReason === 'maxTokens') throw new UnendedTextError(maxTokens);
    return response;
  }
}
