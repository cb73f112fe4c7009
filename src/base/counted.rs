//! Counts in messages: `1 axis`, `2 axes`.
//!
//! In: a number and a noun. Out: both as they are said. Every message that counts goes through here, so that none says
//! "1 axes".

use std::fmt::Display;

/// `1 axis`, `2 axes`, `0 rows`.
pub fn counted<N: Display + PartialEq + From<u8>>(n: N, noun: &str) -> String {
    if n == N::from(1) { format!("{n} {noun}") } else { format!("{n} {}", plural(noun)) }
}

fn plural(noun: &str) -> String {
    match noun.rsplit_once(' ').map_or(noun, |(_, last)| last) {
        "axis" => format!("{}es", &noun[..noun.len() - 2]),
        "index" => format!("{}ices", &noun[..noun.len() - 2]),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!([counted(1, "axis"), counted(2, "axis"), counted(0, "index")], ["1 axis", "2 axes", "0 indices"]);
        assert_eq!([counted(1i64, "more call"), counted(3u64, "more call")], ["1 more call", "3 more calls"]);
    }
}
