"""The words of each language. Regular expressions between spaces; ``_`` stands for a space."""

from __future__ import annotations

from typing import NamedTuple


class Language(NamedTuple):
    """``answer``: nouns; ``final``: what may stand before them or after; ``copula``: verbs behind them.

    ``option`` needs such a word beside it ("the correct option"), ``result`` is often said on the way;
    ``closing`` follows the answer where the verb comes last.
    """

    name: str
    answer: str = ""
    final: str = ""
    copula: str = ""
    option: str = ""
    result: str = ""
    closing: str = ""


_EN_FINAL = (
    "the an my our your this its final correct right best overall required desired closest most likely"
    " appropriate accurate suitable probable reasonable numerical numeric actual only chosen selected"
    " choice letter option"
)
_EN_COPULA = (
    "(?:(?:would|will|should|must|can|has_to|have_to)_(?:then_|therefore_|thus_|only_|simply_)?be)"
    " (?:is|are|was|were)(?:_found_to_be)? equals? becomes? remains?"
    " (?:comes?|came|works?|worked)_(?:out_)?(?:to_be|to|as) turns?_out_to_be turned_out_to_be amounts?_to"
    " ends_up_(?:being|as) therefore thus to_be of(?=\\s+[*$(\\\\]*[\\d-])"
)
LANGUAGES = (
    Language("English", "answers? ans", _EN_FINAL, _EN_COPULA,
             "option choice letter response selection", "results? solutions? solution_set"),
    Language("German", "antwort(?:en)? endergebnis", "die der das meine unsere richtige[rns]? korrekte"
             " endgültige finale einzige gesuchte letzte beste",
             "ist sind lautet lauten beträgt wäre wird", "option", "ergebnis lösung"),
    Language("French", "r[ée]ponses?", "la le les ma notre bonne finale? finales? correcte exacte définitive"
             " juste", "est_donc est sont serait sera vaut", "option", "r[ée]sultat solution"),
    Language("Spanish", "respuestas?", "la las mi nuestra final correcta definitiva",
             "es_entonces es son sería será queda", "opción", "resultado solución"),
    Language("Italian", "rispost[ae]", "la le mia finale corretta esatta giusta definitiva",
             "è e' sono sarebbe sarà", "opzione", "risultato soluzione"),
    Language("Portuguese", "respostas?", "minha final correta certa definitiva", "é são seria será",
             "opção alternativa", "resultado solução gabarito"),
    Language("Catalan", "respost(?:a|es)", "la meva final correcta", "és són seria serà", "opció",
             "resultat solució"),
    Language("Dutch", "(?:eind)?antwoord(?:en)? eindresultaat", "het de mijn juiste uiteindelijke?"
             " correcte goede definitieve finale", "is zijn luidt bedraagt wordt", "optie",
             "resultaat oplossing"),
    Language("Afrikaans", "", "finale korrekte regte"),
    Language("Swedish", "(?:slut)?svar(?:et)?", "det mitt slutliga slutligt rätta? korrekta? slutgiltiga",
             "är blir lyder", "alternativet", "resultatet resultat"),
    Language("Norwegian", "", "endelige? riktige? korrekte?", "er blir", "alternativet", "resultatet"),
    Language("Danish", "", "endeligt? rigtige? rigtigt korrekt", "bliver", "", "resultatet"),
    Language("Icelandic", "(?:loka)?svarið", "rétta", "er"),
    Language("Finnish", "vastaus", "lopullinen oikea", "on ovat", "vaihtoehto", "tulos ratkaisu"),
    Language("Estonian", "(?:lõpp)?vastus", "õige lõplik", "on", "", "tulemus lahendus"),
    Language("Latvian", "atbilde", "galīgā pareizā", "ir", "", "rezultāts"),
    Language("Lithuanian", "atsakymas", "galutinis teisingas", "yra", "", "rezultatas"),
    Language("Polish", "odpowied[źz] odpowiedzią", "poprawn[aą] prawidłow[aą] ostateczn[aą] właściw[aą]"
             " końcow[aą] moja", "to_jest to jest są brzmi wynosi", "opcja", "wynik rozwiązanie"),
    Language("Czech", "odpověď odpovědí", "správn[áa] konečná výsledná", "je jsou zní činí", "možnost",
             "výsledek řešení"),
    Language("Slovak", "odpoveď odpoveďou", "", "sú znie", "možnosť", "výsledok riešenie"),
    Language("Hungarian", "válasz(?:unk|om)? végeredmény", "helyes végső jó", "tehát", "", "eredmény"
             " megoldás"),
    Language("Romanian", "răspuns(?:ul)?", "final corect meu", "este ar_fi va_fi", "varianta",
             "rezultat(?:ul)? soluția"),
    Language("Bulgarian", "отговор(?:ът|а)?", "правилният крайният краен верният верен правилен"
             " окончателният", "е са", "", "резултат(?:ът)?"),
    Language("Serbian", "одговор(?:от)?", "тачан коначан коначни точниот", "је гласи износи"),
    Language("Croatian", "odgovor", "točan konač(?:an|ni) ispravan tačan pravilen končni",
             "je su glasi iznosi", "opcija", "rezultat rješenje"),
    Language("Russian", "ответ(?:ом|ы)?", "правильн(?:ый|ым) верн(?:ый|ым) окончательный итоговый конечный"
             " финальный мой наш", "равен равна равно является будет составляет это есть таков",
             "вариант(?:_ответа)?", "результат итог итого решение"),
    Language("Ukrainian", "відповід(?:ь|дю|ддю)", "правильна остаточна вірна кінцева", "є дорівнює становить"
             " буде це", "варіант", "результат"),
    Language("Belarusian", "адказ", "правільны канчатковы", "гэта"),
    Language("Greek", "απάντηση απαντηση", "η τελική σωστή ορθή", "είναι", "επιλογή", "αποτέλεσμα λύση"),
    Language("Turkish", "ceva[bp](?:ı|ımız|ım)? yanıtı? yanit", "doğru nihai son", "ise", "seçenek",
             "sonuç çözüm",
             "(?:['’]?[dt][ıiuü]r) olur olacaktır olmalıdır (?:['’][ıiuü]?n?[cç][ıiuü])"
             " şıkkı(?:dır)? seçeneği(?:dir)?"),
    Language("Azerbaijani", "cavab(?:ı)?", "düzgün"),
    Language("Uzbek", "javob(?:i)?", "to['‘’ʻ]g['‘’ʻ]ri yakuniy"),
    Language("Kazakh", "жауап жауабы", "дұрыс соңғы"),
    Language("Mongolian", "хариулт", "зөв эцсийн", "нь"),
    Language("Arabic", "(?:ال)?(?:إ|ا)جاب[ةه] (?:ال)?جواب", "(?:ال)?نهائي[ةه]? (?:ال)?صحيح[ةه]?",
             "هو هي تساوي يساوي تكون يكون", "", "(?:ال)?ناتج النتيجة (?:ال)?حل"),
    Language("Persian", "پاسخ", "نهایی صحیح درست", "برابر_با برابر عبارت_است_از", "", "نتیجه", "است می‌باشد"),
    Language("Urdu", "", "صحیح حتمی درست آخری", "", "", "", "ہے ہیں"),
    Language("Hebrew", "ה?תשובה", "ה?סופית ה?נכונה", "היא הוא הינה", "", "ה?תוצאה"),
    Language("Hindi", "उत्तर जवाब", "अंतिम सही अन्तिम", "है हैं", "विकल्प", "परिणाम", "है हैं होगा"),
    Language("Marathi", "", "योग्य अंतिम बरोबर", "", "", "", "आहे हो"),
    Language("Bengali", "উত্তর(?:টি|টা)?", "সঠিক চূড়ান্ত", "হলো? হচ্ছে হবে"),
    Language("Tamil", "பதில் விடை", "சரியான இறுதி", "", "", "", "ஆகும்"),
    Language("Telugu", "సమాధానం జవాబు ఉత్తరం", "సరైన తుది", "", "", "", "అవుతుంది"),
    Language("Kannada", "ಉತ್ತರ(?:ವು)?", "ಸರಿಯಾದ ಅಂತಿಮ", "", "", "", "ಆಗಿದೆ"),
    Language("Malayalam", "ഉത്തരം", "ശരിയായ അന്തിമ", "", "", "", "ആണ്"),
    Language("Gujarati", "જવાબ ઉત્તર", "સાચો અંતિમ", "", "", "", "છે"),
    Language("Punjabi", "ਜਵਾਬ ਉੱਤਰ", "ਸਹੀ ਅੰਤਿਮ", "", "", "", "ਹੈ"),
    Language("Sinhala", "පිළිතුර", "නිවැරදි අවසාන", "", "", "", "වේ"),
    Language("Vietnamese", "đáp_án đáp_số câu_trả_lời", "cuối cùng đúng chính xác", "là bằng", "", "kết_quả"),
    Language("Indonesian", "jawaban(?:nya)? jawapan(?:nya)?", "akhir(?:nya)? yang benar tepat betul",
             "adalah ialah yaitu", "pilihan", "hasil(?:nya)?"),
    Language("Tagalog", "sagot", "ang tamang huling pangwakas na", "ay"),
    Language("Swahili", "jibu", "sahihi sahih la mwisho", "ni"),
    Language("Basque", "erantzun(?:a)?", "zuzena azken", "", "", "", "da"),
    Language("Albanian", "përgjigj(?:j)?a", "e saktë përfundimtare", "është"),
    Language("Armenian", "պատասխան(?:ը|ն)?", "ճիշտ վերջնական", "", "", "", "է"),
    Language("Irish", "freagra", "an"),
    Language("Welsh", "ateb", "yr", "yw ydy"),
    Language("Esperanto", "respondo", "la fina ĝusta", "estas"),
    Language("Amharic", "መልሱ? መልስ", "ትክክለኛ የመጨረሻ", "", "", "", "ነው"),
    Language("Yoruba", "ìdáhùn", "", "ni"),
    Language("Hausa", "amsar? amsa", "", "ita_ce shi_ne"),
    Language("Zulu", "impendulo", "", "ngu yi"),
)  # fmt: skip
UNSPACED = (
    Language("Chinese", "(?:最终|最終|最后|最後|正确|正確|标准|参考|最佳|所求)*的?(?:答案|答复|答覆)", "",
             "应该是 應該是 应为 應為 应是 就是 即为 即為 等于 是 为 為 选 選",
             "(?:最终|最終|正确|正確|最佳)的?(?:选项|選項)", "(?:最终|最終|最后)?(?:结果|結果) 正解 解答 答"),
    Language("Japanese", "(?:最終的な|最終|正しい)?(?:答え|回答|解答) 正解 正しい選択肢", "", "は が", "", "",
             "です である だ になります となります となる となった"),
    Language("Korean", "(?:최종_?)?(?:정답|답변|답)", "", "은 는 이 가", "", "결과",
             "번?입니다 번?이다 번?이에요 번?예요 번"),
    Language("Thai", "คำตอบ(?:ที่ถูกต้อง|สุดท้าย|ที่ถูก)*", "", "คือ เป็น เท่ากับ", "", "ตอบ ผลลัพธ์"),
    Language("Lao", "ຄ(?:ຳ|ໍາ)ຕອບ(?:ທີ່ຖືກຕ້ອງ|ສຸດທ້າຍ)*", "", "ແມ່ນ ຄື"),
    Language("Khmer", "ចម្លើយ(?:ត្រឹមត្រូវ|ចុងក្រោយ)*", "", "គឺជា គឺ"),
    Language("Burmese", "အဖြေ(?:မှန်)?", "", "မှာ သည် က", "", "", "ဖြစ်သည် ဖြစ်ပါသည်"),
    Language("Georgian", "პასუხი(?:ა)?", "", "არის"),
)  # fmt: skip
"""Languages whose words are not set apart by spaces, or that end them in particles."""
