//! Files with so little text that is not ASCII, a name or two, that the detector has nothing to count. Two common Chinese
//! characters are two letters of nearly every other encoding as well; but seldom two that anyone would write so.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253,
    WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258,
};

/// The most bytes that are not ASCII of such a file. From three names on the detector is right by itself.
const SHORT: usize = 16;

/// The encoding of a text that was taken for `guess`: GBK, where the text is short, made of common Chinese characters, and
/// of nothing that would be written in the other encoding.
pub(super) fn or_gbk<'l>(guess: &'static Encoding, lines: impl Iterator<Item = &'l [u8]>) -> &'static Encoding {
    let mut bytes = 0;
    let mut is_natural = true;
    for run in lines.flat_map(|line| line.split(u8::is_ascii)).filter(|run| !run.is_empty()) {
        bytes += run.len();
        if bytes > SHORT || !is_common_chinese(run) {
            return guess;
        }
        is_natural &= self::is_natural(run, guess);
    }
    if is_natural { guess } else { GBK }
}

/// The 3,755 characters of the first level of GB 2312, by which nearly all of Chinese is written.
fn is_common_chinese(run: &[u8]) -> bool {
    let (pairs, rest) = run.as_chunks();
    rest.is_empty() && pairs.iter().all(|[lead, trail]| (0xB0..=0xD7).contains(lead) && (0xA1..=0xFE).contains(trail))
}

/// True where the text of this encoding might be a word, or be part of one.
fn is_natural(run: &[u8], encoding: &'static Encoding) -> bool {
    const LATIN: [&Encoding; 5] = [WINDOWS_1250, WINDOWS_1252, WINDOWS_1254, WINDOWS_1257, WINDOWS_1258];
    let text = encoding.decode_without_bom_handling(run).0;
    let all = |is: fn(char) -> bool| text.chars().all(is);
    // A name in capitals, or with one in front.
    let is_cased =
        || all(char::is_uppercase) || all(char::is_alphabetic) && text.chars().skip(1).all(char::is_lowercase);
    if encoding == EUC_KR {
        // Korean is seldom written in Chinese characters.
        all(|c| ('\u{AC00}'..='\u{D7A3}').contains(&c))
    } else if encoding == WINDOWS_1256 {
        // Letters, without the marks of vowels.
        all(|c| ('\u{621}'..='\u{64A}').contains(&c))
    } else if encoding == WINDOWS_1251 || encoding == WINDOWS_1253 {
        is_cased()
    } else if LATIN.contains(&encoding) {
        // The letters between are ASCII.
        is_cased() && run.len() <= 2
    } else {
        // EUC-JP without kana, and what nobody uses any more, are less likely than Chinese.
        [GBK, BIG5, SHIFT_JIS, WINDOWS_874, WINDOWS_1255].contains(&encoding)
    }
}

#[cfg(test)]
mod tests {
    use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
    use encoding_rs::EUC_JP;

    use super::*;

    fn told(names: &str, encoding: &'static Encoding) -> &'static Encoding {
        let names = names.split(' ').map(|name| encoding.encode(name).0.into_owned());
        let rows: Vec<Vec<u8>> = names.map(|name| [&name[..], b",13800000000"].concat()).collect();
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        for row in &rows {
            detector.feed(row, false);
        }
        detector.feed(b"\n", true);
        or_gbk(detector.guess(None, Utf8Detection::Deny), rows.iter().map(Vec::as_slice))
    }

    fn wrong<'n>(names: &'n str, encoding: &'static Encoding) -> Vec<&'n str> {
        let is_wrong = |name: &&str| {
            let bytes = encoding.encode(name).0;
            told(name, encoding).decode_without_bom_handling(&bytes).0 != **name
        };
        names.split(' ').filter(is_wrong).collect()
    }

    #[test]
    fn a_single_chinese_name_is_read_as_one() {
        let names = "张三 李四 王五 赵六 王小明 李明 陈伟 刘洋 张伟 王芳 李娜 张敏 王静 李强 张磊 杨勇 李杰 张涛 王超 黄晓明 \
                     周杰伦 林志玲 马云 罗翔 孙悟空 胡适 朱元璋 高原 徐志摩 吴京 欧阳锋 司马光 诸葛亮 北京市 上海公司 先生 女士";
        assert!(wrong(names, GBK).is_empty(), "{:?}", wrong(names, GBK));
        // These are names in other encodings, too.
        assert_eq!(wrong("何东 郭靖 王军", GBK).len(), 3);
        assert!(wrong("李四", GBK).is_empty() && told("李四 王五", GBK) == GBK && told("陈伟 何东", GBK) == GBK);
    }

    #[test]
    fn single_names_of_others_stay_what_they_were() {
        for (encoding, names) in [
            (
                EUC_KR,
                "김철수 이영희 박지성 최민수 정우성 강감찬 조용필 윤동주 장동건 한지민 오세훈 서태지 홍길동 부산 고객",
            ),
            (WINDOWS_1251, "Пётр Мария Ольга Анна Москва Иванов Дмитрий Наталья ИВАНОВ СЕРГЕЙ"),
            (WINDOWS_1252, "Müller José François Zoë Björn Núñez Peña Köln Straße Øystein Håkon São Íñigo Sørensen"),
            (WINDOWS_1250, "Dvořák Novák Černý Jiří Šimek Łukasz Müller Németh"),
            (WINDOWS_1253, "Γιώργος Νίκος Ελένη Κώστας"),
            (WINDOWS_1254, "Gül Çağrı Şükrü Özgür Ümit Işıl"),
            (WINDOWS_1255, "משה דוד שרה"),
            (WINDOWS_1256, "محمد أحمد فاطمة حسن خالد عمر سارة مريم زيد"),
            (WINDOWS_874, "สมชาย สมหญิง กานดา ประยุทธ์ มานี วิชัย"),
            (SHIFT_JIS, "田中 鈴木一郎 佐藤 山田太郎 高橋 小林 タナカ スズキ 大阪"),
            (BIG5, "陳大文 林志玲 王小明 張惠妹 李登輝 黃飛鴻 台北 吳宗憲 蔡依林"),
            (EUC_JP, "タナカ たなか スズキ"),
        ] {
            assert!(wrong(names, encoding).is_empty(), "{}: {:?}", encoding.name(), wrong(names, encoding));
        }
        assert_eq!(told("田中 鈴木一郎 佐藤 山田太郎 高橋", EUC_JP), EUC_JP);
    }
}
