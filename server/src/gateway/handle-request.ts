// Asks the gateway for the answer to a request, whatever happens.
import { FAILED_RESPONSE, type HttpRequest, type HttpResponse, type TransportHandlers } from './transport.js';

/** The handler's answer, at once where it is there; where the handler fails, {@link FAILED_RESPONSE}. */
export function handleRequest(request: HttpRequest, handlers: TransportHandlers): HttpResponse | Promise<HttpResponse> {
  const failed = (error: unknown): HttpResponse => {
    // What fails because the client left is no failure of the server.
    if (!request.signal.aborted) handlers.failed(error);
    return FAILED_RESPONSE;
  };
  try {
    const answer = handlers.request(request);
    return answer instanceof Promise ? answer.catch(failed) : answer;
  } catch (error) {
    return failed(error);
  }
}
