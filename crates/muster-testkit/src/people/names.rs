//! Names of people in several scripts, each with the Latin form that an e-mail address takes.
//!
//! Family names are such as do not change with the bearer's gender, so that any pair is believable.

/// A name as its bearer writes it, and in plain Latin letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) written: &'static str,
    pub(super) latin: &'static str,
}

/// Names that go together, and where most of their bearers work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Culture {
    pub(super) given: &'static [Name],
    pub(super) family: &'static [Name],
    pub(super) home: &'static str,
}

const fn name(written: &'static str, latin: &'static str) -> Name {
    Name { written, latin }
}

const fn plain(latin: &'static str) -> Name {
    Name { written: latin, latin }
}

/// All cultures, each as likely as the others.
pub(super) const CULTURES: [Culture; 12] =
    [ENGLISH, GERMAN, FRENCH, IBERIAN, NORDIC, POLISH, GREEK, UKRAINIAN, ARABIC, CHINESE, JAPANESE, HEBREW];

const ENGLISH: Culture = Culture {
    given: &[
        plain("Alice"),
        plain("Grace"),
        plain("Edward"),
        plain("Harriet"),
        plain("Oliver"),
        plain("Ruth"),
        plain("Samuel"),
        plain("Imogen"),
        name("Siân", "Sian"),
        name("Zoë", "Zoe"),
    ],
    family: &[
        plain("Ashworth"),
        plain("Bennett"),
        plain("Clarke"),
        name("O'Neill", "ONeill"),
        plain("Fletcher"),
        plain("Hughes"),
        plain("Marsh"),
        plain("Smith-Jones"),
        plain("Turner"),
        plain("Whitfield"),
    ],
    home: "London",
};

const GERMAN: Culture = Culture {
    given: &[
        name("Jürgen", "Juergen"),
        name("Käthe", "Kaethe"),
        plain("Lena"),
        plain("Matthias"),
        name("Jörg", "Joerg"),
        plain("Sabine"),
        plain("Uwe"),
        name("Änne", "Aenne"),
        plain("Florian"),
        plain("Hannelore"),
    ],
    family: &[
        name("Müller", "Mueller"),
        name("Schröder", "Schroeder"),
        name("Weiß", "Weiss"),
        name("Großmann", "Grossmann"),
        name("Köhler", "Koehler"),
        plain("Becker"),
        plain("Vogel"),
        name("Jäger", "Jaeger"),
        name("von der Heide", "vonderHeide"),
        name("Böhm", "Boehm"),
    ],
    home: "Berlin",
};

const FRENCH: Culture = Culture {
    given: &[
        name("François", "Francois"),
        name("Hélène", "Helene"),
        name("Benoît", "Benoit"),
        name("Jean-Noël", "Jean-Noel"),
        name("Chloé", "Chloe"),
        plain("Camille"),
        name("Thérèse", "Therese"),
        plain("Mathieu"),
        name("Aïcha", "Aicha"),
        name("Cédric", "Cedric"),
    ],
    family: &[
        name("Lefèvre", "Lefevre"),
        plain("Moreau"),
        name("Gauthier-Béranger", "Gauthier-Beranger"),
        name("Lemaître", "Lemaitre"),
        plain("Rousseau"),
        name("Besançon", "Besancon"),
        name("D'Arçonval", "DArconval"),
        plain("Fontaine"),
        name("Pérez", "Perez"),
        name("Hébert", "Hebert"),
    ],
    home: "Paris",
};

const IBERIAN: Culture = Culture {
    given: &[
        name("José", "Jose"),
        name("Íñigo", "Inigo"),
        name("Begoña", "Begona"),
        name("João", "Joao"),
        name("Conceição", "Conceicao"),
        plain("Carmen"),
        name("Núria", "Nuria"),
        name("Andrés", "Andres"),
        plain("Teresa"),
        name("Inês", "Ines"),
    ],
    family: &[
        name("Muñoz", "Munoz"),
        name("García López", "GarciaLopez"),
        name("Gonçalves", "Goncalves"),
        name("Ibáñez", "Ibanez"),
        name("Simões", "Simoes"),
        name("Peña", "Pena"),
        name("Magalhães", "Magalhaes"),
        name("Vázquez", "Vazquez"),
        plain("Castro"),
        name("Núñez", "Nunez"),
    ],
    home: "Lisbon",
};

