//! What `#[record]` and the derives of process functions refuse, and how they say so.

#[test]
fn what_is_refused_is_told_where_and_what_to_do_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
