"""Texts on which every graph is checked against torch: short and long, plain and odd, in several scripts."""

from __future__ import annotations

_SENTENCES = (
    "John lives in New York.",
    "Book a table for four at a Greek restaurant near Union Square tomorrow at 7 pm",
    "what's the weather like in São Paulo next Friday?",
    "Play the new album by Sigur Rós on Spotify",
    "My card was charged twice, and the refund of $42.50 has not arrived since 3 March.",
    "Please cancel order #A-1009-77 and send the invoice to anna.schmidt@example.com",
    "The flight from Zürich to Tōkyō (LX160) was delayed by 3 h 20 min.",
    "Siemens AG hired Dr. Maria Gómez as head of research in Erlangen last autumn.",
    "rate this book 4 out of 6 stars",
    "Add “Clair de lune” to my evening playlist, please!",
    "add milk eggs butter and 2 kg of flour to the shopping list",
    "I can't log in: the app says E_AUTH_403 every time I try",
    "Wie komme ich morgen früh am schnellsten von Köln nach Düsseldorf?",
    "Où puis-je acheter un billet pour le concert de Stromae à Bruxelles ?",
    "¿A qué hora abre el museo del Prado los domingos?",
    "Где находится ближайшая аптека?",
    "明天北京的天气怎么样？",  # noqa: RUF001
    "今週末の大阪から福岡までの新幹線を予約して",
    "서울에서 부산까지 얼마나 걸리나요?",
    "كم الساعة الآن في القاهرة؟",
    "מתי יוצאת הרכבת לחיפה?",
    "ठीक है, कल सुबह सात बजे मुझे जगा देना",
    "🍕🍕 two large pizzas to 221B Baker Street 👩‍👩‍👧 asap!!!",
    "a",
    "...",
    "",
    "SHOUTING IN CAPITALS ABOUT THE BROKEN HEATING IN ROOM 1204",
    "The\ttab\tand the   many   blanks",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
    "He said: 'She said: \"They said nothing.\"'",
    "Turn off the lights in the kitchen, then set an alarm for half past six, then tell me about my first meeting.",
)

TEXTS: tuple[str, ...] = (
    *_SENTENCES,
    *(" ".join(_SENTENCES[at : at + 4]) for at in range(0, 20, 4)),
    " ".join(_SENTENCES),
    " ".join(_SENTENCES[:13] * 4),
)
"""The last is longer than most encoders take, so it is cut into windows."""
