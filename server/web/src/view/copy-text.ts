// Text to the clipboard, by whichever way the browser has.

/** Whether it is there. @param shown a field that shows it; else there is one for a moment */
export async function copyText(text: string, shown?: HTMLInputElement | null): Promise<boolean> {
  // Pages that are not on https:// have no clipboard.
  if (navigator.clipboard !== undefined) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Refused: by a permission, within a frame, or as the window is not the active one. The old command asks nobody.
    }
  }
  if (shown) return copySelected(shown);
  const before = document.activeElement;
  const field = hiddenField(text);
  document.body.append(field);
  const isCopied = copySelected(field);
  field.remove();
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  return isCopied;
}

function copySelected(field: HTMLInputElement | HTMLTextAreaElement): boolean {
  field.select();
  return document.execCommand('copy');
}

/** Where the page does not scroll to it. */
function hiddenField(text: string): HTMLTextAreaElement {
  const field = document.createElement('textarea');
  field.value = text;
  field.readOnly = true;
  field.style.cssText = 'position: fixed; top: 0; left: 0; opacity: 0';
  return field;
}