const NORDIC: Culture = Culture {
    given: &[
        name("Åsa", "Asa"),
        name("Søren", "Soeren"),
        name("Þóra", "Thora"),
        name("Björn", "Bjoern"),
        plain("Ingrid"),
        name("Päivi", "Paivi"),
        plain("Lars"),
        plain("Maiken"),
        name("Jón", "Jon"),
        name("Øyvind", "Oeyvind"),
    ],
    family: &[
        name("Sørensen", "Soerensen"),
        name("Åkerström", "Akerstroem"),
        name("Hämäläinen", "Hamalainen"),
        name("Ødegård", "Oedegaard"),
        plain("Lindqvist"),
        name("Blöndal", "Bloendal"),
        name("Mäkinen", "Makinen"),
        plain("Dahl"),
        name("Kjær", "Kjaer"),
        name("Sjöberg", "Sjoeberg"),
    ],
    home: "Stockholm",
};

const POLISH: Culture = Culture {
    given: &[
        name("Łukasz", "Lukasz"),
        name("Małgorzata", "Malgorzata"),
        name("Paweł", "Pawel"),
        plain("Agnieszka"),
        name("Błażej", "Blazej"),
        plain("Ewa"),
        name("Grażyna", "Grazyna"),
        name("Michał", "Michal"),
        plain("Zofia"),
        name("Stanisław", "Stanislaw"),
    ],
    family: &[
        name("Wójcik", "Wojcik"),
        plain("Nowak"),
        name("Woźniak", "Wozniak"),
        name("Zając", "Zajac"),
        name("Król", "Krol"),
        name("Wróbel", "Wrobel"),
        plain("Kowalczyk"),
        name("Gołąb", "Golab"),
        plain("Michalczyk"),
        name("Dąbek", "Dabek"),
    ],
    home: "Warsaw",
};

const GREEK: Culture = Culture {
    given: &[
        name("Ελένη", "Eleni"),
        name("Γιώργος", "Giorgos"),
        name("Μαρία", "Maria"),
        name("Νίκος", "Nikos"),
        name("Αικατερίνη", "Aikaterini"),
        name("Δημήτρης", "Dimitris"),
        name("Σοφία", "Sofia"),
        name("Θανάσης", "Thanasis"),
        name("Χρυσούλα", "Chrysoula"),
        name("Ευάγγελος", "Evangelos"),
    ],
    family: &[
        name("Γεωργίου", "Georgiou"),
        name("Κωνσταντίνου", "Konstantinou"),
        name("Νικολάου", "Nikolaou"),
        name("Ιωάννου", "Ioannou"),
        name("Χριστοδούλου", "Christodoulou"),
        name("Βασιλείου", "Vasileiou"),
        name("Αθανασίου", "Athanasiou"),
        name("Οικονόμου", "Oikonomou"),
        name("Ψυχογιού", "Psychogiou"),
        name("Παπαϊωάννου", "Papaioannou"),
    ],
    home: "Athens",
};

const UKRAINIAN: Culture = Culture {
    given: &[
        name("Олена", "Olena"),
        name("Тарас", "Taras"),
        name("Юлія", "Yuliia"),
        name("Андрій", "Andrii"),
        name("Оксана", "Oksana"),
        name("Євген", "Yevhen"),
        name("Наталія", "Nataliia"),
        name("Щастислава", "Shchastyslava"),
        name("Богдан", "Bohdan"),
        name("Ілля", "Illia"),
    ],
    family: &[
        name("Шевченко", "Shevchenko"),
        name("Бондаренко", "Bondarenko"),
        name("Коваленко", "Kovalenko"),
        name("Ткаченко", "Tkachenko"),
        name("Кравчук", "Kravchuk"),
        name("Поліщук", "Polishchuk"),
        name("Гнатюк", "Hnatiuk"),
        name("Лисенко", "Lysenko"),
        name("Мельничук", "Melnychuk"),
        name("Юрченко", "Yurchenko"),
    ],
    home: "Kyiv",
};

