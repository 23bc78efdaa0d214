"""Transcripts, where recordings have one: what the teacher wrote is put right by them, word by word, so that its spelling, its punctuation and
the way it writes numbers stay."""
import re
import unicodedata
from difflib import SequenceMatcher

#: Written without spaces: their units are characters.
BY_CHARACTER = {'zh', 'ja', 'ko', 'th'}
#: Where the teacher is this sure (mean log-probability of a token) and yet this far from the transcript, somebody is wrong.
SURE, FAR = -.3, .5


def spans(text, language):
    """Where its words are, in languages without spaces its characters: (begin, end)."""
    pattern = r'[^\W_]' if language in BY_CHARACTER else r"[^\W_]+(?:['’\-][^\W_]+)*"
    return [match.span() for match in re.finditer(pattern, text)]


def plain(word):
    return unicodedata.normalize('NFKC', word).lower().replace('’', "'").replace('-', '')


def parted(transcript, said, language):
    """The transcript with its words parted as `said` parts them, where their letters are the same: 'um goodmorning' is 'um good morning' beside
    'Good morning'."""
    if language in BY_CHARACTER:
        return transcript
    ours, theirs = spans(said, language), spans(transcript, language)
    one = {plain(said[a:b]): said[a:b] for a, b in ours}
    several = {
        ''.join(plain(said[a:b]) for a, b in ours[i:i + n]): said[ours[i][0]:ours[i + n - 1][1]]
        for n in (2, 3) for i in range(len(ours) - n + 1)
    }
    out, at, i = [], 0, 0
    while i < len(theirs):
        words = [plain(transcript[a:b]) for a, b in theirs[i:i + 3]]
        count, right = 1, None if words[0] in one else several.get(words[0])
        for n in range(2, len(words) + 1):
            if ''.join(words[:n]) in one and not all(word in one for word in words[:n]):
                count, right = n, one[''.join(words[:n])]
        if right is not None:
            out += [transcript[at:theirs[i][0]], right]
            at = theirs[i + count - 1][1]
        i += count
    return ''.join(out) + transcript[at:]


def corrected(said, transcript, language):
    """`said` with the words of `transcript` in place of wrong ones, and which share of the transcript's words was wrong. Numbers in figures stay as
    they were said: a transcript that spells them out says the same."""
    if language not in BY_CHARACTER and transcript.isupper():
        transcript = transcript.lower()
    # Where words are parted is spelling too: 'good morning' is nothing wrong beside 'goodmorning'.
    transcript = parted(transcript, said, language)
    ours, theirs = spans(said, language), spans(transcript, language)
    words = lambda text, places: [plain(text[a:b]) for a, b in places]
    out, at, wrong = [], 0, 0
    for kind, i, j, k, m in SequenceMatcher(None, words(said, ours), words(transcript, theirs), autojunk=False).get_opcodes():
        begin = ours[i][0] if i < len(ours) else len(said)
        end = ours[j - 1][1] if j > i else begin
        right = transcript[theirs[k][0]:theirs[m - 1][1]] if m > k else ''
        if kind == 'equal' or any(c.isdigit() for c in said[begin:end] + right):
            continue
        wrong += max(j - i, m - k)
        gap = '' if language in BY_CHARACTER else ' '
        if kind == 'insert' and i >= len(ours):
            # After the last word, before the mark that ends the sentence.
            begin = end = ours[-1][1] if ours else len(said.rstrip())
            right = gap + right
        elif kind == 'insert':
            right += gap
        elif kind == 'delete':
            end += len(said[end:]) - len(said[end:].lstrip(' '))
        elif said[begin:begin + 1].isupper():
            right = right[:1].upper() + right[1:]
        out += [said[at:begin], right]
        at = end
    text = ''.join(out) + said[at:]
    first = next((n for n, c in enumerate(text) if c.isalpha()), None)
    if first is not None and said.strip()[:1].isupper():
        text = text[:first] + text[first].upper() + text[first + 1:]
    return text, wrong / max(1, len(theirs))


def label(said, certainty, transcript, language):
    """The text of a window whose transcript is known, and whether it is the teacher's own; None where neither can be trusted. `said`: None where
    the teacher's text is not believed."""
    own = '' if language in BY_CHARACTER else ' '
    if said is None:
        return own + transcript.strip(), False
    text, wrong = corrected(said, transcript, language)
    if wrong > FAR and certainty > SURE:
        return None
    return text, wrong == 0
