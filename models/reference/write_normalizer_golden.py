"""Writes what transformers' copy of Whisper's text normalisers makes of tricky texts: test/fixtures/golden/normalizers.json.

    python -m models.reference.write_normalizer_golden
"""

import json
import random
from pathlib import Path

from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    "Mr. Brown's dog hasn't eaten; it won't, can't and shan't!",
    "Let's go, y'all: I'ma get 'em. We've been there, she'd gone, he'd done it, it's got to be.",
    "Dr. Smith lives on St. James St., Capt. Lee doesn't. Mrs. O'Hara Jr., esq.",
    "Um, well, uh... mm-hmm, [laughter] that <noise> was (quietly) fine.",
    "The colour of the harbour, organised and analysed, at the centre of the theatre.",
    "Café Zoë, naïve façade, Øresund, straße, Łódź, þing, œuvre, 北京 and Москва.",
    "It cost $1,250.75, £3.50, €20 million and 7 cents.",
    "two dollars and seven cents; $2 and 7 cents; zero point five pounds; fifty cents",
    "twenty one, twenty-one, 21st, twenty first, the nineteen sixties, the 1960s, the sixes",
    "one hundred and one dalmatians, two hundred and, three thousand and forty five",
    "one oh one, double oh seven, triple eight, double trouble, o two",
    "three point one four, point five, four point, 3 point 5, one point five million, two and a half million, a day and a half",
    "minus five, plus or minus, negative ten degrees, positive thinking, minus",
    "fifty percent, fifty per cent, per cent, fifty per person, 5% of 10 %",
    "nineteen ninety nine, nineteen nineteen, twenty twenty, ninety nine thousand nine hundred ninety nine",
    "the first, second, third, fifth, eighth, ninth, twelfth and twentieth; hundreds of thousands; a millionth",
    "one decillion and one; sextillions; 2.5 thousand; 1.2345 thousand; 0 hundred; zero million; 0 hundreds",
    "a1 b2c 3d 4th 5 th 10s 1s ones one 1",
    "192.168.0.1, 1.2.3, 10.30 a.m., e.g. this. That...end",
    "We don't know who's who; they're here, I'm not, it'd rain, he'll see 't.",
    "100 % sure, $ sign, 5 $, ¢ 5, .5, 5., #hashtag @user a_b a&b",
    "",
    "   ",
    "I have 2 or 3, or one or two.",
    "ИДИ СЮДА, İstanbul, ΣΊΣΥΦΟΣ, ﬁne ½ ² ①",
    "and a half, one and a half, two and a half and a half",
]
WORDS = (
    "one two three nine ten eleven nineteen twenty thirty ninety hundred thousand million oh o zero and point double triple minus plus percent per cent "
    "dollars pounds cents first third twelfth twentieth sixties sixes hundredth thousands 0 1 5 07 12 100 1.5 2.0 3,000 $4 £5.50 ¢9 -3 +6 4% 10th 1990s "
    "the people half a"
).split()
OTHERS = [
    "Grüß Gott, Frau Müller! (leise) Es kostet 3,50 €.",
    "今天天气很好，我们去公园散步吧。",
    "他说：“Hello World” 三百二十",
    "Ｆｕｌｌ　ｗｉｄｔｈ １２３ [音乐]",
]


def main() -> None:
    spelling = json.loads((ROOT / "models/data/english-spelling.json").read_text("utf8"))
    english, basic, chance = EnglishTextNormalizer(spelling), BasicTextNormalizer(), random.Random(5)
    texts = TEXTS + [" ".join(chance.choices(WORDS, k=chance.randint(2, 9))) for _ in range(300)]
    content = {"english": [[text, english(text)] for text in texts], "basic": [[text, basic(text)] for text in OTHERS]}
    lines = {key: ",\n".join(f"    {json.dumps(pair, ensure_ascii=False)}" for pair in pairs) for key, pairs in content.items()}
    body = ",\n".join(f'  "{key}": [\n{pairs}\n  ]' for key, pairs in lines.items())
    (ROOT / "test/fixtures/golden/normalizers.json").write_text("{\n" + body + "\n}\n", "utf8")


if __name__ == "__main__":
    main()
