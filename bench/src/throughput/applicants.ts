// Who wants windows decoded: recordings as files, and live segments that grow.
import { idsOf, request } from '../engine/decode-case.js';
import type { Applicant } from './saturate.js';

/** Decodes windows over and over, each applicant another one next. `drafts`: of each window, where they have one. */
export function fileApplicants(
  windows: readonly Float32Array[],
  { count, language, drafts = [] }: { count: number; language: string; drafts?: readonly (readonly number[])[] },
): Applicant[] {
  return Array.from({ length: count }, (_, number) => {
    let at = number;
    return {
      next: () => {
        const asked = at++ % windows.length;
        return request(windows[asked] ?? new Float32Array(), language, drafts[asked] ?? []);
      },
    };
  });
}

/**
 * Segments that grow by `stepSamples` between two decodes, as live ones do, and begin anew when they are whole; the
 * applicants are at different lengths. `isDrafted`: each decode has the hypothesis over the shorter window as its
 * draft.
 */
export function growingApplicants(
  windows: readonly Float32Array[],
  options: { count: number; language: string; isDrafted: boolean; stepSamples: number },
): Applicant[] {
  const { count, language, isDrafted, stepSamples } = options;
  return Array.from({ length: count }, (_, number) => {
    const window = windows[number % windows.length] ?? new Float32Array();
    const steps = Math.max(1, Math.floor(window.length / stepSamples));
    let step = number % steps;
    return {
      next: (last) => {
        step = (step % steps) + 1;
        const draft = isDrafted && step > 1 && last !== undefined ? idsOf(last) : [];
        return request(window.subarray(0, step * stepSamples), language, draft);
      },
    };
  });
}
