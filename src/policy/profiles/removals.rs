//! How many users a source may lose at once before a person is asked.

/// Whether a person is asked first: of `held` users that a source had, `gone` are to be removed.
///
/// An export that broke off in the middle loses many users, or all; a team loses one. So:
///
/// - nobody is gone: nothing is asked;
/// - 100 percent never ask, 0 percent always;
/// - all are gone: asked, however few they were, since an empty export isn't told from a failed one;
/// - a single user of several: not asked, however few they are. At 20 percent a list of three could otherwise never lose
///   one;
/// - more than so many percent, without rounding: asked. 2 of 10 are 20 percent, and pass; 2 of 9 are more.
#[must_use]
pub fn must_ask(held: u64, gone: u64, max_removed_percent: u8) -> bool {
    match (gone, max_removed_percent) {
        (0, _) | (_, 100..) => false,
        (_, 0) => true,
        _ if gone >= held => true,
        (1, _) => false,
        (_, percent) => u128::from(gone) * 100 > u128::from(held) * u128::from(percent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_few_is_no_accident_and_a_part_or_all_of_them_is_one() {
        for (held, gone, percent, asks) in [
            (3, 1, 20, false),
            (2, 1, 20, false),
            (3, 2, 20, true),
            (1, 1, 20, true),
            (3, 3, 99, true),
            (9, 2, 20, true),
            (10, 2, 20, false),
            (10, 3, 20, true),
            (10_412, 2_082, 20, false),
            (10_412, 2_083, 20, true),
            (10_412, 0, 0, false),
            (10_412, 1, 0, true),
            (10_412, 10_412, 100, false),
            (0, 0, 20, false),
            (5, 7, 20, true),
            (u64::MAX, u64::MAX / 2, 20, true),
        ] {
            assert_eq!(must_ask(held, gone, percent), asks, "{gone} of {held} at {percent} percent");
        }
    }
}
