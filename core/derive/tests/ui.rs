//! What `#[record]` refuses, and how it says so.

#[test]
fn refused_records_say_where_and_what_to_do_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
