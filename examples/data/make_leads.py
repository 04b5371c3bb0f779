"""Writes leads.csv, the file that the quickstart imports: the same bytes each time.

    python3 examples/data/make_leads.py

3,000 rows as a spreadsheet exports them (byte order mark, CRLF, quoted cells): people of many places, memos with
commas, quotes and line breaks, people who come again with the same or with other data, and a few rows that can't be
used, each kind for another reason. All of it is invented.
"""

import csv
import io
import pathlib
import random
import re

ROWS = 3000
TITLE = ["Name", "Phone 1", "Phone 2", "Email", "Company", "Address", "City", "Memo", "Priority", "Call after"]

# Given names, family names, how a full name is written, streets, cities, how a phone is written, a memo.
PLACES = [
    ("Anna Jürgen Łukasz Zoë Björn Inès Søren Maja", "Müller Weiß Kowalski Özdemir Lindqvist Dubois Østergård Novák",
     "{0} {1}", ["Lindenstraße {}", "Rue de l’Église {}", "ul. Długa {}"], "Berlin Köln Łódź Nantes Ålesund Brno",
     "+49 {3} {7}-{2}", "Vertrag läuft aus,\n\"bitte vor Juni anrufen\""),
    ("Joe Mary Liam Olivia Noah Emma Sean Grace", "Miller O’Brien Smith-Jones Walker Hughes Clarke Murphy Reid",
     "{0} {1}", ["{} High Street", "{} Station Road", "Flat {}, Mill Lane"], "London Leeds Dublin Cardiff Boston Austin",
     "({3}) {3}.{4}", "wife answers the phone,\nhe is at home after 5"),
    ("伟 芳 秀英 敏 静 建国 丽华 小龙", "王 李 张 刘 陈 杨 黄 欧阳",
     "{1}{0}", ["中山路{}号", "人民大道{}号", "解放街{}号"], "北京 上海 广州 成都 台北 香港",
     "138 {4} {4}", "客户喜欢短信，\n不要打电话"),
    ("翔太 美咲 健一 さくら 大輔 陽子 ケン 葵", "佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 小林",
     "{1} {0}", ["中央{}丁目", "本町{}番地"], "東京 大阪 札幌 福岡 京都 名古屋",
     "０９０－{4}－{4}", "二回目の電話で\n契約予定"),
    ("민준 서연 지훈 수진 하은 도윤 예린 준호", "김 이 박 최 정 강 조 윤",
     "{1}{0}", ["세종대로 {}", "강남대로 {}"], "서울 부산 대구 인천 광주 대전",
     "+82 10-{4}-{4}", "저녁 6시 이후, 다시 전화"),
    ("Иван Анна Сергей Ольга Пётр Елена Юрий Дарья", "Юрченко Шевченко Бондаренко Ткаченко Черных Седых Долгих Живаго",
     "{0} {1}", ["ул. Ленина, д. {}", "пр. Мира, д. {}"], "Москва Казань Омск Київ София Алматы",
     "+7 ({3}) {3}-{2}-{2}", "дозвониться после 18:00, не раньше"),
    ("Νίκος Ελένη Γιώργος Μαρία Κώστας Σοφία Δημήτρης Άννα",
     "Παπαδόπουλος Γεωργίου Νικολάου Δημητρίου Ιωάννου Οικονόμου Αλεξίου Μακρής",
     "{0} {1}", ["Οδός Ερμού {}", "Λεωφόρος Κηφισίας {}"], "Αθήνα Πάτρα Βόλος Χανιά Λάρισα Ρόδος",
     "+30 21{1} {3} {4}", "θέλει προσφορά:\n2 γραμμές"),
    ("محمد فاطمة علي مريم يوسف ليلى حسن نور", "الخطيب حداد منصور العلي صالح عباس خوري نجار",
     "{0} {1}", ["شارع النصر {}", "شارع الملك {}"], "القاهرة عمان بيروت الرياض تونس دبي",
     "+20 2 {4}/{4}", "اتصل بعد الظهر"),
    ("अनिता राज प्रिया अमित सुनीता विजय कविता संजय", "शर्मा वर्मा गुप्ता सिंह पटेल यादव मिश्रा जोशी",
     "{0} {1}", ["गांधी मार्ग {}", "स्टेशन रोड {}"], "दिल्ली मुंबई जयपुर पुणे लखनऊ भोपाल",
     "+91 98{3} {5}", "शाम को फिर से कॉल करें"),
]
COMPANIES = ["", "", "", "Nordlicht GmbH", "Harbour & Sons, Ltd.", "東洋商事", "Ромашка ООО", "Café “Mozart”",
             "Acme, Inc.", "Ελιά ΑΕ", "한빛상사", "14 \"Fourteen\" Media"]
