//! The names and texts with which the states are shown: plain ones, long ones, and ones from right to left.

/// What things and people are called.
pub(super) struct Cast {
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) folder: &'static str,
    pub(super) inner: [&'static str; 3],
    pub(super) person: &'static str,
    pub(super) text: &'static str,
}

pub(super) const PLAIN: Cast = Cast {
    name: "plain",
    file: "holiday.mov",
    folder: "photos",
    inner: ["Quarterly report.pdf", "beach.jpg", "notes.txt"],
    person: "Ann's laptop",
    text: "The key is under the mat.\nSee you at eight, and bring the tickets: https://example.org/tickets",
};

pub(super) const LONG: Cast = Cast {
    name: "long",
    file: "A film that has been cut together from everything of last year's holiday in the mountains, final version 3.mov",
    folder: "Everything that was on the old computer before it broke down",
    inner: [
        "Quarterly report with all appendices and corrections of the second reading.pdf",
        "IMG_20250817_142233_1_panorama_edited_edited_copy_of_a_copy.jpg",
        "n",
    ],
    person: "Maximiliane's computer under the table 2",
    text: "Averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongwordthatcannotbewrappedanywhere, and after it a sentence that goes on over more than one line of the card, whatever its width is.\n\n\nEnd",
};

pub(super) const RIGHT: Cast = Cast {
    name: "right",
    file: "סרט מהחופשה האחרונה שלנו בהרים עם כל המשפחה (גרסה 2).mov",
    folder: "תמונות חדשות",
    inner: ["דוח רבעוני.pdf", "صورة من الشاطئ.jpg", "רשימה.txt"],
    person: "המחשב של דנה",
    text: "המפתח מתחת לשטיח. נתראה בשמונה בערב ליד הבית הישן, ותביאו את הכרטיסים של כולם (גם של דנה).\nمرحبا بالعالم، هذا نص طويل يمتد على أكثر من سطر واحد من سطور البطاقة مهما كان عرضها 2025.\nplain line",
};
