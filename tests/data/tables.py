"""Writes random tables as CSV with Python's own writer, in any dialect and encoding, and what must come back.

usage: tables.py FOLDER COUNT SEED
"""

import codecs
import csv
import gzip
import io
import json
import random
import sys

folder, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dice = random.Random(seed)


def hanzi(encoding, low=0x4E00, high=0x9FA5):
    """Characters that survive the way there and back; EUC-KR's eight bytes for rare syllables are Python's alone."""
    found = []
    for code in range(low, high):
        try:
            data = chr(code).encode(encoding)
            if data.decode(encoding) == chr(code) and len(data) <= 4:
                found.append(chr(code))
        except UnicodeError:
            pass
    return "".join(found)


# Python's name, what a server would declare, characters beside ASCII.
wide = "äöüßéñЯджかなカナ漢字한글תודה😀👩‍👧½€\u00a0\u3000\ufeff"
ENCODINGS = [
    ("utf-8", None, wide),
    ("utf-8", "utf-8", wide),
    ("utf-8-sig", None, wide),
    ("utf-16", None, wide),
    ("utf-16-be-mark", None, wide),
    ("gb18030", "gb18030", hanzi("gb18030") + "€äЯか😀"),
    ("gbk", "gbk", hanzi("gbk")),
    ("big5", "big5", hanzi("big5")),
    ("cp932", "shift_jis", hanzi("cp932") + "かなカナｱｲｳ表ソ"),
    ("euc_kr", "euc-kr", hanzi("euc_kr", 0xAC00, 0xD7A3)),
    ("cp1252", "iso-8859-1", "äöüßéñ€“”"),
    ("cp1250", "windows-1250", "łŁąęěšč"),
    ("cp1251", "windows-1251", "ЯджЁёйц"),
    ("cp1253", "windows-1253", "αβγΩώ"),
    ("cp1254", "windows-1254", "ığşİĞŞ"),
    ("cp1255", "windows-1255", "אבגד"),
    ("cp1256", "windows-1256", "ابتث"),
]
NAMES = ["name", "phone1", "phone2", "email", "company", "address", "city", "memo"]


def cell(letters):
    kind = dice.randrange(8)
    if kind == 0:
        return ""
    length = dice.randrange(1, 12) if kind < 7 else dice.randrange(100)
    plain = "abc XYZ 0189 .-+=@()'\\"
    nasty = ",;\t|\"\r\n\"\"\r\n"
    return "".join(
        dice.choice(letters) if roll < 4 else dice.choice(plain) if roll < 8 else dice.choice(nasty)
        for roll in (dice.randrange(9) for _ in range(length))
    )


for number in range(count):
    encoding, charset, letters = dice.choice(ENCODINGS)
    columns = dice.sample(NAMES, dice.randrange(2, len(NAMES) + 1))
    if dice.randrange(3) == 0:
        columns.insert(dice.randrange(len(columns) + 1), "Zz " + dice.choice(letters))
    rows = [[cell(letters) for _ in columns] for _ in range(dice.randrange(12))]
    quoting = dice.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
    end = dice.choice(["\r\n", "\n", "\r"])
    if end != "\r\n" and quoting == csv.QUOTE_MINIMAL:
        # Python quotes only the line ends that it writes itself.
        other = "\r" if end == "\n" else "\n"
        rows = [[text.replace(other, "") for text in row] for row in rows]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=dice.choice(",;\t|"), quoting=quoting, lineterminator=end)
    writer.writerow(columns)
    writer.writerows(rows)
    written = text.getvalue()
    # Where each record begins: every line end counts once, CR LF too.
    begins = []
    line = 2
    for row in rows:
        begins.append(line)
        one = io.StringIO(newline="")
        csv.writer(one, delimiter=writer.dialect.delimiter, quoting=quoting, lineterminator=end).writerow(row)
        record = one.getvalue()
        line += record.count("\n") + record.count("\r") - record.count("\r\n")
    if dice.randrange(3) == 0:
        written = written[: -len(end)]
    if encoding == "utf-16-be-mark":
        data = codecs.BOM_UTF16_BE + written.encode("utf-16-be")
    else:
        data = written.encode(encoding)
    if charset not in (None, "utf-8"):
        # A few bytes of another encoding may happen to be UTF-8, which goes first.
        chance = sum(len(c.encode()) for c in data.decode("utf-8", "ignore") if ord(c) > 127)
        if chance * 2 > sum(byte > 127 for byte in data):
            encoding, data = "utf-8", written.encode("utf-8")
    if dice.randrange(5) == 0:
        data = gzip.compress(data)
    with open(f"{folder}/{number}.csv", "wb") as file:
        file.write(data)
    with open(f"{folder}/{number}.json", "w", encoding="utf-8") as file:
        told = {"encoding": encoding, "charset": charset, "title": columns, "lines": begins, "rows": rows}
        json.dump(told, file)
