//! Register files: encodings, headers, every error with its line.

use comity_spec::attestation::{Basis, IdType};
use comity_spec::ids::{Digest, Region};
use comity_spec::time::UnixSeconds;

use crate::permits::register_file::{
    Column, FileError, Kind, MAX_PROBLEMS, Manifest, ManifestError, Problems, Row, SourceEvent, parse,
};

const HEADER: &str = "居住证编号,姓名,性别,民族,出生日期,公民身份号码,常住户口所在地住址,居住地住址,签发机关,签发日期,申领事由,居住起算日,签注有效期至";
const ZHANG: &str = "YS-1,张示例,男,汉族,1880-01-01,361123188001010017,示例省示例市,玉山县示例街道1号,玉山县公安局(示例),2026-03-01,就业,2025-08-01,2027-02-28";
const LI: &str = "YS-2,李示例,男,畲族,1896-12-31,361123189612310021,示例省示例市,\"玉山县示例街道\n2号,3室\",玉山县公安局(示例),2026-03-01,STUDY,2025-08-01,2027-02-28";

fn yushan() -> Region {
    "361123".parse().unwrap()
}

fn read(file: &[u8], rows: u64) -> Result<Vec<Row>, FileError> {
    let manifest = Manifest {
        kind: Kind::Full,
        sequence: 1,
        rows,
        digest: Digest::of(file),
        source_as_of: UnixSeconds::MIN,
    };
    parse(file, &manifest, yushan())
}