MEMOS = ["", "", "", "prefers mornings", "call back, please", "asked for a quote: 2 phones, 1 line",
         "said \"maybe in spring\"", "moved house;\nnew address not known yet", "speaks French | Dutch",
         "=not a formula"]
PRIORITIES = [""] * 60 + ["1", "1", "1", "2", "2", "5"]
TIMES = [""] * 12 + ["2026-03-02 09:00", "2026-03-02T14:30:00", "2026-04-01", "2026-05-04 08:15:00"]


def digits(rng, pattern):
    """A phone: each {n} becomes n digits."""
    return re.sub(r"\{(\d)\}", lambda n: "".join(rng.choice("0123456789") for _ in range(int(n[1]))), pattern)


def person(rng, number):
    """A row that can be used."""
    # The first rows, which the quickstart shows, are of one place each.
    place = PLACES[number] if number < len(PLACES) else rng.choice(PLACES)
    given, family, name, streets, cities, phone, memo = place
    email = f"customer{number}@example.com" if rng.random() < 0.7 else ""
    return [
        name.format(rng.choice(given.split()), rng.choice(family.split())),
        digits(rng, phone),
        digits(rng, phone) if rng.random() < 0.2 else "",
        email,
        rng.choice(COMPANIES),
        rng.choice(streets).format(rng.randint(1, 99)),
        rng.choice(cities.split()),
        memo if number < len(PLACES) or rng.random() < 0.3 else rng.choice(MEMOS),
        rng.choice(PRIORITIES),
        rng.choice(TIMES),
    ]


def again(rng, row):
    """Somebody who comes again: with the phone written otherwise, and now and then with news."""
    row = list(row)
    row[1] = row[1].replace(" ", "").replace("-", " ")
    if rng.random() < 0.6:
        row[3] = row[3].replace("customer", "new.address.")
        row[7] = rng.choice(["asked again", "is interested now,\ncall soon", ""])
    return row


def line(cells):
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


def bad(rng, kind, row):
    """The bytes of a row that can't be used."""
    row = list(row)
    if kind == "no digit":
        row[1] = rng.choice(["n/a", "unknown", "--"])
    elif kind == "rounded":
        row[1] = rng.choice(["1.38001E+10", "4.93090E+11"])
    elif kind == "no key":
        row[1] = ""
    elif kind == "short":
        row = row[:6]
    elif kind == "long":
        return b"Walker, Mary," + line(row)
    elif kind == "priority":
        row[8] = rng.choice(["high", "1.5"])
    elif kind == "time":
        row[9] = rng.choice(["next Monday", "02.03.2026"])
    elif kind == "bytes":
        return line(row).replace(row[0].encode(), "Jürgen Groß".encode("latin-1"), 1)
    elif kind == "quote":
        return b'"' + line(row)
    return line(row)


def main():
    rng = random.Random(20260301)
    rows = [person(rng, number) for number in range(ROWS)]
    for at in rng.sample(range(200, ROWS), 260):
        rows[at] = again(rng, rows[rng.randrange(at - 150)])
    for at, time in [(240, ""), (1207, "2026-03-02 09:00"), (2013, "")]:
        rows[at][8:] = ["9", time]
    lines = [line(row) for row in rows]
    kinds = ["no digit", "rounded", "no key", "short", "long", "priority", "time", "bytes", "no digit", "no key", "time"]
    for at, kind in zip(sorted(rng.sample(range(60, ROWS - 60), len(kinds))), kinds):
        lines[at] = bad(rng, kind, rows[at])
    # A quote that is never closed must be the last one of the file.
    lines[-1] = bad(rng, "quote", [cell.replace('"', "").replace(",", "").replace("\n", " ") for cell in rows[-1]])
    out = pathlib.Path(__file__).with_name("leads.csv")
    out.write_bytes(b"\xef\xbb\xbf" + line(TITLE) + b"".join(lines))


if __name__ == "__main__":
    main()