const ARABIC: Culture = Culture {
    given: &[
        name("ليلى", "Layla"),
        name("أحمد", "Ahmad"),
        name("فاطمة", "Fatima"),
        name("يوسف", "Yusuf"),
        name("نور", "Nur"),
        name("خالد", "Khalid"),
        name("مريم", "Maryam"),
        name("عمر", "Umar"),
        name("سلمى", "Salma"),
        name("طارق", "Tariq"),
    ],
    family: &[
        name("حداد", "Haddad"),
        name("المصري", "Almasri"),
        name("الخطيب", "Alkhatib"),
        name("نجار", "Najjar"),
        name("عبد الله", "Abdallah"),
        name("منصور", "Mansur"),
        name("السيد", "Alsayyid"),
        name("بدوي", "Badawi"),
        name("شاهين", "Shahin"),
        name("القاضي", "Alqadi"),
    ],
    home: "Cairo",
};

const CHINESE: Culture = Culture {
    given: &[
        name("伟", "Wei"),
        name("芳", "Fang"),
        name("秀英", "Xiuying"),
        name("娜", "Na"),
        name("敏", "Min"),
        name("建国", "Jianguo"),
        name("丽华", "Lihua"),
        name("强", "Qiang"),
        name("雪梅", "Xuemei"),
        name("志明", "Zhiming"),
    ],
    family: &[
        name("王", "Wang"),
        name("李", "Li"),
        name("张", "Zhang"),
        name("刘", "Liu"),
        name("陈", "Chen"),
        name("杨", "Yang"),
        name("欧阳", "Ouyang"),
        name("周", "Zhou"),
        name("吴", "Wu"),
        name("徐", "Xu"),
    ],
    home: "Shanghai",
};

const JAPANESE: Culture = Culture {
    given: &[
        name("さくら", "Sakura"),
        name("翔太", "Shota"),
        name("陽子", "Yoko"),
        name("健", "Ken"),
        name("美咲", "Misaki"),
        name("大輔", "Daisuke"),
        name("ひろみ", "Hiromi"),
        name("直樹", "Naoki"),
        name("千尋", "Chihiro"),
        name("マリア", "Maria"),
    ],
    family: &[
        name("佐藤", "Sato"),
        name("鈴木", "Suzuki"),
        name("高橋", "Takahashi"),
        name("田中", "Tanaka"),
        name("渡辺", "Watanabe"),
        name("伊藤", "Ito"),
        name("山本", "Yamamoto"),
        name("中村", "Nakamura"),
        name("小林", "Kobayashi"),
        name("齋藤", "Saito"),
    ],
    home: "Tokyo",
};

const HEBREW: Culture = Culture {
    given: &[
        name("נועה", "Noa"),
        name("דוד", "David"),
        name("שרה", "Sara"),
        name("יונתן", "Yonatan"),
        name("תמר", "Tamar"),
        name("אבי", "Avi"),
        name("מיכל", "Michal"),
        name("אורי", "Uri"),
        name("רחל", "Rachel"),
        name("איתי", "Itai"),
    ],
    family: &[
        name("כהן", "Cohen"),
        name("לוי", "Levi"),
        name("מזרחי", "Mizrahi"),
        name("פרץ", "Peretz"),
        name("ביטון", "Biton"),
        name("אברהם", "Avraham"),
        name("פרידמן", "Fridman"),
        name("בן-דוד", "Ben-David"),
        name("גולן", "Golan"),
        name("שפירא", "Shapira"),
    ],
    home: "Haifa",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_forms_fit_into_an_address() {
        let names = CULTURES.iter().flat_map(|culture| culture.given.iter().chain(culture.family));
        for name in names {
            let fits = name.latin.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
            assert!(fits && !name.latin.is_empty() && !name.written.is_empty(), "{name:?}");
        }
    }
}