fn problems(file: &str) -> Problems {
    match read(file.as_bytes(), 0) {
        Err(FileError::Rows(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

fn one(from: &str, to: &str) -> Vec<(u64, Option<Column>)> {
    assert!(ZHANG.contains(from), "{from}");
    let found = problems(&format!("{HEADER}\n{}\n", ZHANG.replace(from, to)));
    found
        .listed
        .iter()
        .map(|problem| (problem.line, problem.column))
        .collect()
}

#[test]
fn chinese_headers_and_both_encodings_give_the_same_rows() {
    // Her number has an even 17th digit.
    let li = LI.replacen('男', "女", 1).replace('\n', "");
    let text = format!("{HEADER}\r\n{ZHANG}\r\n{li}\r\n");
    let rows = read(text.as_bytes(), 2).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].details.name, "张示例");
    assert_eq!(rows[0].details.basis, Basis::Employment);
    assert_eq!(rows[0].details.residence_region, yushan());
    assert_eq!(rows[0].event, SourceEvent::Update);
    assert_eq!(rows[1].details.residence_address, "玉山县示例街道2号,3室");
    assert_eq!((rows[0].line, rows[1].line), (2, 3));

    let with_mark = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
    assert_eq!(read(&with_mark, 2).unwrap(), rows);
    // 䶮 is outside GBK's two bytes: four bytes in GB 18030.
    let rare = text.replace("张示例", "张㐂示例");
    let (gb, _, unmappable) = encoding_rs::GB18030.encode(&rare);
    assert!(!unmappable && std::str::from_utf8(&gb).is_err());
    assert_eq!(read(&gb, 2).unwrap(), read(rare.as_bytes(), 2).unwrap());
    assert_eq!(read(b"\xFF\xFF\xFF", 0), Err(FileError::Encoding));
}

#[test]
fn english_headers_in_any_order_with_optional_columns() {
    let file = "endorsed_until,residence_since,basis,issue_date,issuing_authority,residence_address,hukou_address,id_number,birth_date,ethnicity,sex,name,permit_number,tier,insured_months,points_standard_met,previous_ids,source_event,card_valid_until,credential_class\n\
        2027-02-28,2025-08-01,DWELLING,2026-03-01,局,址,址,830000189001010013,1890-01-01,汉族,MALE,陈示例,YS-9,SKILLED,36@2026-10-31,否@2026-10-31,OLD-1; OLD-2,挂失,2030-01-01,TALENT\n";
    let rows = read(file.as_bytes(), 1).unwrap();
    let details = &rows[0].details;
    assert_eq!(details.id_type, IdType::HkMoTwPermit, "by the number");
    assert_eq!(details.insured_months.unwrap().n, 36);
    assert!(!details.points_standard_met.unwrap().met);
    assert_eq!(details.previous_ids, ["OLD-1", "OLD-2"]);
    assert_eq!(rows[0].event, SourceEvent::Lost);
}

#[test]
fn every_error_of_every_row_is_told_with_its_line_and_column() {
    let bad = ZHANG
        .replace("YS-1", "ys 1")
        .replace("361123188001010017", "361123188001010018")
        .replace("2026-03-01", "2026/3/1");
    let twice = ZHANG.replace("张示例", "王示例");
    let file = format!("{HEADER}\n{ZHANG}\n\n{bad}\n{LI}\nYS-3,只有两列\n{twice}\n");
    let found = problems(&file);
    let told: Vec<_> = found.listed.iter().map(|p| (p.line, p.column)).collect();
    assert_eq!(
        told,
        [
            (4, Some(Column::PermitNumber)),
            (4, Some(Column::IdNumber)),
            (4, Some(Column::IssueDate)),
            (5, Some(Column::ResidenceAddress)),
            (5, Some(Column::Sex)),
            (7, None),
            (8, Some(Column::PermitNumber)),
        ]
    );
    assert_eq!(found.total, 7);
    assert_eq!(found.listed[6].other_line, Some(2));
    let text = found.to_string();
    assert!(
        text.contains("第 4 行 签发日期") && text.contains("line 4 issue_date"),
        "{text}"
    );
    assert!(
        !text.contains("361123188001010018") && !text.contains("王示例"),
        "no value is repeated"
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    assert_eq!(one("1880-01-01", "1880-01-02"), [(2, Some(Column::BirthDate))]);
    assert_eq!(one("男", "女"), [(2, Some(Column::Sex))]);
    assert_eq!(
        one("2027-02-28", "2026-02-28"),
        [(2, Some(Column::EndorsedUntil))]
    );
    assert_eq!(
        one("2025-08-01", "2027-08-01"),
        [(2, Some(Column::ResidenceSince))]
    );
    assert_eq!(one("张示例", " 张示例"), [(2, Some(Column::Name))]);
    assert_eq!(one("张示例", ""), [(2, Some(Column::Name))]);
    assert_eq!(one("就业", "工作"), [(2, Some(Column::Basis))]);
    assert_eq!(one("2026-03-01", "2026-02-29"), [(2, Some(Column::IssueDate))]);
    assert_eq!(
        one("361123188001010017", "36112318800101001"),
        [(2, Some(Column::IdNumber))]
    );
}

#[test]
fn a_flood_of_errors_is_counted_and_not_all_listed() {
    let bad = ZHANG.replace("就业", "?");
    let mut file = HEADER.to_owned();
    for row in 0..MAX_PROBLEMS + 5 {
        file.push('\n');
        file.push_str(&bad.replace("YS-1", &format!("YS-{row}")));
    }
    let found = problems(&file);
    assert_eq!(
        (found.listed.len(), found.total),
        (MAX_PROBLEMS, MAX_PROBLEMS as u64 + 5)
    );
    assert!(
        found
            .to_string()
            .ends_with("另有 5 处未列出 / 5 more are not listed")
    );
}

#[test]
fn the_header_is_judged_whole() {
    let header = HEADER.replace("姓名", "名字").replace("民族", "性别");
    let Err(FileError::Header(wrong)) = read(format!("{header}\n").as_bytes(), 0) else {
        panic!("accepted");
    };
    assert_eq!(wrong.unknown, [2]);
    assert_eq!(wrong.repeated, [Column::Sex]);
    assert_eq!(wrong.missing, [Column::Name, Column::Ethnicity]);
    assert!(matches!(read(b"", 0), Err(FileError::Header(_))));
}

#[test]
fn a_file_that_is_not_the_manifests_is_refused() {
    let file = format!("{HEADER}\n{ZHANG}\n");
    assert!(read(file.as_bytes(), 1).is_ok());
    assert_eq!(
        read(file.as_bytes(), 2),
        Err(FileError::RowCount { said: 2, found: 1 })
    );
    let manifest = Manifest {
        kind: Kind::Full,
        sequence: 1,
        rows: 1,
        digest: Digest::of("another file"),
        source_as_of: UnixSeconds::MIN,
    };
    assert_eq!(
        parse(file.as_bytes(), &manifest, yushan()),
        Err(FileError::Checksum)
    );
}

#[test]
fn a_manifest_reads_or_says_why_not() {
    let good = format!(
        r#"{{"comity_register":1,"kind":"delta","sequence":12,"rows":3,"sha256":"{}","source_as_of":"2026-11-22T08:00:00+08:00"}}"#,
        "aB".repeat(32)
    );
    let manifest = Manifest::parse(good.as_bytes()).unwrap();
    assert_eq!(
        (manifest.kind, manifest.sequence, manifest.rows),
        (Kind::Delta, 12, 3)
    );
    assert_eq!(manifest.digest, Digest::from_bytes([0xAB; 32]));
    assert_eq!(manifest.source_as_of.get(), 1_795_305_600);
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from));
        Manifest::parse(good.replace(from, to).as_bytes()).unwrap_err()
    };
    assert_eq!(refused("\":1,", "\":2,"), ManifestError::Version(2));
    assert_eq!(refused(":12", ":0"), ManifestError::Sequence);
    assert_eq!(refused("aBaB", "aB"), ManifestError::Digest);
    assert_eq!(refused("aBaB", "agaB"), ManifestError::Digest);
    assert_eq!(refused("+08:00", ""), ManifestError::Time);
    assert!(matches!(refused("delta", "all"), ManifestError::Form(_)));
    assert!(matches!(refused("\"rows\"", "\"row\""), ManifestError::Form(_)));
    assert_eq!(Manifest::parse(&[b' '; 5_000]), Err(ManifestError::TooLong));
}
