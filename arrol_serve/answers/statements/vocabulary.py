"""How languages say "the answer is"."""

from __future__ import annotations

import re
from collections.abc import Iterator

import re2  # type: ignore[import-untyped]

_EN = (
    r"(?:final |correct |right |best |overall |my |closest |most \w+ )*(?:answers?|ans)"
    r"(?: choice| option| letter)?"
)
_EN_OPTION = (
    r"(?:correct|right|best|final|closest|appropriate)(?: answer)? "
    r"(?:option|choice|letter|response|selection)"
)
_LATIN = (
    r"(?:die |la |le |il |a |o |het |de |den |svaret?|sagot|l[ae] )?(?:\w+ )?"
    r"(?:antwort|lösung|respuesta|r[ée]ponse|risposta|resposta|antwoord|svar(?:et)?|jibu"
    r"|jawaban(?:nya)?|jawapan"
    r"|cevap|yanıt|odpowied[źz]|odpověď|odpoveď|odgovor|răspuns(?:ul)?|válasz|vastaus|atsakymas|vastus|đáp án"
    r"|câu trả lời|sagot|erantzuna|resposta|përgjigjja)"
    r"(?: (?:finale?|final|correcta?|correcte|corretta|definitiv[ae]|sahihi|sahih|akhir|cuối cùng|đúng"
    r"|chính xác|prawidłowa|końcowa))?"
)
_OTHER = (
    r"(?:окончательный |правильный |итоговый )?ответ|відповідь|отговор|одговор|απάντηση|"
    r"(?:الإجابة|الجواب|جواب|پاسخ)(?: (?!هو|هي)\w+)?|תשובה|התשובה(?: \w+)?|उत्तर|উত্তর|సమాధానం|பதில்|விடை"
    r"|ఉత్తరం|ഉത്തരം"
    r"|ಉತ್ತರ|જવાબ|ਜਵਾਬ|คำตอบ|ຄໍາຕອບ|ចម្លើយ|အဖြေ|պատասխան|პასუხი"
)
_CJK = (
    r"(?:最终|最終|正确|正確|标准|参考|最佳)?的?(?:正确选项|正確選項|答案|答え|回答|解答|答复"
    r"|정답|답변?|최종 답)"
    r"(?:选项|選項|应该|应当|應該|应为)?"
)
_IS = (
    r"\s*(?:is|are|was|would be|will be|should be|must be|has to be|equals|ist|lautet|beträgt|es"
    r"|est|è|é|sono|son|seria"
    r"|är|er|on|este|jest|je|is|adalah|ialah|ni|là|:)\b"
)
_CORES = re2.compile(
    r"(?i)answer|\bans\b|(?:option|choice|letter|response|selection)\b|antwort|lösung|respuesta"
    r"|r[ée]ponse|ris?posta"
    r"|antwoord|svar|sagot|jibu|jawaban|jawapan|cevap|yanıt|odpowied[źz]|odpove[ďd]|odpověď"
    r"|odgovor|răspuns|válasz"
    r"|vastaus|atsakymas|vastus|đáp án|câu trả lời|erantzuna|resposta|përgjigj|ответ|відповідь"
    r"|отговор|одговор|απάντηση"
    r"|الإجابة|الجواب|جواب|پاسخ|תשובה|उत्तर|উত্তর|సమాధానం|பதில்|விடை|ఉత్తరం|ഉത്തരം|ಉತ್ತರ|જવાબ|ਜਵਾਬ"
    r"|คำตอบ|ຄໍາຕອບ|ចម្លើយ|အဖြေ"
    r"|պատասխան|პასუხი|答案|正确选项|正確選項|答え|回答|解答|答复|정답|답"
)
_LABEL = re.compile(
    rf"(?P<en>(?<![\w<]){_EN}(?![\w>])|(?<![\w]){_EN_OPTION}(?!\w))"
    rf"|(?P<other>(?<!\w)(?:{_LATIN})(?!\w)|{_OTHER}|{_CJK})",
    re.IGNORECASE,
)
_BEHIND = 40
"""Characters before the word itself that may belong to a label: "the final correct"."""


def labels(text: str) -> Iterator[re.Match[str]]:
    """Where "the final answer" or the like stands. RE2 finds the words, in one pass."""
    passed = 0
    for core in _CORES.finditer(text.encode("utf-8", "replace").decode()):
        if core.start() < passed:
            continue
        found = _LABEL.search(text, max(passed, core.start() - _BEHIND), core.end() + 20)
        while found and found.end() <= core.start():
            found = _LABEL.search(text, found.end(), core.end() + 20)
        if found and found.start() <= core.start():
            passed = found.end()
            yield found


COPULA = re.compile(
    r"(?P<mid>[\"'*_`)\]}]*(?:[ ]?\([^()\n]{1,60}\))?(?:[ ](?:to|for|of|in|from|among|value|choice"
    r"|option|letter|number|expression)\b[^\n.:=]{0,80}?)?"
    r"[\"'*_`]*)\s*"
    r"(?P<sign>(?:is|are|was|would be|will be|should be|must be|equals|therefore|thus|ist|lautet"
    r"|beträgt|es|est"
    r"|è|é|är|er|on|este|jest|adalah|ialah|ni|là|estas|bude|vale|je|ay)\b"
    r"(?:[ ]?[*_]*[:：])?|[:：=]|[-–—]\s|=>|->|→|⇒"
    r"|(?:是|为|為|選|选|は|が|은|는|है|হলো|হল|هو|هي|คือ)(?:[ ]?[:：])?)[*_`]*[ \t]*",
    re.IGNORECASE,
)
TAG_NAMES = (
    "answer|final_?answer|final-answer|ans|finalanswer|correct_answer|solution_answer|answer_final|result"
    "|antwort|respuesta|reponse|réponse|final|response_answer|risposta|resposta|ответ|答案|output_answer"
)
JSON_KEYS = (
    "final_answer", "finalanswer", "answer", "correct_answer", "final answer", "final", "solution", "result",
    "answer_letter", "answer_choice", "choice", "prediction", "antwort", "respuesta", "réponse", "reponse",
    "risposta", "resposta", "ответ", "答案", "label", "output", "value",
)  # fmt: skip
